#include "../../src/answer.h"

#include <stdlib.h>

#include "../../src/decode.h"
#include "../../src/json.h"
#include "alloc.h"
#include "fake_gateway.h"
#include "tap.h"

static struct gateway gateway;
static struct answer answer;
static struct answer_shared shared;

static void begin(enum request_answer form)
{
	struct answer_options options = {
	    .reply = {.gateway = &gateway, .request_id = "req-1"},
	    .form = form,
	    .session_id = "session-1",
	    .run_id = "run-1",
	};

	fake_gateway_init(&gateway);
	answer_shared_init(&shared);
	answer_init(&answer, &options, &shared);
}

static void finish(void)
{
	answer_free(&answer);
	answer_free(&answer);
	answer_shared_free(&shared);
	fake_gateway_free(&gateway);
}

static struct slice sent(void)
{
	return buf_slice(&gateway.out);
}

static bool has(const char *text)
{
	struct slice all = sent();

	return slice_find(all, slice_from(text)) < all.len;
}

static struct slice body(void)
{
	struct slice all = sent(), blank = SLICE("\r\n\r\n");

	return slice_skip(all, slice_find(all, blank) + blank.len);
}

static void event(const char *lines, uint64_t number)
{
	struct decode_event said = {.lines = slice_from(lines),
	    .end = SLICE("\n"),
	    .has_data = strstr(lines, "data:") != NULL};

	answer_event(&answer, &said, number, false);
}

#define SESSION                                                     \
	": agentcgi\n\nevent: session\n"                            \
	"data: {\"sessionId\":\"session-1\",\"runId\":\"run-1\"}\n" \
	"id: run-1.1\n\n"

TEST(a_stream)
{
	begin(ANSWER_SSE);
	answer_keepalive(&answer);
	CHECK(sent().len == 0);
	answer_begin(&answer);
	answer_begin(&answer);
	CHECK_SLICE(body(), SLICE(SESSION));
	CHECK(slice_starts(sent(), SLICE("Status: 200 OK\r\n")));
	CHECK(has("\r\nContent-Type: text/event-stream; charset=utf-8\r\n"));
	CHECK(has("\r\nCache-Control: no-cache, no-transform\r\n"));
	CHECK(has("\r\nX-Accel-Buffering: no\r\n"));
	CHECK(has("\r\nX-Request-Id: req-1\r\n"));
	CHECK(has("\r\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: "
		  "session-1\r\n"));
	CHECK(!has("Incremental") && !has("Content-Length"));
	event("data: \"Hello\"\n", 2);
	event(": ping\n", 2);
	event("event: x\ndata: 1\n", 3);
	answer_keepalive(&answer);
	answer_end(&answer, "complete", 4);
	CHECK_SLICE(body(),
	    SLICE(SESSION "data: \"Hello\"\nid: run-1.2\n\n"
			  ": ping\n\n"
			  "event: x\ndata: 1\nid: run-1.3\n\n"
			  ": keepalive\n\n"
			  "event: done\ndata: {\"reason\":\"complete\"}\n"
			  "id: run-1.4\n\n"));
	CHECK(gateway.ended && answer.http == 200);
	finish();
}

TEST(an_event_begins_the_stream)
{
	begin(ANSWER_SSE);
	event("data: 1\n", 2);
	CHECK_SLICE(body(), SLICE(SESSION "data: 1\nid: run-1.2\n\n"));
	finish();
}

TEST(without_a_session_none_is_told)
{
	begin(ANSWER_SSE);
	answer.session_id[0] = '\0';
	answer_begin(&answer);
	CHECK_SLICE(body(), SLICE(": agentcgi\n\n"));
	CHECK(!has("Session-Id"));
	finish();
}

