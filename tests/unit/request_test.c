#include "../../src/request.h"

#include "../../src/arena.h"
#include "../../src/table.h"
#include "alloc.h"
#include "tap.h"

#define SESSION "0123456789abcdefABCDEF_-012345678"

static struct arena arena = {.ceiling = 1 << 16};
static struct table params;
static struct request request;
static struct request_rules rules = {.max_prompt = 100};

static void param(const char *name, const char *value)
{
	CHECK(table_add(&params, &arena, slice_from(name), slice_from(value)) ==
	    STATUS_OK);
}

static void begin(const char *method, const char *uri)
{
	arena_free(&arena);
	params = (struct table){0};
	rules = (struct request_rules){.max_prompt = 100};
	param("REQUEST_METHOD", method);
	param("REQUEST_URI", uri);
}

static enum status parse(void)
{
	return request_parse(&request, &params, &rules, &arena);
}

static enum status read_body(const char *type, struct slice body)
{
	begin("POST", "/api/invoke");
	param("CONTENT_TYPE", type);
	CHECK(parse() == STATUS_OK);
	return request_parse_input(
	    &request, &params, body, false, &rules, &arena);
}

static enum status read_json(struct slice body)
{
	return read_body("application/json", body);
}

static enum status read_through(struct slice body)
{
	begin("POST", "/api/invoke");
	param("CONTENT_TYPE", "application/json");
	CHECK(parse() == STATUS_OK);
	return request_parse_input(
	    &request, &params, body, true, &rules, &arena);
}

static enum status read_query(const char *query)
{
	begin("GET", "/api/invoke");
	param("QUERY_STRING", query);
	CHECK(parse() == STATUS_OK);
	return request_parse_input(
	    &request, &params, SLICE("ignored"), false, &rules, &arena);
}

TEST(reads_who_is_calling)
{
	begin("GET", "/api/invoke/bot?x");
	param("REMOTE_USER", "ann");
	param("REMOTE_ADDR", "::1");
	param("SERVER_NAME", "other");
	param("HTTP_HOST", "host:80");
	param("HTTP_ORIGIN", "https://host");
	param("HTTP_SEC_FETCH_SITE", "same-origin");
	param("HTTP_X_REQUEST_ID", "abc.DEF_1-");
	param("HTTP_ACCEPT", "application/json");
	param("HTTP_LAST_EVENT_ID", "7");
	param("QUERY_STRING", "lastEventId=8");
	param("HTTPS", "on");
	CHECK(parse() == STATUS_OK);
	CHECK_SLICE(request.method, SLICE("GET"));
	CHECK(request.route == ROUTE_INVOKE);
	CHECK_SLICE(request.name, SLICE("bot"));
	CHECK_SLICE(request.user, SLICE("ann"));
	CHECK_SLICE(request.address, SLICE("::1"));
	CHECK_SLICE(request.host, SLICE("host:80"));
	CHECK_SLICE(request.origin, SLICE("https://host"));
	CHECK_SLICE(request.fetch_site, SLICE("same-origin"));
	CHECK_SLICE(request.id, SLICE("abc.DEF_1-"));
	CHECK_SLICE(request.last_event_id, SLICE("7"));
	CHECK(request.answer == ANSWER_JSON && request.secure);
}

TEST(reads_what_stands_elsewhere)
{
	begin("GET", "/api/runs/r1");
	param("SERVER_NAME", "name");
	param("HTTP_HOST", "");
	param("REQUEST_SCHEME", "https");
	param("HTTP_LAST_EVENT_ID", "");
	param("QUERY_STRING", "lastEventId=r1%3A8");
	CHECK(parse() == STATUS_OK);
	CHECK_SLICE(request.host, SLICE("name"));
	CHECK_SLICE(request.last_event_id, SLICE("r1:8"));
	CHECK(request.secure && request.answer == ANSWER_SSE);
	begin("GET", "/api/runs/r1");
	param("HTTPS", "off");
	param("REQUEST_SCHEME", "http");
	CHECK(parse() == STATUS_OK && !request.secure);
}

