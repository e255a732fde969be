#include "../../src/backend.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/call.h"
#include "../../src/config.h"
#include "../../src/credentials/keys.h"
#include "../../src/http.h"
#include "alloc.h"
#include "tap.h"

/* ---- what is started ---- */

static struct {
	size_t calls;
	struct call_request request; /* url, headers: gone by then */
	struct buf text;             /* method and URL, headers, body */
	const struct http_callbacks *callbacks;
	struct http *http;
	void *ctx;
	enum status status;
} asked;

static int some_http, some_transfer, some_ctx;

#define HTTP     ((struct http *)(void *)&some_http)
#define TRANSFER ((struct http_transfer *)(void *)&some_transfer)

enum status call_start(struct http *http, const struct call_request *request,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer)
{
	asked.calls++;
	asked.request = *request;
	asked.callbacks = callbacks;
	asked.http = http;
	asked.ctx = ctx;
	buf_addf(&asked.text, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_addf(&asked.text, "%.*s: %.*s\n",
		    SLICE_ARG(request->headers[i].name),
		    SLICE_ARG(request->headers[i].value));
	buf_add_char(&asked.text, '\n');
	buf_add(&asked.text, request->body);
	if (asked.status == STATUS_OK)
		*transfer = TRANSFER;
	return asked.status;
}

/* ---- the agents ---- */

static char arn[] = "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/"
		    "a_b-0123456789";
static char endpoint[] = "https://host.example:8443/base", empty[] = "";
static char qualifier[] = "My Q/1~", region[] = "us-west-2";
static char agentcore[] = "bedrock-agentcore", bedrock[] = "bedrock";
static char lambda[] = "lambda", model[] = "openai.gpt-oss-120b-1:0";
static char url[] = "https://u.example/a%2Fb?c=d%20e";

static struct config_agent agent;
static struct backend_request request;

static void given(enum config_backend backend, char *service)
{
	agent = (struct config_agent){.backend = backend,
	    .arn = arn,
	    .qualifier = qualifier,
	    .region = region,
	    .endpoint = endpoint,
	    .url = url,
	    .service = service,
	    .model = model,
	    .connect_timeout_ms = 1234};
	request = (struct backend_request){.agent = &agent,
	    .session_id = "session-1",
	    .body = SLICE("{\"prompt\":\"Hi\"}"),
	    .now_s = 1767225600};
}

static enum status start(struct http_transfer **transfer)
{
	static const struct http_callbacks callbacks;
	enum status status;

