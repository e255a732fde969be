#include "../../src/upstream.h"

#include "../../src/sigv4.h"
#include "alloc.h"
#include "upstream_play.h"

static bool asked(const char *text)
{
	struct slice all = buf_slice(&transfer.request);

	return slice_find(all, slice_from(text)) < all.len;
}

static void check_told(const char *wanted, enum status status)
{
	char text[200];

	(void)snprintf(text, sizeof text, "%send:%d", wanted, (int)status);
	CHECK_SLICE(buf_slice(&told), slice_from(text));
}

TEST(what_is_asked)
{
	begin();
	CHECK(start() == STATUS_OK && upstream != NULL && told.len == 0);
	CHECK(slice_starts(buf_slice(&transfer.request),
	    SLICE("POST https://host.example:8443/base/runtimes/"
		  "arn%3Aaws%3Abedrock-agentcore%3Aus-west-2%3A123456789012"
		  "%3Aruntime%2Fa-0123456789/invocations"
		  "?qualifier=My%20Q%2F1\n")));
	CHECK(asked("\nHost: host.example:8443\n"));
	CHECK(asked("\nContent-Type: application/json\n"));
	CHECK(asked("\nAccept: text/event-stream, application/json\n"));
	CHECK(asked("\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: "
		    "session-1\n"));
	CHECK(asked("\nX-Amz-Date: 20260101T000000Z\n"));
	CHECK(asked("\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/"
		    "20260101/us-west-2/bedrock-agentcore/aws4_request, "));
	CHECK(asked("SignedHeaders=accept;content-type;host;x-amz-date;"
		    "x-amzn-bedrock-agentcore-runtime-session-id, "));
	CHECK(asked("\nUser-Agent: agentcgi/"));
	CHECK(!asked("X-Amz-Security-Token"));
	CHECK(slice_ends(
	    buf_slice(&transfer.request), SLICE("\n{\"prompt\":\"Hi\"}")));
	finish();
}

/* The signature is that of what was sent. */
TEST(what_is_asked_is_signed)
{
	const struct sigv4_header headers[] = {
	    {SLICE("host"), SLICE("host.example:8443")},
	    {SLICE("content-type"), SLICE("application/json")},
	    {SLICE("accept"), SLICE("text/event-stream, application/json")},
	    {SLICE("x-amzn-bedrock-agentcore-runtime-session-id"),
		SLICE("session-1")},
	    {SLICE("x-amz-date"), SLICE("20260101T000000Z")},
	    {SLICE("x-amz-security-token"), SLICE("a-token")},
	};
	struct sigv4_request request = {.method = SLICE("POST"),
	    .path = SLICE("/base/runtimes/arn%3Aaws%3Abedrock-agentcore%3A"
			  "us-west-2%3A123456789012%3Aruntime%2Fa-0123456789/"
			  "invocations"),
	    .query = SLICE("qualifier=My%20Q%2F1"),
	    .headers = headers,
	    .header_count = 6};
	struct sigv4_scope scope = {.date = "20260101T000000Z",
	    .region = SLICE("us-west-2"),
	    .service = SLICE("bedrock-agentcore")};
	uint8_t digest[DIGEST_LEN];
	char hash[DIGEST_HEX_LEN];
	struct buf wanted;

	begin();
	token = "a-token";
	CHECK(start() == STATUS_OK);
	CHECK(asked("\nX-Amz-Security-Token: a-token\n"));
	digest_sha256(digest, SLICE("{\"prompt\":\"Hi\"}"));
	digest_hex(hash, digest);
	request.payload_hash = slice_from(hash);
	buf_init(&wanted, 1000);
	buf_add_text(&wanted, "\nAuthorization: ");
	CHECK(sigv4_sign(&wanted, &request, &scope, SLICE("AKIAEXAMPLE"),
		  SLICE("secret")) == STATUS_OK);
	buf_add_char(&wanted, '\n');
	CHECK(asked(buf_text(&wanted)));
	buf_free(&wanted);
	finish();
}

TEST(an_answer)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream; charset=utf-8\n");
	CHECK(body("data: one\n\nda") == STATUS_OK);
	CHECK(body("ta: two\n\ndata: three") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one alive two three ", STATUS_OK);
	CHECK(transfer.cancelled == 0);
	finish();
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "content-type:application/json\n");
	CHECK(body("{\"a\":") == STATUS_OK && body("1}") == STATUS_OK);
	end(STATUS_OK);
	check_told("whole alive alive {\"a\":1} ", STATUS_OK);
	finish();
}

TEST(an_answer_that_breaks_off)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	CHECK(body("data: one\n\ndata: tw") == STATUS_OK);
	end(STATUS_UPSTREAM_CUT);
	check_told("began alive one ", STATUS_UPSTREAM_CUT);
	finish();
	begin();
	CHECK(start() == STATUS_OK);
	end(STATUS_UPSTREAM_UNREACHABLE);
	check_told("", STATUS_UPSTREAM_UNREACHABLE);
	finish();
}