TEST(negotiates_the_answer)
{
	static const struct {
		const char *accept;
		enum request_answer answer;
	} cases[] = {
	    {"*/*", ANSWER_SSE},
	    {"text/event-stream", ANSWER_SSE},
	    {"application/json, text/plain, */*", ANSWER_JSON},
	    {"text/plain", ANSWER_TEXT},
	    {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		ANSWER_HTML},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin("GET", "/invoke");
		param("HTTP_ACCEPT", cases[i].accept);
		CHECK(parse() == STATUS_OK);
		CHECK(request.answer == cases[i].answer);
	}
}

TEST(drops_request_ids_that_may_not_be_logged)
{
	static const char *const ids[] = {"short12", "has space", "new\nline1",
	    "01234567890123456789012345678901234567890123456789012345678901234",
	    "a/b/c/d/e", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		begin("GET", "/invoke");
		param("HTTP_X_REQUEST_ID", ids[i]);
		CHECK(parse() == STATUS_OK && request.id.len == 0);
	}
}

static enum status method(const char *name, const char *uri)
{
	begin(name, uri);
	return parse();
}

TEST(allows_the_methods_of_each_route)
{
	static const struct {
		const char *uri, *allowed;
	} cases[] = {
	    {"/invoke", "GET, HEAD, POST, OPTIONS"},
	    {"/runs/r", "GET, HEAD, DELETE, OPTIONS"},
	    {"/runs/r/stop", "POST, OPTIONS"},
	    {"/selftest", "GET, HEAD, OPTIONS"},
	    {"/health", "GET, HEAD, OPTIONS"},
	    {"/metrics", "GET, HEAD, OPTIONS"},
	    {"/v1/chat/completions", "POST, OPTIONS"},
	    {"/v1/models", "GET, HEAD, OPTIONS"},
	    {"/invocations", "POST, OPTIONS"},
	    {"/ping", "GET, HEAD, OPTIONS"},
	};
	static const char *const methods[] = {
	    "GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "get", "GE"};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t j = 0; j < sizeof methods / sizeof *methods; j++) {
			bool allowed =
			    strstr(cases[i].allowed, methods[j]) != NULL &&
			    strlen(methods[j]) > 2;

			CHECK(method(methods[j], cases[i].uri) ==
			    (allowed ? STATUS_OK : STATUS_METHOD_NOT_ALLOWED));
		}
		CHECK_SLICE(slice_from(request_methods(request.route)),
		    slice_from(cases[i].allowed));
	}
}

TEST(options_is_allowed_everywhere)
{
	CHECK(method("OPTIONS", "/nowhere") == STATUS_OK);
	CHECK(request.route == ROUTE_NONE);
	CHECK(method("OPTIONS", "*") == STATUS_OK);
	CHECK_SLICE(slice_from(request_methods(ROUTE_NONE)), SLICE("OPTIONS"));
	CHECK(method("GET", "/nowhere") == STATUS_NOT_FOUND);
}

TEST(failures_leave_what_could_be_read)
{
	begin("GET", "/%ff");
	param("HTTP_ORIGIN", "https://a");
	CHECK(parse() == STATUS_BAD_UTF8);
	CHECK_SLICE(request.origin, SLICE("https://a"));
	begin("", "/invoke");
	param("HTTP_ORIGIN", "https://a");
	CHECK(parse() == STATUS_BAD_REQUEST);
	CHECK_SLICE(request.origin, SLICE("https://a"));
	begin("GET", "/invoke");
	param("QUERY_STRING", "a=%ff");
	CHECK(parse() == STATUS_BAD_UTF8);
	CHECK(request.route == ROUTE_INVOKE);
}

