/* The signatures are those of AWS's own signer, as in tests/vectors. */
#include "../../src/call.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/credentials/keys.h"
#include "../../src/http.h"
#include "alloc.h"
#include "tap.h"

#define NOW_S INT64_C(1768480496) /* 2026-01-15T12:34:56Z */

/* ---- HTTP, which only writes down ---- */

struct http_transfer {
	struct buf sent; /* method, URL, headers, a blank line, body */
};

static struct http_transfer transfer;
static const struct http_callbacks callbacks = {.end = NULL};
static bool no_transfer, direct;
static uint64_t connect_timeout_ms;

struct http_transfer *http_start(struct http *http,
    const struct http_request *request, const struct http_callbacks *given,
    void *ctx)
{
	CHECK(http == NULL && given == &callbacks && ctx == &transfer);
	if (no_transfer)
		return NULL;
	direct = request->direct;
	connect_timeout_ms = request->connect_timeout_ms;
	buf_addf(&transfer.sent, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_addf(&transfer.sent, "%.*s: %.*s\n",
		    SLICE_ARG(request->headers[i].name),
		    SLICE_ARG(request->headers[i].value));
	buf_add_char(&transfer.sent, '\n');
	buf_add(&transfer.sent, request->body);
	return &transfer;
}

static bool sent(const char *text)
{
	struct slice all = buf_slice(&transfer.sent);

	return slice_find(all, slice_from(text)) < all.len;
}

static enum status start(const struct call_request *request)
{
	struct http_transfer *started = NULL;
	enum status status;

	buf_init(&transfer.sent, 1u << 20);
	status = call_start(NULL, request, &callbacks, &transfer, &started);
	CHECK((status == STATUS_OK) == (started == &transfer));
	return status;
}

static void finish(void)
{
	buf_free(&transfer.sent);
}

/* ---- signing ---- */

/* SLICE, for what is static. */
#define LITERAL(text)                                  \
	{                                              \
		.ptr = (text), .len = sizeof(text) - 1 \
	}

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define HELLO  "{\"prompt\":\"Hello\"}"
#define HOST   "https://bedrock-agentcore.us-east-1.amazonaws.com"
#define RUNTIME                                                              \
	"/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012" \
	"%3Aruntime%2Fmy_agent-AbCdEf1234"
#define SESSION        "0f8fad5b-d9cb-469f-a165-70867728950e"
#define SESSION_HEADER "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

static struct keys keys;

static const struct http_header all_headers[] = {
    {LITERAL("Accept"), LITERAL("text/event-stream")},
    {LITERAL("Content-Type"), LITERAL("application/json")},
    {LITERAL(SESSION_HEADER), LITERAL(SESSION)},
};

static struct call_request agentcore(void)
{
	CHECK(keys_set(
	    &keys, SLICE("AKIDEXAMPLE"), SLICE(SECRET), (struct slice){0}));
	return (struct call_request){
	    .method = "POST",
	    .url = HOST RUNTIME "/invocations?qualifier=DEFAULT",
	    .body = SLICE(HELLO),
	    .keys = &keys,
	    .region = SLICE("us-east-1"),
	    .service = SLICE("bedrock-agentcore"),
	    .now_s = NOW_S,
	};
}

static void check_signed(const struct call_request *request,
    const char *headers, const char *signature)
{
	char wanted[600];

	CHECK(start(request) == STATUS_OK);
	(void)snprintf(wanted, sizeof wanted,
	    "\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115"
	    "/us-east-1/%.*s/aws4_request, SignedHeaders=%s, Signature=%s\n",
	    SLICE_ARG(request->service), headers, signature);
	CHECK(sent(wanted) && sent("\nX-Amz-Date: 20260115T123456Z\n"));
	if (!sent(wanted))
		printf("# sent %.*s\n", SLICE_ARG(buf_slice(&transfer.sent)));
	finish();
}

TEST(an_agent)
{
	struct call_request request = agentcore();

	request.headers = all_headers;
	request.header_count = 3;
	check_signed(&request,
	    "accept;content-type;host;x-amz-date;"
	    "x-amzn-bedrock-agentcore-runtime-session-id",
	    "01296ebe00485f2e21c0b5b8e52c67fad81aac6a31caab9d22a22509fe1103d9");
	request.header_count = 0;
	check_signed(&request, "host;x-amz-date",
	    "84dc0c7043348ccf04bcd534a548ceb1f44ae2a56da256c53e1c035b4da5e82c");
	request.url = HOST "/runtimes/my_agent-AbCdEf1234/invocations"
			   "?qualifier=DEFAULT&accountId=123456789012";
	check_signed(&request, "host;x-amz-date",
	    "beda0ebdb181a17373e0b21b8e950dc8068d1b45efa3a5ed9af099b52cc4ab5a");
}

TEST(an_agent_with_a_session_token_and_the_hash)
{
	struct call_request request = agentcore();

	CHECK(keys_set(&keys, SLICE("AKIDEXAMPLE"), SLICE(SECRET),
	    SLICE("FwoGZXIvYXdzEXAMPLE//TOKEN+/==")));
	request.headers = all_headers;
	request.header_count = 3;
	request.content_sha256 = true;
	check_signed(&request,
	    "accept;content-type;host;x-amz-content-sha256;x-amz-date;"
	    "x-amz-security-token;"
	    "x-amzn-bedrock-agentcore-runtime-session-id",
	    "2c49b93a92d237e9a296a527f2adc9ceddeee1e87457902ff8888b3361b75188");
	CHECK(start(&request) == STATUS_OK);
	CHECK(sent("\nX-Amz-Content-Sha256: fa15bd108b18eb610f5410b1446e7c2c"
		   "59e0656c6c8eb42321a9c8ad65358450\n"));
	CHECK(sent("\nX-Amz-Security-Token: "
		   "FwoGZXIvYXdzEXAMPLE//TOKEN+/==\n"));
	finish();
}

TEST(a_model)
{
	struct call_request request = agentcore();

	request.url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/"
		      "openai.gpt-oss-120b-1%3A0/converse-stream";
	request.service = SLICE("bedrock");
	request.headers = all_headers + 1;
	request.header_count = 1;
	check_signed(&request, "content-type;host;x-amz-date",
	    "25d4b78bdd037a30c9cd07e3f671d55f523f3392a62838513202669312b71c42");
}

TEST(a_role)
{
	static const struct http_header form = {LITERAL("Content-Type"),
	    LITERAL("application/x-www-form-urlencoded; charset=utf-8")};
	struct call_request request = agentcore();

	request.url = "https://sts.us-east-1.amazonaws.com/";
	request.service = SLICE("sts");
	request.headers = &form;
	request.header_count = 1;
	request.body = SLICE(
	    "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A"
	    "%3A123456789012%3Arole%2Fr&RoleSessionName=s&DurationSeconds="
	    "3600");
	check_signed(&request, "content-type;host;x-amz-date",
	    "8cc9f6e9a18573e716547c15ec4a988036c56da6f5d8a7bd13bdfb755bc60240");
	/* The path of no path is the same. */
	request.url = "https://sts.us-east-1.amazonaws.com";
	check_signed(&request, "content-type;host;x-amz-date",
	    "8cc9f6e9a18573e716547c15ec4a988036c56da6f5d8a7bd13bdfb755bc60240");
}

TEST(a_function)
{
	struct call_request request = agentcore();

	request.method = "GET";
	request.url = "https://abc.lambda-url.us-east-1.on.aws/a%20b/%C3%BC"
		      "?k%2F%2B=~%2A%27&b=2&a=x%20y&e=&a=1";
	request.service = SLICE("lambda");
	request.body = (struct slice){0};
	check_signed(&request, "host;x-amz-date",
	    "847ff9b18ad17e2225ba64394b972e034235abf2b5c129f328e34754e451afbf");
}

TEST(a_gateway)
{
	struct call_request request = agentcore();

	CHECK(keys_set(
	    &keys, SLICE("AKIDEXAMPLE"), SLICE(SECRET), SLICE("TOK+/==")));
	request.url =
	    "https://a1b2c3.execute-api.us-east-1.amazonaws.com/prod/chat";
	request.service = SLICE("execute-api");
	request.headers = all_headers + 1;
	request.header_count = 1;
	check_signed(&request,
	    "content-type;host;x-amz-date;x-amz-security-token",
	    "03d7d02c5034c4b1665c32d9af1afef2284f03c834c191d27545d73971f6c2dd");
}

TEST(headers_are_folded_for_signing_alone)
{
	static const struct http_header custom = {
	    LITERAL("X-Custom"), LITERAL("  a   b\t c  ")};
	struct call_request request = agentcore();

	request.headers = &custom;
	request.header_count = 1;
	request.body = (struct slice){0};
	check_signed(&request, "host;x-amz-date;x-custom",
	    "25e0d6f0b2b8932cb60bd46abd89612b1e0c64b3a529a8b751b4fface8387642");
	CHECK(start(&request) == STATUS_OK);
	CHECK(sent("\nX-Custom:   a   b\t c  \n"));
	finish();
}

/* ---- the rest ---- */

TEST(what_is_sent_for_nobody)
{
	struct call_request request = {.method = "POST",
	    .url = "http://host.example:8080/base?x=%41",
	    .headers = all_headers,
	    .header_count = 1,
	    .body = SLICE("Hi"),
	    .direct = true,
	    .connect_timeout_ms = 123};

	CHECK(start(&request) == STATUS_OK);
	CHECK_SLICE(buf_slice(&transfer.sent),
	    SLICE("POST http://host.example:8080/base?x=%41\n"
		  "Host: host.example:8080\nAccept: text/event-stream\n"
		  "User-Agent: agentcgi/" VERSION "\n\nHi"));
	CHECK(direct && connect_timeout_ms == 123);
	finish();
	request.content_sha256 = true;
	request.direct = false;
	request.header_count = 0;
	request.body = (struct slice){0};
	CHECK(start(&request) == STATUS_OK);
	CHECK_SLICE(buf_slice(&transfer.sent),
	    SLICE("POST http://host.example:8080/base?x=%41\n"
		  "Host: host.example:8080\n"
		  "X-Amz-Content-Sha256: e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855\n"
		  "User-Agent: agentcgi/" VERSION "\n\n"));
	CHECK(!direct);
	finish();
}

TEST(tokens_and_keys_of_services)
{
	struct call_request request = {.method = "GET",
	    .url = "https://host.example/",
	    .authorization = SLICE("Bearer x.y.z")};

	CHECK(start(&request) == STATUS_OK);
	CHECK_SLICE(buf_slice(&transfer.sent),
	    SLICE("GET https://host.example/\nHost: host.example\n"
		  "Authorization: Bearer x.y.z\n"
		  "User-Agent: agentcgi/" VERSION "\n\n"));
	finish();
	request.authorization = (struct slice){0};
	request.api_key = SLICE("a-key");
	CHECK(start(&request) == STATUS_OK);
	CHECK_SLICE(buf_slice(&transfer.sent),
	    SLICE("GET https://host.example/\nHost: host.example\n"
		  "X-Api-Key: a-key\n"
		  "User-Agent: agentcgi/" VERSION "\n\n"));
	finish();
}

static void check_host(const char *url, const char *wanted)
{
	struct call_request request = {.method = "GET", .url = url};
	char line[200];

	CHECK(start(&request) == STATUS_OK);
	(void)snprintf(line, sizeof line, "\nHost: %s\n", wanted);
	CHECK(sent(line));
	finish();
}

TEST(hosts_have_the_port_that_is_not_understood)
{
	check_host("https://a.example:443/x", "a.example");
	check_host("https://a.example:80/x", "a.example:80");
	check_host("http://a.example:80", "a.example");
	check_host("http://a.example:443?x", "a.example:443");
	check_host("http://a.example:8080?x/y", "a.example:8080");
	check_host("http://[::1]:80/", "[::1]");
	check_host("https://[::1]:8443/", "[::1]:8443");
	check_host("https://A.example/:443", "A.example");
}

TEST(too_much)
{
	struct http_header headers[CALL_MAX_HEADERS + 1];
	struct call_request request = agentcore();
	static char name[2000];

	for (size_t i = 0; i < CALL_MAX_HEADERS + 1; i++)
		headers[i] = (struct http_header){SLICE("X-A"), SLICE("b")};
	request.headers = headers;
	request.header_count = CALL_MAX_HEADERS + 1;
	CHECK(start(&request) == STATUS_TOO_LARGE);
	request.header_count = CALL_MAX_HEADERS;
	CHECK(start(&request) == STATUS_OK);
	finish();
	/* Their names stand in what is sent. */
	memset(name, 'x', sizeof name);
	headers[0].name = (struct slice){name, sizeof name};
	CHECK(start(&request) == STATUS_TOO_LARGE);
	finish();
}

TEST(no_memory)
{
	struct call_request request = agentcore();
	size_t n = 0;

	for (;; n++) {
		struct http_transfer *started;
		enum status status;

		buf_init(&transfer.sent, 1u << 20);
		for (size_t i = 0; i < 5000; i++)
			buf_add_char(&transfer.sent, ' ');
		alloc_fail_at(n);
		status =
		    call_start(NULL, &request, &callbacks, &transfer, &started);
		finish();
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY);
	}
	CHECK(n > 2);
	no_transfer = true;
	CHECK(start(&request) == STATUS_NO_MEMORY);
	no_transfer = false;
}

int main(void)
{
	return tap_run();
}