TEST(what_it_took_stands_in_its_end)
{
	begin(ANSWER_SSE);
	event("data: 1\n", 2);
	answer_usage(&answer, SLICE("{\"inputTokens\":1}"));
	/* The last word counts. */
	answer_usage(&answer, SLICE("{\"inputTokens\":2,\"x\":[]}"));
	answer_end(&answer, "complete", 3);
	CHECK_SLICE(body(),
	    SLICE(SESSION "data: 1\nid: run-1.2\n\n"
			  "event: done\ndata: {\"reason\":\"complete\","
			  "\"usage\":{\"inputTokens\":2,\"x\":[]}}\n"
			  "id: run-1.3\n\n"));
	finish();
	begin(ANSWER_JSON);
	event("data: \"Hi\"\n", 2);
	answer_usage(&answer, SLICE("{\"inputTokens\":1}"));
	answer_end(&answer, "complete", 3);
	CHECK_SLICE(body(),
	    SLICE("{\"text\":\"Hi\",\"sessionId\":\"session-1\","
		  "\"runId\":\"run-1\",\"reason\":\"complete\","
		  "\"usage\":{\"inputTokens\":1}}"));
	finish();
	begin(ANSWER_TEXT);
	event("data: \"Hi\"\n", 2);
	answer_usage(&answer, SLICE("{\"inputTokens\":1}"));
	answer_end(&answer, "complete", 3);
	CHECK_SLICE(body(), SLICE("Hi"));
	finish();
}

TEST(what_it_took_is_left_out_if_it_is_endless)
{
	static char usage[4098] = "{\"";

	memset(usage + 2, 'x', sizeof usage - 3);
	begin(ANSWER_SSE);
	answer_begin(&answer);
	answer_usage(&answer, slice_from(usage));
	answer_end(&answer, "complete", 2);
	CHECK_SLICE(body(),
	    SLICE(SESSION "event: done\ndata: {\"reason\":\"complete\"}\n"
			  "id: run-1.2\n\n"));
	finish();
}

/* What AgentCore's containers send, and nothing of ours. */
TEST(as_an_agent_answers)
{
	begin(ANSWER_AGENT);
	answer_begin(&answer);
	event("data: \"Hello\"\n", 2);
	event(": ping\n", 2);
	answer_keepalive(&answer);
	event("event: x\ndata: 1\n", 3);
	answer_usage(&answer, SLICE("{\"inputTokens\":1}"));
	answer_end(&answer, "complete", 4);
	CHECK(slice_starts(sent(), SLICE("Status: 200 OK\r\n")));
	CHECK(has("\r\nContent-Type: text/event-stream; charset=utf-8\r\n"));
	CHECK(has("\r\nX-Accel-Buffering: no\r\n"));
	CHECK(has("\r\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: "
		  "session-1\r\n"));
	CHECK_SLICE(body(),
	    SLICE(": agentcgi\n\ndata: \"Hello\"\n\n: ping\n\n"
		  ": keepalive\n\nevent: x\ndata: 1\n\n"));
	CHECK(gateway.ended && answer.http == 200);
	finish();
}

TEST(as_an_agent_fails)
{
	begin(ANSWER_AGENT);
	event("data: \"Hello\"\n", 2);
	answer_fail(&answer, STATUS_UPSTREAM_CUT, 3);
	answer_end(&answer, "error", 4);
	CHECK_SLICE(body(),
	    SLICE(": agentcgi\n\ndata: \"Hello\"\n\n"
		  "data: {\"error\":\"The agent's answer broke off.\","
		  "\"error_type\":\"upstream_error\"}\n\n"));
	CHECK(gateway.ended && answer.http == 200);
	finish();
}

TEST(line_ends_of_the_agent_are_kept)
{
	struct decode_event crlf = {.lines = SLICE("data: a\r\n"),
	    .end = SLICE("\r\n"),
	    .has_data = true};
	struct decode_event cr = {
	    .lines = SLICE("data: a\r"), .end = SLICE("\r"), .has_data = true};

	begin(ANSWER_SSE);
	answer_event(&answer, &crlf, 2, false);
	answer_event(&answer, &cr, 3, false);
	CHECK_SLICE(body(),
	    SLICE(SESSION "data: a\r\nid: run-1.2\n\r\n"
			  "data: a\rid: run-1.3\n\r"));
	finish();
}

TEST(in_cgi_the_first_words_are_padded)
{
	begin(ANSWER_SSE);
	gateway.cgi = true;
	answer_begin(&answer);
	CHECK(body().len > 8096 && has("event: session\n"));
	finish();
}

TEST(a_failure_in_a_stream)
{
	begin(ANSWER_SSE);
	answer_begin(&answer);
	answer_fail(&answer, STATUS_UPSTREAM_CUT, 2);
	answer_end(&answer, "error", 3);
	CHECK_SLICE(body(),
	    SLICE(SESSION
		"event: error\ndata: {\"error\":{\"code\":\"upstream_error\","
		"\"message\":\"The agent's answer broke off.\","
		"\"requestId\":\"req-1\",\"retryable\":true}}\n"
		"id: run-1.2\n\n"
		"event: done\ndata: {\"reason\":\"error\"}\nid: run-1.3\n\n"));
	CHECK(gateway.ended && answer.http == 200);
	finish();
}