TEST(json_gives_prompt_and_session)
{
	CHECK(read_json(SLICE("{\"prompt\":\"h\\u00e4 \\\"\\n\",\"x\":1,"
			      "\"sessionId\":\"" SESSION "\"}")) == STATUS_OK);
	CHECK_SLICE(request.prompt, SLICE("h\xc3\xa4 \"\n"));
	CHECK_SLICE(request.session_id, SLICE(SESSION));
	CHECK_SLICE(
	    request.payload, SLICE("{\"prompt\":\"h\xc3\xa4 \\\"\\n\"}"));
	CHECK(read_json(SLICE("{\"prompt\":\"a\",\"sessionId\":null}")) ==
	    STATUS_OK);
	CHECK(request.session_id.len == 0);
	CHECK(read_json(SLICE("{\"prompt\":\"a\",\"sessionId\":\"\"}")) ==
	    STATUS_OK);
	CHECK(request.session_id.len == 0);
}

TEST(json_must_have_a_prompt_of_text)
{
	CHECK(read_json(SLICE("{}")) == STATUS_NO_PROMPT);
	CHECK(read_json(SLICE("{\"Prompt\":\"a\"}")) == STATUS_NO_PROMPT);
	CHECK(read_json(SLICE("{\"prompt\":null}")) == STATUS_NO_PROMPT);
	CHECK(read_json(SLICE("{\"prompt\":\"\"}")) == STATUS_NO_PROMPT);
	CHECK(read_json(SLICE("{\"prompt\":\" \\t\\r\\n\"}")) ==
	    STATUS_NO_PROMPT);
	CHECK(read_json(SLICE("{\"prompt\":1}")) == STATUS_PROMPT_NOT_TEXT);
	CHECK(read_json(SLICE("{\"prompt\":{\"a\":\"b\"}}")) ==
	    STATUS_PROMPT_NOT_TEXT);
	CHECK(
	    read_json(SLICE("{\"prompt\":[\"a\"]}")) == STATUS_PROMPT_NOT_TEXT);
	CHECK(read_json(SLICE("{\"prompt\":true}")) == STATUS_PROMPT_NOT_TEXT);
}

TEST(json_must_be_an_object)
{
	CHECK(read_json(SLICE("")) == STATUS_BAD_JSON);
	CHECK(read_json(SLICE("\"prompt\"")) == STATUS_BAD_JSON);
	CHECK(read_json(SLICE("[{\"prompt\":\"a\"}]")) == STATUS_BAD_JSON);
	CHECK(read_json(SLICE("{\"prompt\":\"a\"")) == STATUS_BAD_JSON);
	CHECK(read_json(SLICE("{\"prompt\":\"a\\u0000\"}")) == STATUS_BAD_JSON);
	CHECK(read_json(SLICE("{\"prompt\":\"\xff\"}")) == STATUS_BAD_UTF8);
}

TEST(session_ids_are_checked)
{
	CHECK(read_json(SLICE("{\"prompt\":\"a\",\"sessionId\":1}")) ==
	    STATUS_BAD_SESSION);
	CHECK(read_json(SLICE("{\"prompt\":\"a\",\"sessionId\":\"short\"}")) ==
	    STATUS_BAD_SESSION);
	CHECK(request_session_id_valid(SLICE(SESSION)));
	CHECK(!request_session_id_valid(SLICE("-" SESSION)));
	CHECK(!request_session_id_valid(SLICE(SESSION ".")));
	CHECK(!request_session_id_valid(slice_first(SLICE(SESSION), 32)));
	CHECK(!request_session_id_valid(SLICE("")));
	CHECK(request_session_id_valid(
	    slice_first(SLICE(SESSION SESSION SESSION SESSION), 100)));
	CHECK(!request_session_id_valid(
	    slice_first(SLICE(SESSION SESSION SESSION SESSION), 101)));
}

