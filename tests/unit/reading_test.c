#include "../../src/reading.h"

#include <stdlib.h>

#include "../../src/config.h"
#include "alloc.h"
#include "eventstream_frames.h"
#include "fake_log.h"
#include "tap.h"

enum {
	CEILING = 64 << 20
};

/* ---- what is told ---- */

static struct buf told; /* "began " or "whole ", then [data] of each event */
static enum status event_status;

static void on_began(void *ctx, bool whole)
{
	CHECK(ctx == &told);
	buf_add_text(&told, whole ? "whole " : "began ");
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	CHECK(ctx == &told);
	buf_add_char(&told, '[');
	decode_add_data(&told, event);
	buf_add_char(&told, ']');
	return event_status;
}

static const struct reading_callbacks callbacks = {
    .began = on_began, .event = on_event};

static struct reading reading;

static void prepare(void)
{
	reading = (struct reading){.callbacks = &callbacks, .ctx = &told};
	buf_init(&told, CEILING);
	event_status = STATUS_OK;
	log_forget();
}

static enum status start(enum config_backend backend, struct slice type)
{
	struct config_agent agent = {.backend = backend};

	return reading_begin(&reading, &agent, type, "req-1");
}

static enum status begin(enum config_backend backend, struct slice type)
{
	prepare();
	return start(backend, type);
}

static void finish(void)
{
	reading_free(&reading);
	CHECK(reading.by == READING_NOTHING);
	reading_free(&reading);
	buf_free(&told);
}

/* Feed text in pieces, the second from cut on; each from memory of its own,
 * as it is borrowed for one call. */
static enum status feed(struct slice text, size_t cut)
{
	struct slice pieces[] = {slice_first(text, cut), slice_skip(text, cut)};
	enum status status = STATUS_OK;

	for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
		char *copy;

		if (pieces[i].len == 0)
			continue;
		copy = malloc(pieces[i].len);
		if (copy == NULL)
			return STATUS_NO_MEMORY;
		memcpy(copy, pieces[i].ptr, pieces[i].len);
		status = reading_feed(&reading,
		    (struct slice){.ptr = copy, .len = pieces[i].len});
		free(copy);
	}
	return status;
}

/* The whole answer, cut at any place. */
static void check_read(enum config_backend backend, struct slice type,
    struct slice text, struct slice wanted)
{
	for (size_t cut = 0; cut <= text.len; cut++) {
		CHECK(begin(backend, type) == STATUS_OK);
		CHECK(feed(text, cut) == STATUS_OK);
		CHECK(reading_finish(&reading) == STATUS_OK);
		CHECK_SLICE(buf_slice(&told), wanted);
		CHECK(log_text[0] == '\0');
		finish();
	}
}

/* ---- text ---- */

#define SSE SLICE("text/event-stream")

TEST(an_agents_answer)
{
	check_read(BACKEND_AGENTCORE, SSE, SLICE("data: one\n\ndata: two\n\n"),
	    SLICE("began [one][two]"));
	check_read(BACKEND_AGENTCORE, SLICE("text/event-stream; charset=utf-8"),
	    SLICE("data: one"), SLICE("began [one]"));
	check_read(BACKEND_AGENTCORE, SLICE("application/json"),
	    SLICE("{\"a\":1}"), SLICE("whole [{\"a\":1}]"));
	check_read(BACKEND_AGENTCORE, SLICE("application/x-ndjson"),
	    SLICE("1\n2\n"), SLICE("began [1][2]"));
	check_read(BACKEND_AGENTCORE, SSE, SLICE(""), SLICE("began "));
}