/* A failure before the head has its own status, in every form. */
static void check_refusal(enum request_answer form)
{
	size_t len;

	begin(form);
	answer_fail(&answer, STATUS_UPSTREAM_THROTTLED, 2);
	CHECK(slice_starts(sent(), SLICE("Status: 503 ")));
	CHECK(has("\r\nContent-Type: application/json\r\n"));
	CHECK(has("\r\nRetry-After: 2\r\n"));
	CHECK(has("\"code\":\"upstream_throttled\""));
	CHECK(answer.http == 503 && !gateway.ended);
	len = sent().len;
	answer_begin(&answer);
	event("data: late\n", 3);
	answer_keepalive(&answer);
	answer_fail(&answer, STATUS_UPSTREAM_CUT, 4);
	answer_end(&answer, "error", 5);
	CHECK(sent().len == len && gateway.ended);
	finish();
}

TEST(a_refusal)
{
	check_refusal(ANSWER_SSE);
	check_refusal(ANSWER_JSON);
	check_refusal(ANSWER_TEXT);
	check_refusal(ANSWER_HTML);
	check_refusal(ANSWER_AGENT);
}

TEST(a_whole_object)
{
	begin(ANSWER_JSON);
	answer_begin(&answer);
	event("data: \"Hello \\\"\"\n", 2);
	event("data: \"you\"\n", 3);
	event(": ping\n", 3);
	answer_keepalive(&answer);
	CHECK(sent().len == 0);
	answer_end(&answer, "complete", 4);
	CHECK_SLICE(body(),
	    SLICE("{\"text\":\"Hello \\\"you\",\"sessionId\":\"session-1\","
		  "\"runId\":\"run-1\",\"reason\":\"complete\"}"));
	CHECK(slice_starts(sent(), SLICE("Status: 200 OK\r\n")));
	CHECK(has("\r\nContent-Type: application/json\r\n"));
	CHECK(has("\r\nContent-Length: ") && gateway.ended);
	finish();
}

TEST(a_failed_object_is_a_failure_whatever_came_before)
{
	begin(ANSWER_JSON);
	event("data: \"Hello\"\n", 2);
	answer_fail(&answer, STATUS_AGENT_FAILED, 3);
	answer_end(&answer, "error", 4);
	CHECK(slice_starts(sent(), SLICE("Status: 502 ")));
	CHECK(has("\"code\":\"agent_failed\"") && !has("Hello"));
	CHECK(answer.http == 502 && gateway.ended);
	finish();
}