TEST(passthrough_keeps_the_callers_bytes)
{
	CHECK(read_through(SLICE("{ \"n\": 12345678901234567890,\n"
				 "\"sessionId\":\"" SESSION "\",\"prompt\": "
				 "\"a\\/\" }")) == STATUS_OK);
	CHECK_SLICE(request.payload,
	    SLICE("{ \"n\": 12345678901234567890,\"prompt\": \"a\\/\" }"));
	CHECK_SLICE(request.prompt, SLICE("a/"));
	CHECK_SLICE(request.session_id, SLICE(SESSION));
	CHECK(read_through(SLICE("{}")) == STATUS_OK);
	CHECK_SLICE(request.payload, SLICE("{}"));
	CHECK(read_through(SLICE("{\"prompt\":[]}")) == STATUS_PROMPT_NOT_TEXT);
	CHECK(read_through(SLICE("[]")) == STATUS_BAD_JSON);
}

TEST(passthrough_of_a_form_is_a_prompt)
{
	begin("POST", "/invoke");
	param("CONTENT_TYPE", "text/plain");
	CHECK(parse() == STATUS_OK);
	CHECK(request_parse_input(&request, &params, SLICE("hi"), true, &rules,
		  &arena) == STATUS_OK);
	CHECK_SLICE(request.payload, SLICE("{\"prompt\":\"hi\"}"));
}

TEST(default_prompt_stands_in)
{
	begin("POST", "/invoke");
	param("CONTENT_TYPE", "application/json");
	rules.default_prompt = SLICE("Hello");
	CHECK(parse() == STATUS_OK);
	CHECK(request_parse_input(&request, &params, SLICE("{\"prompt\":null}"),
		  false, &rules, &arena) == STATUS_OK);
	CHECK_SLICE(request.prompt, SLICE("Hello"));
	CHECK_SLICE(request.payload, SLICE("{\"prompt\":\"Hello\"}"));
}

TEST(forms_give_prompt_and_session)
{
	CHECK(read_body("application/x-www-form-urlencoded; charset=latin1",
		  SLICE("prompt=a+b&sessionId=" SESSION)) == STATUS_OK);
	CHECK_SLICE(request.payload, SLICE("{\"prompt\":\"a b\"}"));
	CHECK_SLICE(request.session_id, SLICE(SESSION));
	CHECK(read_body("multipart/form-data; boundary=X",
		  SLICE("--X\r\nContent-Disposition: form-data; name=prompt"
			"\r\n\r\na\r\nb\r\n--X--\r\n")) == STATUS_OK);
	CHECK_SLICE(request.prompt, SLICE("a\r\nb"));
	CHECK(read_body("multipart/form-data", SLICE("--X--")) ==
	    STATUS_BAD_FORM);
	CHECK(read_body("application/x-www-form-urlencoded",
		  SLICE("prompt=%00")) == STATUS_BAD_UTF8);
	CHECK(read_body("application/x-www-form-urlencoded", SLICE("")) ==
	    STATUS_NO_PROMPT);
	CHECK(read_body("application/x-www-form-urlencoded",
		  SLICE("prompt=a&sessionId=x")) == STATUS_BAD_SESSION);
}

TEST(plain_text_is_the_prompt)
{
	CHECK(read_body("text/plain;charset=UTF-8", SLICE("{\"a\"}")) ==
	    STATUS_OK);
	CHECK_SLICE(request.prompt, SLICE("{\"a\"}"));
	CHECK(read_body("text/plain", SLICE("\xff")) == STATUS_BAD_UTF8);
	CHECK(read_body("text/plain", SLICE("a\0b")) == STATUS_BAD_UTF8);
	CHECK(read_body("text/plain", SLICE(" \n\v\f")) == STATUS_NO_PROMPT);
}