	buf_free(&asked.text);
	buf_init(&asked.text, 100000);
	asked.calls = 0;
	*transfer = NULL;
	status = backend_start(HTTP, &request, &callbacks, &some_ctx, transfer);
	if (asked.calls > 0)
		CHECK(asked.http == HTTP && asked.ctx == &some_ctx &&
		    asked.callbacks == &callbacks);
	return status;
}

static void check_asked(struct slice wanted)
{
	struct http_transfer *transfer;

	CHECK(start(&transfer) == STATUS_OK && transfer == TRANSFER);
	CHECK(asked.calls == 1);
	CHECK_SLICE(buf_slice(&asked.text), wanted);
	CHECK(asked.request.connect_timeout_ms == 1234);
	CHECK(asked.request.now_s == 1767225600 && !asked.request.direct);
	CHECK_SLICE(asked.request.region, SLICE("us-west-2"));
	CHECK_SLICE(asked.request.service, slice_from(agent.service));
	buf_free(&asked.text);
}

#define RUNTIME                                                       \
	"https://host.example:8443/base/runtimes/"                    \
	"arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A123456789012%3A" \
	"runtime%2Fa_b-0123456789"
#define SESSION "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: session-1\n"

TEST(an_agents_runtime)
{
	given(BACKEND_AGENTCORE, agentcore);
	check_asked(
	    SLICE("POST " RUNTIME "/invocations?qualifier=My%20Q%2F1~\n"
		  "Content-Type: application/json\n"
		  "Accept: text/event-stream, application/json\n" SESSION
		  "\n{\"prompt\":\"Hi\"}"));
	CHECK(!asked.request.content_sha256);
}

TEST(the_end_of_its_session)
{
	given(BACKEND_AGENTCORE, agentcore);
	request.operation = BACKEND_STOP;
	request.body = SLICE("{}");
	check_asked(SLICE(
	    "POST " RUNTIME "/stopruntimesession?qualifier=My%20Q%2F1~\n"
	    "Content-Type: application/json\n"
	    "Accept: text/event-stream, application/json\n" SESSION "\n{}"));
	CHECK(!asked.request.content_sha256);
}

/* A model knows no sessions. */
TEST(a_model)
{
	given(BACKEND_BEDROCK, bedrock);
	check_asked(SLICE("POST https://host.example:8443/base/model/"
			  "openai.gpt-oss-120b-1%3A0/converse-stream\n"
			  "Content-Type: application/json\n"
			  "Accept: application/vnd.amazon.eventstream\n"
			  "\n{\"prompt\":\"Hi\"}"));
	CHECK(!asked.request.content_sha256);
}

TEST(a_model_by_its_arn)
{
	char profile[] = "arn:aws:bedrock:us-east-1:123456789012:"
			 "inference-profile/us.x.y-v1:0";

	given(BACKEND_BEDROCK, bedrock);
	agent.model = profile;
	check_asked(SLICE("POST https://host.example:8443/base/model/"
			  "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
			  "inference-profile%2Fus.x.y-v1%3A0/converse-stream\n"
			  "Content-Type: application/json\n"
			  "Accept: application/vnd.amazon.eventstream\n"
			  "\n{\"prompt\":\"Hi\"}"));
}

/* Its URL goes out as it was given. */
TEST(a_url)
{
	given(BACKEND_HTTP, lambda);
	check_asked(
	    SLICE("POST https://u.example/a%2Fb?c=d%20e\n"
		  "Content-Type: application/json\n"
		  "Accept: text/event-stream, application/json\n" SESSION
		  "\n{\"prompt\":\"Hi\"}"));
	CHECK(asked.request.content_sha256);
}

static const struct keys keys = {.id = "AKIAEXAMPLE", .secret = "secret"};

TEST(who_vouches_for_it)
{
	given(BACKEND_HTTP, empty);
	check_asked(
	    SLICE("POST https://u.example/a%2Fb?c=d%20e\n"
		  "Content-Type: application/json\n"
		  "Accept: text/event-stream, application/json\n" SESSION
		  "\n{\"prompt\":\"Hi\"}"));
	CHECK(asked.request.keys == NULL &&
	    asked.request.authorization.len == 0 &&
	    asked.request.api_key.len == 0);
	for (int backend = BACKEND_AGENTCORE; backend <= BACKEND_HTTP;
	     backend++) {
		struct http_transfer *transfer;

		given((enum config_backend)backend, lambda);
		request.keys = &keys;
		request.authorization = SLICE("Bearer a");
		request.api_key = SLICE("b");
		CHECK(start(&transfer) == STATUS_OK);
		CHECK(asked.request.keys == &keys);
		CHECK_SLICE(asked.request.authorization, SLICE("Bearer a"));
		CHECK_SLICE(asked.request.api_key, SLICE("b"));
	}
	buf_free(&asked.text);
}

/* Nobody vouches for a look, for it is not known who would answer. */
TEST(a_look_at_a_url)
{
	given(BACKEND_HTTP, lambda);
	request.operation = BACKEND_LOOK;
	request.body = (struct slice){0};
	request.keys = &keys;
	request.authorization = SLICE("Bearer a");
	request.api_key = SLICE("b");
	check_asked(SLICE("OPTIONS https://u.example/a%2Fb?c=d%20e\n\n"));
	CHECK(asked.request.keys == NULL);
	CHECK(asked.request.authorization.len == 0);
	CHECK(asked.request.api_key.len == 0);
}

TEST(what_cannot_be_started)
{
	struct http_transfer *transfer;

	given(BACKEND_AGENTCORE, agentcore);
	asked.status = STATUS_TOO_LARGE;
	CHECK(start(&transfer) == STATUS_TOO_LARGE && transfer == NULL);
	asked.status = STATUS_NO_MEMORY;
	CHECK(start(&transfer) == STATUS_NO_MEMORY && transfer == NULL);
	asked.status = STATUS_OK;
	buf_free(&asked.text);
}

TEST(a_url_that_is_too_long)
{
	static char much[9000];
	struct http_transfer *transfer;

	memset(much, 'x', sizeof much - 1);
	given(BACKEND_HTTP, empty);
	agent.url = much;
	CHECK(start(&transfer) != STATUS_OK);
	CHECK(asked.calls == 0 && transfer == NULL);
	much[8191] = '\0';
	CHECK(start(&transfer) == STATUS_OK);
	buf_free(&asked.text);
}

TEST(no_memory)
{
	size_t n;

	given(BACKEND_AGENTCORE, agentcore);
	for (n = 0;; n++) {
		struct http_transfer *transfer;
		enum status status;

		alloc_fail_at(n);
		status = start(&transfer);
		if (!alloc_failed())
			break;
		if (asked.calls == 0)
			CHECK(status == STATUS_NO_MEMORY && transfer == NULL);
	}
	CHECK(n >= 1);
	buf_free(&asked.text);
}

int main(void)
{
	return tap_run();
}