TEST(text)
{
	begin(ANSWER_TEXT);
	answer_begin(&answer);
	CHECK(has("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	event("data: \"a<b \"\n", 2);
	answer_keepalive(&answer);
	event("data: \"&c\"\n", 3);
	CHECK_SLICE(body(), SLICE("a<b &c"));
	answer_fail(&answer, STATUS_UPSTREAM_CUT, 4);
	answer_end(&answer, "error", 5);
	CHECK_SLICE(
	    body(), SLICE("a<b &c\n\n[The agent's answer broke off.]\n"));
	CHECK(gateway.ended);
	finish();
}

TEST(a_page)
{
	begin(ANSWER_HTML);
	event("data: \"<script>&amp; \"\n", 2);
	answer_end(&answer, "complete", 3);
	CHECK(has("\r\nContent-Type: text/html; charset=utf-8\r\n"));
	CHECK(has("\r\nContent-Security-Policy: default-src 'none'"));
	CHECK(slice_starts(body(), SLICE("<!doctype html>")));
	CHECK(slice_ends(body(), SLICE(">&lt;script>&amp;amp; </pre>\n")));
	CHECK(!has("<script"));
	finish();
}

TEST(one_document)
{
	struct decode_event said = {.lines = SLICE("data: {\"odd\":[1]}\n"),
	    .end = SLICE("\n"),
	    .has_data = true};

	begin(ANSWER_TEXT);
	answer_event(&answer, &said, 2, true);
	CHECK_SLICE(body(), SLICE("{\"odd\":[1]}"));
	finish();
}

TEST(an_answer_that_ends_before_it_began)
{
	begin(ANSWER_SSE);
	answer_end(&answer, "stopped", 2);
	CHECK_SLICE(body(),
	    SLICE(SESSION "event: done\ndata: {\"reason\":\"stopped\"}\n"
			  "id: run-1.2\n\n"));
	CHECK(gateway.ended);
	finish();
}

TEST(incremental_and_other_origins)
{
	struct answer_options options = {
	    .reply = {.gateway = &gateway,
		.request_id = "req-1",
		.allow_origin = "https://a.example"},
	    .session_id = "s",
	    .run_id = "r",
	    .incremental = true,
	};

	begin(ANSWER_SSE);
	answer_init(&answer, &options, &shared);
	answer_begin(&answer);
	CHECK(has("\r\nIncremental: ?1\r\n"));
	CHECK(has("\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
	CHECK(has("\r\nVary: Origin\r\n"));
	finish();
}

/* n megabytes of one character, in pieces of one. */
static void say_much(char c, size_t n)
{
	static char line[(1 << 20) + 8];
	struct decode_event said = {
	    .lines = {line, sizeof line}, .end = SLICE("\n"), .has_data = true};

	memset(line, c, sizeof line);
	memcpy(line, "data: x", 7);
	line[sizeof line - 1] = '\n';
	for (size_t i = 0; i < n; i++)
		answer_event(&answer, &said, 2 + i, false);
}

/* An object that is whole, or a failure. */
static void check_whole(void)
{
	struct json *json = NULL;
	struct slice text = {0};

	answer_end(&answer, "complete", 20);
	CHECK(buf_status(&gateway.out) == STATUS_OK);
	if (answer.http == 200) {
		CHECK(json_parse(body(), &json) == STATUS_OK);
		CHECK(json_string(json_get(json, "text"), &text));
		json_free(json);
	} else {
		CHECK(slice_starts(sent(), SLICE("Status: 502 ")));
		CHECK(has("\"error\":"));
	}
	finish();
}

TEST(a_long_object_is_whole_or_refused)
{
	begin(ANSWER_JSON);
	say_much('a', 9);
	CHECK(answer.http == 200);
	check_whole();
	begin(ANSWER_JSON);
	say_much('a', 11);
	check_whole();
}

TEST(an_object_that_escaping_makes_too_long)
{
	begin(ANSWER_JSON);
	say_much('"', 6);
	check_whole();
}

TEST(a_page_that_escaping_makes_too_long)
{
	static char line[(4u << 20) + 8];
	struct decode_event said = {
	    .lines = {line, sizeof line}, .end = SLICE("\n"), .has_data = true};

	begin(ANSWER_HTML);
	memset(line, '<', sizeof line);
	memcpy(line, "data: x", 7);
	line[sizeof line - 1] = '\n';
	answer_event(&answer, &said, 2, false);
	/* Nothing is lost without a word. */
	CHECK(body().len > 4 * (4u << 20) || has("[") || answer.http != 200);
	finish();
}

static void say_all(enum request_answer form, size_t n)
{
	begin(form);
	gateway.out.ptr = malloc(1 << 16);
	gateway.out.cap = 1 << 16;
	alloc_fail_at(n);
	event("data: \"one \"\n", 2);
	event("data: \"two\"\n", 3);
	answer_end(&answer, "complete", 4);
}

static void check_memory(enum request_answer form)
{
	struct buf whole;
	size_t n;

	buf_init(&whole, 1 << 16);
	say_all(form, SIZE_MAX);
	(void)alloc_failed();
	buf_add(&whole, sent());
	finish();
	for (n = 0; say_all(form, n), alloc_failed(); n++) {
		if (answer.http == 200 && !has("error") &&
		    !slice_equal(sent(), buf_slice(&whole)))
			printf("# allocation %zu, form %d\n", n, form);
		/* What is not whole says so. */
		CHECK(answer.http != 200 || has("error") || has("\n[") ||
		    slice_equal(sent(), buf_slice(&whole)));
		finish();
	}
	finish();
	CHECK(n > 0);
	buf_free(&whole);
}

TEST(without_memory_no_answer_is_short_in_silence)
{
	check_memory(ANSWER_JSON);
	check_memory(ANSWER_TEXT);
	check_memory(ANSWER_HTML);
}

int main(void)
{
	return tap_run();
}
