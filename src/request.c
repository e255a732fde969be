#include "request.h"

#include "arena.h"
#include "buf.h"
#include "form.h"
#include "header.h"
#include "json.h"
#include "table.h"
#include "utf8.h"

enum {
	MIN_ID = 8,
	MAX_ID = 64,
	MIN_SESSION = 33,
	MAX_SESSION = 100,
	MAX_AGENT_SESSION = 256
};

#define AGENT_SESSION "HTTP_X_AMZN_BEDROCK_AGENTCORE_RUNTIME_SESSION_ID"

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

/* Whether s has min to max characters, letters, digits and those of also. */
static bool is_word(struct slice s, size_t min, size_t max, struct slice also)
{
	if (s.len < min || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		struct slice c = {.ptr = s.ptr + i, .len = 1};

		if (!is_alphanumeric(s.ptr[i]) &&
		    slice_find(also, c) == also.len)
			return false;
	}
	return true;
}

bool request_session_id_valid(struct slice id)
{
	return is_word(id, MIN_SESSION, MAX_SESSION, SLICE("-_")) &&
	    is_alphanumeric(id.ptr[0]);
}

const char *request_methods(enum request_route route)
{
	switch (route) {
	case ROUTE_INVOKE:
		return "GET, HEAD, POST, OPTIONS";
	case ROUTE_RUN:
		return "GET, HEAD, DELETE, OPTIONS";
	case ROUTE_RUN_STOP:
	case ROUTE_COMPLETIONS:
	case ROUTE_INVOCATIONS:
		return "POST, OPTIONS";
	case ROUTE_SELFTEST:
	case ROUTE_HEALTH:
	case ROUTE_METRICS:
	case ROUTE_MODELS:
	case ROUTE_PING:
		return "GET, HEAD, OPTIONS";
	case ROUTE_NONE:
	default:
		return "OPTIONS";
	}
}

static bool method_allowed(const struct request *request)
{
	struct slice methods = slice_from(request_methods(request->route));

	while (methods.len > 0) {
		struct slice method = slice_trim(slice_cut(&methods, ','));

		if (slice_equal(method, request->method))
			return true;
	}
	return false;
}

static void read_caller(struct request *request, const struct table *params)
{
	static const struct slice offers[] = {
	    [ANSWER_SSE] = {"text/event-stream", 17},
	    [ANSWER_JSON] = {"application/json", 16},
	    [ANSWER_TEXT] = {"text/plain", 10},
	    [ANSWER_HTML] = {"text/html", 9},
	};
	struct slice id = table_get(params, "HTTP_X_REQUEST_ID");

	request->method = table_get(params, "REQUEST_METHOD");
	request->answer =
	    (enum request_answer)header_accept(table_get(params, "HTTP_ACCEPT"),
		offers, sizeof offers / sizeof *offers);
	request->user = table_get(params, "REMOTE_USER");
	request->address = table_get(params, "REMOTE_ADDR");
	request->host = table_get(params, "HTTP_HOST");
	if (request->host.len == 0)
		request->host = table_get(params, "SERVER_NAME");
	request->origin = table_get(params, "HTTP_ORIGIN");
	request->fetch_site = table_get(params, "HTTP_SEC_FETCH_SITE");
	if (is_word(id, MIN_ID, MAX_ID, SLICE("._-")))
		request->id = id;
	request->authorization = table_get(params, "HTTP_AUTHORIZATION");
	if (request->authorization.len == 0)
		request->authorization =
		    table_get(params, "REDIRECT_HTTP_AUTHORIZATION");
	request->last_event_id = table_get(params, "HTTP_LAST_EVENT_ID");
	request->secure =
	    slice_equal_nocase(table_get(params, "HTTPS"), SLICE("on")) ||
	    slice_equal_nocase(
		table_get(params, "REQUEST_SCHEME"), SLICE("https"));
}

enum status request_parse(struct request *request, const struct table *params,
    const struct request_rules *rules, struct arena *arena)
{
	struct table query = {0};
	enum status status;

	*request = (struct request){0};
	read_caller(request, params);
	if (request->method.len == 0)
		return STATUS_BAD_REQUEST;
	status = route_find(
	    &request->route, &request->name, params, rules->mount, arena);
	if (status == STATUS_NOT_FOUND &&
	    slice_equal(request->method, SLICE("OPTIONS")))
		status = STATUS_OK;
	if (status != STATUS_OK)
		return status;
	if (!method_allowed(request))
		return STATUS_METHOD_NOT_ALLOWED;
	if (request->route == ROUTE_INVOCATIONS &&
	    request->answer == ANSWER_SSE)
		request->answer = ANSWER_AGENT;
	if (request->last_event_id.len > 0)
		return STATUS_OK;
	status = form_parse_urlencoded(
	    &query, arena, table_get(params, "QUERY_STRING"));
	request->last_event_id = table_get(&query, "lastEventId");
	return status;
}

/* How to read a body. */
enum input_kind {
	INPUT_JSON,
	INPUT_TEXT,
	INPUT_URLENCODED,
	INPUT_MULTIPART,
	INPUT_UNKNOWN
};

static enum input_kind choose_input(
    struct slice content_type, struct slice body)
{
	static const struct slice types[] = {
	    [INPUT_JSON] = {"application/json", 16},
	    [INPUT_TEXT] = {"text/plain", 10},
	    [INPUT_URLENCODED] = {"application/x-www-form-urlencoded", 33},
	    [INPUT_MULTIPART] = {"multipart/form-data", 19},
	};
	struct slice type = header_main(content_type), charset;
	enum input_kind input = INPUT_JSON;