TEST(an_answer_that_is_no_agents)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/html\n");
	CHECK(body("<html>data: x\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("", STATUS_UPSTREAM_ERROR);
	CHECK(logged("content type"));
	finish();
}

static void check_class(unsigned http, enum status wanted)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(http, "Content-Type: text/event-stream\n");
	CHECK(body("data: words of the upstream\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("", wanted);
	finish();
	/* A refusal that breaks off is the same refusal. */
	begin();
	CHECK(start() == STATUS_OK);
	head(http, "");
	end(STATUS_UPSTREAM_CUT);
	check_told("", wanted);
	finish();
}

TEST(refusals)
{
	check_class(400, STATUS_UPSTREAM_ERROR);
	check_class(401, STATUS_UPSTREAM_DENIED);
	check_class(402, STATUS_UPSTREAM_THROTTLED);
	check_class(403, STATUS_UPSTREAM_DENIED);
	check_class(404, STATUS_UPSTREAM_NOT_FOUND);
	check_class(409, STATUS_UPSTREAM_ERROR);
	check_class(424, STATUS_AGENT_FAILED);
	check_class(429, STATUS_UPSTREAM_THROTTLED);
	check_class(500, STATUS_UPSTREAM_ERROR);
	check_class(502, STATUS_UPSTREAM_ERROR);
	check_class(503, STATUS_UPSTREAM_ERROR);
	check_class(504, STATUS_UPSTREAM_ERROR);
	check_class(204, STATUS_UPSTREAM_ERROR);
	check_class(302, STATUS_UPSTREAM_ERROR);
}

static void check_type(const char *line, const char *wanted)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(403, line);
	if (!logged(wanted))
		printf("# logged: %s", log_text);
	CHECK(logged(wanted));
	end(STATUS_OK);
	finish();
}

TEST(error_types_are_logged_by_their_name)
{
	check_type("x-amzn-errortype: AccessDeniedException\n",
	    "answered 403 AccessDeniedException\n");
	check_type("X-Amzn-ErrorType: Name:http://internal.amazon/x/\n",
	    "answered 403 Name\n");
	check_type("x-amzn-errortype: ns#Name\n", "answered 403 Name\n");
	check_type("x-amzn-errortype: aws.x#Name:http://a#b,c\n",
	    "answered 403 Name\n");
	check_type("x-amzn-errortype: Name,Other\n", "answered 403 Name\n");
	check_type("x-amzn-errortype: \n", "answered 403 \n");
	check_type("", "answered 403 \n");
}

/* At warning level, so no ARN and no words of the upstream. */
TEST(what_is_no_name_is_not_logged)
{
	check_type("x-amzn-errortype: not a name\n", "answered 403 \n");
	check_type("x-amzn-errortype: user/arn=1234\n", "answered 403 \n");
}

TEST(the_words_of_a_refusal_are_for_debugging)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(403, "");
	CHECK(!logged("the words"));
	for (int i = 0; i < 1000; i++)
		CHECK(body("the words ") == STATUS_OK);
	end(STATUS_OK);
	CHECK(logged("the words") && log_last == LOG_DEBUG);
	finish();
}

TEST(pausing)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	full = true;
	CHECK(body("data: one\n\n") == STATUS_MORE);
	upstream_resume(upstream);
	CHECK(transfer.resumed == 1);
	full = false;
	CHECK(body("data: one\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one ", STATUS_OK);
	finish();
}

TEST(cancelling)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	CHECK(body("data: one\n\nda") == STATUS_OK);
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(transfer.cancelled == 1);
	CHECK_SLICE(buf_slice(&told), SLICE("began alive one "));
	upstream_cancel(NULL);
	finish();
}

TEST(an_event_that_is_not_wanted_ends_it)
{
	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	event_status = STATUS_NO_MEMORY;
	CHECK(body("data: one\n\ndata: two\n\n") == STATUS_OK);
	CHECK(transfer.cancelled == 1);
	check_told("began alive one ", STATUS_NO_MEMORY);
	finish();
}

TEST(an_event_that_is_too_large)
{
	static char much[(1 << 20) + 1];
	char end[16];

	begin();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: text/event-stream\n");
	memset(much, 'x', sizeof much - 1);
	CHECK(body("data: ") == STATUS_OK);
	for (size_t n = 0; n < 20 && transfer.cancelled == 0; n++)
		CHECK(body(much) == STATUS_OK);
	CHECK(transfer.cancelled == 1 && logged("an event is above"));
	(void)snprintf(end, sizeof end, "end:%d", STATUS_UPSTREAM_ERROR);
	CHECK(slice_ends(buf_slice(&told), slice_from(end)));
	finish();
}

TEST(our_keys_never_stand_in_for_a_token)
{
	begin();
	agent.auth = AUTH_BEARER;
	CHECK(start() == STATUS_NO_TOKEN && told.len == 0);
	agent.auth = AUTH_SIGV4;
	finish();
}

TEST(no_keys)
{
	begin();
	keys_status = STATUS_NO_CREDENTIALS;
	CHECK(start() == STATUS_NO_CREDENTIALS && told.len == 0);
	finish();
}

TEST(no_memory)
{
	size_t n = 0;

	begin();
	buf_add(&transfer.request, SLICE("."));
	no_transfer = true;
	CHECK(start() == STATUS_NO_MEMORY && told.len == 0);
	no_transfer = false;
	for (;; n++) {
		enum status status;

		buf_free(&transfer.request);
		transfer.request.ptr = malloc(100000);
		transfer.request.cap = 100000;
		alloc_fail_at(n);
		status = start();
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY && told.len == 0);
	}
	CHECK(n > 3 && upstream != NULL);
	finish();
}

int main(void)
{
	return tap_run();
}