TEST(content_type_goes_by_the_media_type)
{
	struct slice json = SLICE("{\"prompt\":\"a\"}");

	CHECK(read_body("Application/JSON ; charset=\"utf-8\"", json) ==
	    STATUS_OK);
	CHECK(read_body("application/json; charset=utf8", json) == STATUS_OK);
	CHECK(read_body("application/json; charset=utf-16", json) ==
	    STATUS_UNSUPPORTED_TYPE);
	CHECK(read_body("text/plain; charset=iso-8859-1", json) ==
	    STATUS_UNSUPPORTED_TYPE);
	CHECK(
	    read_body("application/ld+json", json) == STATUS_UNSUPPORTED_TYPE);
	CHECK(read_body("application/jsonx", json) == STATUS_UNSUPPORTED_TYPE);
	CHECK(read_body("image/png", json) == STATUS_UNSUPPORTED_TYPE);
	CHECK(read_body("", json) == STATUS_OK);
	CHECK(read_body("", SLICE("prompt=a")) == STATUS_OK);
	CHECK(read_body("", SLICE("")) == STATUS_NO_PROMPT);
}

TEST(get_reads_the_query)
{
	CHECK(read_query("prompt=a%20b&sessionId=" SESSION) == STATUS_OK);
	CHECK_SLICE(request.prompt, SLICE("a b"));
	CHECK_SLICE(request.session_id, SLICE(SESSION));
	CHECK(read_query("") == STATUS_NO_PROMPT);
	CHECK(read_query("{}") == STATUS_NO_PROMPT);
	CHECK(read_query("prompt=%e2%80%83") == STATUS_OK);
}

TEST(post_takes_no_prompt_from_the_query)
{
	begin("POST", "/invoke");
	param("QUERY_STRING", "prompt=a&events=raw");
	CHECK(parse() == STATUS_OK);
	CHECK(request_parse_input(&request, &params, SLICE(""), false, &rules,
		  &arena) == STATUS_NO_PROMPT);
}

/* As AgentCore asks its containers; NULL: without this header. */
static enum status read_invocation(
    const char *type, const char *session, struct slice body, bool passthrough)
{
	begin("POST", "/invocations");
	if (type != NULL)
		param("CONTENT_TYPE", type);
	if (session != NULL)
		param("HTTP_X_AMZN_BEDROCK_AGENTCORE_RUNTIME_SESSION_ID",
		    session);
	CHECK(parse() == STATUS_OK);
	CHECK(request.route == ROUTE_INVOCATIONS);
	return request_parse_input(
	    &request, &params, body, passthrough, &rules, &arena);
}

TEST(invocations_are_json_whatever_their_type)
{
	static const char *const types[] = {NULL, "", "application/json",
	    "text/plain", "application/x-www-form-urlencoded", "image/png",
	    "application/json; charset=utf-16", "multipart/form-data"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		CHECK(read_invocation(types[i], NULL,
			  SLICE("{\"prompt\": \"a\"}"), false) == STATUS_OK);
		CHECK_SLICE(request.prompt, SLICE("a"));
		CHECK_SLICE(request.payload, SLICE("{\"prompt\":\"a\"}"));
		CHECK(read_invocation(types[i], NULL, SLICE("prompt=a"),
			  false) == STATUS_BAD_JSON);
	}
	CHECK(read_invocation("text/plain", NULL,
		  SLICE("{\"input\": {\"n\": 1}}"), true) == STATUS_OK);
	CHECK_SLICE(request.payload, SLICE("{\"input\": {\"n\": 1}}"));
}