/* AgentCore puts nothing before an answer, so what looks as if is text. */
TEST(a_runtime_has_no_prelude)
{
	CHECK(begin(BACKEND_AGENTCORE, SLICE("application/octet-stream")) ==
	    STATUS_OK);
	CHECK(reading.by == READING_DECODE);
	CHECK_SLICE(buf_slice(&told), SLICE("began "));
	CHECK(feed(SLICE("{\"statusCode\":500}"), 0) == STATUS_OK);
	CHECK(reading_finish(&reading) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [{\"statusCode\":500}]"));
	finish();
}

TEST(what_is_no_answer_of_an_agent)
{
	static const enum config_backend backends[] = {
	    BACKEND_AGENTCORE, BACKEND_HTTP};

	for (size_t i = 0; i < 2; i++) {
		CHECK(begin(backends[i], SLICE("text/html")) ==
		    STATUS_UPSTREAM_ERROR);
		CHECK(told.len == 0);
		finish();
		CHECK(begin(backends[i],
			  SLICE("application/vnd.amazon.eventstream")) ==
		    STATUS_UPSTREAM_ERROR);
		CHECK(told.len == 0);
		finish();
	}
	CHECK(begin(BACKEND_AGENTCORE,
		  SLICE("application/"
			"vnd.awslambda.http-integration-response")) ==
	    STATUS_UPSTREAM_ERROR);
	finish();
}

TEST(a_url_that_says_its_type_has_no_prelude)
{
	check_read(
	    BACKEND_HTTP, SSE, SLICE("data: one\n\n"), SLICE("began [one]"));
	CHECK(begin(BACKEND_HTTP, SLICE("application/json")) == STATUS_OK);
	CHECK(reading.by == READING_DECODE);
	finish();
}

/* ---- behind a prelude ---- */

#define LAMBDA SLICE("application/vnd.awslambda.http-integration-response")

#define OCTETS        SLICE("application/octet-stream")
#define NULS          "\0\0\0\0\0\0\0\0"
#define HEADERS(type) "\"headers\":{\"Content-Type\":\"" type "\"}"

TEST(behind_a_prelude)
{
	struct slice sse = SLICE("{\"statusCode\":200," HEADERS(
	    "text/event-stream") "}" NULS "data: one\n\ndata: two\n\n");
	struct slice json =
	    SLICE("{" HEADERS("application/json") "}" NULS "{\"a\":1}");
	struct slice bare = SLICE("{\"statusCode\":201}" NULS "text");

	check_read(BACKEND_HTTP, LAMBDA, sse, SLICE("began [one][two]"));
	check_read(BACKEND_HTTP, OCTETS, sse, SLICE("began [one][two]"));
	check_read(BACKEND_HTTP, SLICE(""), sse, SLICE("began [one][two]"));
	check_read(BACKEND_HTTP, SLICE("Application/Octet-Stream; a=b"), json,
	    SLICE("whole [{\"a\":1}]"));
	/* One that names no type leaves the answer's own. */
	CHECK(begin(BACKEND_HTTP, LAMBDA) == STATUS_OK);
	CHECK(feed(bare, bare.len) == STATUS_OK);
	CHECK(reading_finish(&reading) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [text]"));
	finish();
}

TEST(lambdas_type_has_no_case)
{
	struct slice text = SLICE("{\"statusCode\":200}" NULS "text");

	CHECK(begin(BACKEND_HTTP,
		  SLICE("Application/VND.awslambda.HTTP-integration-response; "
			"charset=utf-8")) == STATUS_OK);
	CHECK(feed(text, text.len) == STATUS_OK);
	CHECK(reading_finish(&reading) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [text]"));
	finish();
}

/* Nothing is told before it is known what there is to read. */
TEST(the_beginning_waits_for_the_prelude)
{
	CHECK(begin(BACKEND_HTTP, OCTETS) == STATUS_OK);
	CHECK(reading.by == READING_PRELUDE && told.len == 0);
	CHECK(feed(SLICE("{" HEADERS("text/event-stream") "}\0\0\0\0\0\0\0"),
		  0) == STATUS_OK);
	CHECK(reading.by == READING_PRELUDE && told.len == 0);
	CHECK(feed(SLICE("\0"), 0) == STATUS_OK);
	CHECK(reading.by == READING_DECODE);
	CHECK_SLICE(buf_slice(&told), SLICE("began "));
	CHECK(feed(SLICE("data: one\n\n"), 0) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [one]"));
	finish();
}

TEST(no_prelude_after_all)
{
	static const struct slice plain[] = {
	    {"Hello", 5}, {"{\"a\":1}", 7}, {"{", 1}, {"{\"a\":1}\0\0\0", 10}};

	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		CHECK(begin(BACKEND_HTTP, SLICE("")) == STATUS_OK);
		CHECK(feed(plain[i], plain[i].len) == STATUS_OK);
		CHECK(reading_finish(&reading) == STATUS_OK);
		CHECK(slice_starts(buf_slice(&told), SLICE("began [")));
		CHECK(slice_find(buf_slice(&told), plain[i]) == 7);
		CHECK(slice_ends(buf_slice(&told), SLICE("]")));
		finish();
	}
	check_read(BACKEND_HTTP, SLICE(""), SLICE(""), SLICE("began "));
	check_read(BACKEND_HTTP, LAMBDA, SLICE(""), SLICE("began "));
}

static enum status read_once(struct slice type, struct slice text)
{
	enum status status = begin(BACKEND_HTTP, type);

	if (status == STATUS_OK)
		status = feed(text, text.len);
	if (status == STATUS_OK)
		status = reading_finish(&reading);
	return status;
}

TEST(a_prelude_that_is_no_success)
{
	const struct {
		struct slice text;
		bool good;
	} rows[] = {
	    {SLICE("{\"statusCode\":199}" NULS "x"), false},
	    {SLICE("{\"statusCode\":200}" NULS "x"), true},
	    {SLICE("{\"statusCode\":299}" NULS "x"), true},
	    {SLICE("{\"statusCode\":300}" NULS "x"), false},
	    {SLICE("{\"statusCode\":500}" NULS "x"), false},
	    {SLICE("{\"statusCode\":403}" NULS), false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum status status = read_once(LAMBDA, rows[i].text);

		CHECK(status ==
		    (rows[i].good ? STATUS_OK : STATUS_UPSTREAM_ERROR));
		CHECK((told.len > 0) == rows[i].good);
		finish();
	}
}

TEST(a_prelude_with_a_type_of_no_agent)
{
	CHECK(read_once(LAMBDA, SLICE("{" HEADERS("text/html") "}" NULS "x")) ==
	    STATUS_UPSTREAM_ERROR);
	CHECK(told.len == 0);
	finish();
}

TEST(a_type_that_is_too_long)
{
	char type[200] = "application/octet-stream; a=";
	size_t len = strlen(type);

	memset(type + len, 'a', sizeof type - len);
	CHECK(read_once((struct slice){.ptr = type, .len = 127},
		  SLICE("text")) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [text]"));
	finish();
	/* Then it takes a prelude's. */
	CHECK(read_once((struct slice){.ptr = type, .len = 128},
		  SLICE("text")) == STATUS_UPSTREAM_ERROR);
	finish();
	CHECK(
	    read_once((struct slice){.ptr = type, .len = 200},
		SLICE("{" HEADERS("text/plain") "}" NULS "text")) == STATUS_OK);
	CHECK_SLICE(buf_slice(&told), SLICE("began [text]"));
	finish();
}

/* ---- a model ---- */

#define FRAMES SLICE("application/vnd.amazon.eventstream")

static void add_event(struct buf *out, const char *type, struct slice payload)
{
	add_message(out, "event", slice_from(type), payload);
}

static void add_answer(struct buf *out)
{
	add_event(out, "contentBlockDelta",
	    SLICE("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hel\"},"
		  "\"p\":\"abc\"}"));
	add_event(out, "contentBlockDelta",
	    SLICE("{\"contentBlockIndex\":0,\"delta\":{\"text\":\"lo\"}}"));
	add_event(out, "messageStop", SLICE("{\"stopReason\":\"end_turn\"}"));
	add_event(out, "metadata",
	    SLICE("{\"usage\":{\"inputTokens\":11,\"outputTokens\":7}}"));
}

TEST(a_models_answer)
{
	struct buf text;

	buf_init(&text, CEILING);
	add_answer(&text);
	for (size_t cut = 0; cut <= text.len; cut++) {
		CHECK(begin(BACKEND_BEDROCK, FRAMES) == STATUS_OK);
		CHECK(reading.by == READING_CONVERSE);
		CHECK_SLICE(buf_slice(&told), SLICE("began "));
		CHECK(feed(buf_slice(&text), cut) == STATUS_OK);
		CHECK(reading_finish(&reading) == STATUS_OK);
		CHECK_SLICE(buf_slice(&told),
		    SLICE("began [{\"event\":{\"contentBlockDelta\":"
			  "{\"contentBlockIndex\":0,"
			  "\"delta\":{\"text\":\"Hel\"}}}}]"
			  "[{\"event\":{\"contentBlockDelta\":"
			  "{\"contentBlockIndex\":0,"
			  "\"delta\":{\"text\":\"lo\"}}}}]"
			  "[{\"event\":{\"messageStop\":"
			  "{\"stopReason\":\"end_turn\"}}}]"
			  "[{\"event\":{\"metadata\":{\"usage\":"
			  "{\"inputTokens\":11,\"outputTokens\":7}}}}]"));
		CHECK_SLICE(reading_text(&reading), SLICE("Hello"));
		CHECK_SLICE(reading_usage(&reading),
		    SLICE("{\"inputTokens\":11,\"outputTokens\":7}"));
		finish();
	}
	buf_free(&text);
	CHECK(
	    begin(BACKEND_BEDROCK,
		SLICE("Application/vnd.amazon.EventStream; a=b")) == STATUS_OK);
	finish();
}

TEST(a_model_answers_in_frames_alone)
{
	static const char *const types[] = {
	    "text/event-stream", "application/json", "", "text/html"};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		CHECK(begin(BACKEND_BEDROCK, slice_from(types[i])) ==
		    STATUS_UPSTREAM_ERROR);
		CHECK(told.len == 0);
		finish();
	}
}

TEST(a_models_answer_that_breaks_off)
{
	struct buf text;

	buf_init(&text, CEILING);
	add_event(&text, "messageStart", SLICE("{\"role\":\"assistant\"}"));
	CHECK(begin(BACKEND_BEDROCK, FRAMES) == STATUS_OK);
	CHECK(feed(buf_slice(&text), 0) == STATUS_OK);
	CHECK(reading_finish(&reading) == STATUS_UPSTREAM_CUT);
	CHECK(reading_usage(&reading).len == 0);
	finish();
	buf_clear(&text);
	add_message(&text, "exception", SLICE("throttlingException"),
	    SLICE("{\"message\":\"slow down\"}"));
	CHECK(begin(BACKEND_BEDROCK, FRAMES) == STATUS_OK);
	CHECK(feed(buf_slice(&text), 0) == STATUS_UPSTREAM_THROTTLED);
	CHECK(logged("request=req-1 "));
	finish();
	buf_free(&text);
}

/* It is told, but too long to be said again. */
TEST(a_models_answer_that_is_too_long_to_keep)
{
	struct buf text, payload;

	buf_init(&text, CEILING);
	buf_init(&payload, CEILING);
	buf_add_text(&payload, "{\"delta\":{\"text\":\"");
	for (size_t i = 0; i < 600 << 10; i++)
		buf_add_char(&payload, 'x');
	buf_add_text(&payload, "\"}}");
	add_event(&text, "contentBlockDelta", buf_slice(&payload));
	CHECK(begin(BACKEND_BEDROCK, FRAMES) == STATUS_OK);
	CHECK(feed(buf_slice(&text), 0) == STATUS_OK);
	CHECK(reading_text(&reading).len == 600 << 10);
	CHECK(feed(buf_slice(&text), 0) == STATUS_OK);
	CHECK(reading_text(&reading).len == 0);
	finish();
	buf_free(&payload);
	buf_free(&text);
}

TEST(what_only_a_model_says)
{
	CHECK(begin(BACKEND_AGENTCORE, SSE) == STATUS_OK);
	CHECK(feed(SLICE("data: one\n\n"), 0) == STATUS_OK);
	CHECK(reading_finish(&reading) == STATUS_OK);
	CHECK(reading_text(&reading).len == 0);
	CHECK(reading_usage(&reading).len == 0);
	finish();
	CHECK(reading_text(&reading).len == 0);
	CHECK(reading_usage(&reading).len == 0);
}

/* ---- ends ---- */

/* What the callback returns comes back, whoever reads. */
TEST(an_event_that_is_not_wanted)
{
	struct slice behind = SLICE(
	    "{" HEADERS("text/event-stream") "}" NULS "data: one\n\ndata: 2");
	struct buf text;

	CHECK(begin(BACKEND_AGENTCORE, SSE) == STATUS_OK);
	event_status = STATUS_CLIENT_GONE;
	CHECK(
	    feed(SLICE("data: one\n\ndata: two\n\n"), 0) == STATUS_CLIENT_GONE);
	CHECK_SLICE(buf_slice(&told), SLICE("began [one]"));
	finish();
	CHECK(begin(BACKEND_HTTP, LAMBDA) == STATUS_OK);
	event_status = STATUS_CLIENT_GONE;
	CHECK(feed(behind, 0) == STATUS_CLIENT_GONE);
	CHECK_SLICE(buf_slice(&told), SLICE("began [one]"));
	finish();
	buf_init(&text, CEILING);
	add_answer(&text);
	CHECK(begin(BACKEND_BEDROCK, FRAMES) == STATUS_OK);
	event_status = STATUS_CLIENT_GONE;
	CHECK(feed(buf_slice(&text), 0) == STATUS_CLIENT_GONE);
	finish();
	buf_free(&text);
	CHECK(begin(BACKEND_AGENTCORE, SSE) == STATUS_OK);
	CHECK(feed(SLICE("data: one"), 0) == STATUS_OK);
	event_status = STATUS_CLIENT_GONE;
	CHECK(reading_finish(&reading) == STATUS_CLIENT_GONE);
	finish();
}

TEST(an_event_that_is_too_large)
{
	static char much[DECODE_MAX_EVENT];

	memset(much, 'x', sizeof much);
	CHECK(begin(BACKEND_AGENTCORE, SSE) == STATUS_OK);
	CHECK(feed(SLICE("data: "), 0) == STATUS_OK);
	CHECK(feed((struct slice){.ptr = much, .len = sizeof much}, 0) ==
	    STATUS_TOO_LARGE);
	finish();
}

TEST(zeroed_memory)
{
	struct reading none = {0};

	reading_free(&none);
	reading_free(&none);
}

/* Freed in every state. */
TEST(given_up_half_way)
{
	struct slice text =
	    SLICE("{" HEADERS("text/event-stream") "}" NULS "data: one\n\nda");

	for (size_t cut = 1; cut <= text.len; cut++) {
		CHECK(begin(BACKEND_HTTP, LAMBDA) == STATUS_OK);
		CHECK(feed(slice_first(text, cut), 0) == STATUS_OK);
		finish();
	}
}

/* In pieces, with the n-th allocation from the start on failing. */
static enum status read_all(
    size_t n, enum config_backend backend, struct slice type, struct slice text)
{
	enum status status;

	prepare();
	/* None is to be failed by what is told. */
	told.ptr = malloc(100000);
	told.cap = 100000;
	alloc_fail_at(n);
	status = start(backend, type);
	for (; status == STATUS_OK && text.len > 0; text = slice_skip(text, 7))
		status = reading_feed(&reading, slice_first(text, 7));
	return status == STATUS_OK ? reading_finish(&reading) : status;
}

static void check_no_memory(
    enum config_backend backend, struct slice type, struct slice text)
{
	bool failed = true;
	size_t n;

	for (n = 0; failed; n++) {
		enum status status = read_all(n, backend, type, text);

		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		finish();
	}
	CHECK(n > 3);
}

TEST(no_memory)
{
	struct buf frames;

	check_no_memory(BACKEND_HTTP, LAMBDA,
	    SLICE("{\"statusCode\":200," HEADERS(
		"text/event-stream") "}" NULS "data: one\n\ndata: two"));
	buf_init(&frames, CEILING);
	add_answer(&frames);
	check_no_memory(BACKEND_BEDROCK, FRAMES, buf_slice(&frames));
	buf_free(&frames);
}

int main(void)
{
	return tap_run();
}