	if (type.len == 0)
		return slice_starts(body, SLICE("{")) ? INPUT_JSON
						      : INPUT_URLENCODED;
	while (input < INPUT_UNKNOWN && !slice_equal_nocase(type, types[input]))
		input++;
	/* Browsers do not set it on forms, where it has no meaning. */
	if ((input == INPUT_JSON || input == INPUT_TEXT) &&
	    header_param(content_type, "charset", &charset) &&
	    !slice_equal_nocase(charset, SLICE("utf-8")) &&
	    !slice_equal_nocase(charset, SLICE("utf8")))
		return INPUT_UNKNOWN;
	return input;
}

static bool is_blank(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		/* \t, \n, \v, \f and \r follow each other. */
		if (s.ptr[i] != ' ' && (s.ptr[i] < '\t' || s.ptr[i] > '\r'))
			return false;
	}
	return true;
}

/* Move what buf holds into the arena, and free it. */
static enum status keep(
    struct slice *kept, struct buf *buf, struct arena *arena)
{
	enum status status = buf_status(buf);

	if (status == STATUS_OK) {
		*kept = arena_copy(arena, buf_slice(buf));
		if (kept->ptr == NULL)
			status = STATUS_TOO_LARGE;
	}
	buf_free(buf);
	return status;
}

static enum status copy_text(
    struct slice *copy, struct slice text, struct arena *arena)
{
	*copy = arena_copy(arena, text);
	return copy->ptr == NULL ? STATUS_TOO_LARGE : STATUS_OK;
}

/* Read a member that is a string, null or not there; else wrong. */
static enum status read_member(struct slice *text, const struct json *member,
    enum status wrong, struct arena *arena)
{
	struct slice view;

	if (member == NULL || json_is_null(member))
		return STATUS_OK;
	if (!json_string(member, &view))
		return wrong;
	return copy_text(text, view, arena);
}

static enum status read_object(
    struct request *request, const struct json *json, struct arena *arena)
{
	enum status status;

	if (!json_is_object(json))
		return STATUS_BAD_JSON;
	status = read_member(&request->prompt, json_get(json, "prompt"),
	    STATUS_PROMPT_NOT_TEXT, arena);
	if (status != STATUS_OK)
		return status;
	return read_member(&request->session_id, json_get(json, "sessionId"),
	    STATUS_BAD_SESSION, arena);
}

static enum status read_json(struct request *request, struct slice body,
    bool passthrough, struct arena *arena)
{
	struct json *json = NULL;
	struct buf buf;
	enum status status;

	if (!utf8_valid(body))
		return STATUS_BAD_UTF8;
	status = json_parse(body, &json);
	if (status == STATUS_OK)
		status = read_object(request, json, arena);
	if (status == STATUS_OK && passthrough) {
		buf_init(&buf, body.len);
		json_add_without(&buf, json, body, "sessionId");
		status = keep(&request->payload, &buf, arena);
	}
	json_free(json);
	return status;
}

static enum status read_body(struct request *request,
    const struct table *params, struct slice body, bool passthrough,
    struct arena *arena)
{
	struct slice type = table_get(params, "CONTENT_TYPE");
	struct table fields = {0};
	enum status status;

	/* AWS's own servers for agents ask for no type, either. */
	if (request->route == ROUTE_INVOCATIONS)
		type = SLICE("application/json");
	if (!slice_equal(request->method, SLICE("POST"))) {
		body = table_get(params, "QUERY_STRING");
		type = SLICE("application/x-www-form-urlencoded");
	}
	switch (choose_input(type, body)) {
	case INPUT_JSON:
		return read_json(request, body, passthrough, arena);
	case INPUT_TEXT:
		request->prompt = body;
		return utf8_valid(body) ? STATUS_OK : STATUS_BAD_UTF8;
	case INPUT_URLENCODED:
		status = form_parse_urlencoded(&fields, arena, body);
		break;
	case INPUT_MULTIPART:
		status = form_parse_multipart(&fields, arena, body, type);
		break;
	case INPUT_UNKNOWN:
	default:
		return STATUS_UNSUPPORTED_TYPE;
	}
	request->prompt = table_get(&fields, "prompt");
	request->session_id = table_get(&fields, "sessionId");
	return status;
}

/* AgentCore's own ids may be longer and hold anything: session.c makes one of
 * ours of them. */
static bool may_be_session(const struct request *request)
{
	struct slice id = request->session_id;

	return id.len == 0 || request_session_id_valid(id) ||
	    (request->route == ROUTE_INVOCATIONS &&
		id.len <= MAX_AGENT_SESSION);
}

enum status request_parse_input(struct request *request,
    const struct table *params, struct slice body, bool passthrough,
    const struct request_rules *rules, struct arena *arena)
{
	struct buf buf;
	enum status status;

	request->prompt = (struct slice){0};
	request->session_id = request->payload = (struct slice){0};
	status = read_body(request, params, body, passthrough, arena);
	if (status != STATUS_OK)
		return status;
	if (request->route == ROUTE_INVOCATIONS)
		request->session_id = table_get(params, AGENT_SESSION);
	if (!may_be_session(request))
		return STATUS_BAD_SESSION;
	if (request->prompt.len > rules->max_prompt)
		return STATUS_PROMPT_TOO_LARGE;
	if (request->payload.len > 0)
		return STATUS_OK;
	if (is_blank(request->prompt))
		request->prompt = rules->default_prompt;
	if (is_blank(request->prompt))
		return STATUS_NO_PROMPT;
	if (slice_find(request->prompt, SLICE("\0")) < request->prompt.len)
		return STATUS_BAD_UTF8;
	buf_init(&buf, arena->ceiling);
	buf_add_text(&buf, "{\"prompt\":");
	json_add_string(&buf, request->prompt);
	buf_add_char(&buf, '}');
	return keep(&request->payload, &buf, arena);
}