TEST(invocations_have_their_session_in_a_header)
{
	struct slice body = SLICE("{\"prompt\":\"a\"}");
	struct slice both =
	    SLICE("{\"prompt\":\"a\",\"sessionId\":\"" SESSION "\"}");
	char text[258];

	CHECK(read_invocation(NULL, NULL, body, false) == STATUS_OK);
	CHECK(request.session_id.len == 0);
	CHECK(read_invocation(NULL, "", body, false) == STATUS_OK);
	CHECK(request.session_id.len == 0);
	CHECK(read_invocation(NULL, SESSION, body, false) == STATUS_OK);
	CHECK_SLICE(request.session_id, SLICE(SESSION));
	/* It need not be of our form. */
	CHECK(read_invocation(NULL, "1", body, false) == STATUS_OK);
	CHECK_SLICE(request.session_id, SLICE("1"));
	CHECK(read_invocation(NULL, "a/b c", body, false) == STATUS_OK);
	CHECK_SLICE(request.session_id, SLICE("a/b c"));
	memset(text, 'a', sizeof text);
	text[256] = '\0';
	CHECK(read_invocation(NULL, text, body, false) == STATUS_OK);
	CHECK(request.session_id.len == 256);
	text[256] = 'a';
	text[257] = '\0';
	CHECK(read_invocation(NULL, text, body, false) == STATUS_BAD_SESSION);
	/* The body's is not AgentCore's. */
	CHECK(read_invocation(NULL, "1", both, false) == STATUS_OK);
	CHECK_SLICE(request.session_id, SLICE("1"));
	CHECK(read_invocation(NULL, NULL, both, false) == STATUS_OK);
	CHECK(request.session_id.len == 0);
}

TEST(elsewhere_the_header_of_a_session_says_nothing)
{
	begin("POST", "/api/invoke");
	param("CONTENT_TYPE", "text/plain");
	param("HTTP_X_AMZN_BEDROCK_AGENTCORE_RUNTIME_SESSION_ID", SESSION);
	CHECK(parse() == STATUS_OK);
	CHECK(request_parse_input(&request, &params, SLICE("a"), false, &rules,
		  &arena) == STATUS_OK);
	CHECK(request.session_id.len == 0);
}

TEST(invocations_are_answered_as_agents_answer)
{
	static const struct {
		const char *accept;
		enum request_answer answer;
	} cases[] = {
	    {"*/*", ANSWER_AGENT},
	    {"text/event-stream", ANSWER_AGENT},
	    {"", ANSWER_AGENT},
	    {"text/event-stream, application/json", ANSWER_AGENT},
	    {"application/json", ANSWER_JSON},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin("POST", "/invocations");
		param("HTTP_ACCEPT", cases[i].accept);
		CHECK(parse() == STATUS_OK);
		CHECK(request.answer == cases[i].answer);
	}
}

TEST(prompts_have_a_limit)
{
	char text[101];
	struct slice body = {.ptr = text, .len = 100};

	memset(text, 'a', sizeof text);
	CHECK(read_body("text/plain", body) == STATUS_OK);
	body.len++;
	CHECK(read_body("text/plain", body) == STATUS_PROMPT_TOO_LARGE);
}

TEST(full_arena_is_too_large)
{
	struct arena small;

	arena_init(&small, 8);
	CHECK(read_body("text/plain", SLICE("ab")) == STATUS_OK);
	CHECK(request_parse_input(&request, &params, SLICE("ab"), false, &rules,
		  &small) == STATUS_TOO_LARGE);
	arena_free(&small);
}

/* One request with the n-th allocation failing; true while it did. */
static bool starve(size_t n, const char *type, struct slice body)
{
	struct arena own;
	enum status status;
	bool failed;

	begin("POST", "/api/invoke/bot");
	param("CONTENT_TYPE", type);
	arena_init(&own, 1 << 16);
	alloc_fail_at(n);
	status = request_parse(&request, &params, &rules, &own);
	if (status == STATUS_OK)
		status = request_parse_input(
		    &request, &params, body, true, &rules, &own);
	failed = alloc_failed();
	if (failed)
		CHECK(status == STATUS_NO_MEMORY || status == STATUS_TOO_LARGE);
	else
		CHECK(status == STATUS_OK);
	arena_free(&own);
	return failed;
}

TEST(survives_lack_of_memory)
{
	size_t n = 0;

	while (starve(n, "application/json", SLICE("{\"prompt\":\"a\"}")))
		n++;
	CHECK(n > 1);
	n = 0;
	while (starve(n, "text/plain", SLICE("a")))
		n++;
	CHECK(n > 1);
}

int main(void)
{
	int result = tap_run();

	arena_free(&arena);
	return result;
}
