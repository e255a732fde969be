#include "../../src/converse.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/agent.h"
#include "../../src/json.h"
#include "alloc.h"
#include "eventstream_frames.h"
#include "fake_log.h"
#include "tap.h"

#define VECTORS "tests/vectors/converse.txt"

enum {
	CEILING = 64 << 20,
	VECTOR_COUNT = 13
};

/* ---- the request ---- */

static char empty[] = "";

static struct config_agent bare(void)
{
	return (struct config_agent){.system = empty,
	    .temperature = empty,
	    .top_p = empty,
	    .stop = empty,
	    .guardrail = empty,
	    .guardrail_version = empty};
}

static void check_request(const struct config_agent *agent, const char *history,
    const char *prompt, struct slice wanted)
{
	struct json *json = NULL;
	struct buf out;

	buf_init(&out, CEILING);
	converse_add_request(
	    &out, agent, slice_from(history), slice_from(prompt));
	CHECK_SLICE(buf_slice(&out), wanted);
	CHECK(json_parse(buf_slice(&out), &json) == STATUS_OK);
	json_free(json);
	buf_free(&out);
}

TEST(the_least_request)
{
	struct config_agent agent = bare();

	check_request(&agent, "", "Hello",
	    SLICE("{\"messages\":[{\"role\":\"user\",\"content\":"
		  "[{\"text\":\"Hello\"}]}]}"));
	check_request(&agent, "", "a \"b\"\n\xff",
	    SLICE("{\"messages\":[{\"role\":\"user\",\"content\":"
		  "[{\"text\":\"a \\\"b\\\"\\n\xef\xbf\xbd\"}]}]}"));
}

/* As AWS's SDK writes it. */
TEST(a_request_of_the_sdk)
{
	char system[] = "sys";
	struct config_agent agent = bare();

	agent.system = system;
	agent.max_tokens = 100;
	check_request(&agent, "",
	    "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf",
	    SLICE("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
		  "\"\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1"
		  "\xe3\x81\xaf\"}]}],\"system\":[{\"text\":\"sys\"}],"
		  "\"inferenceConfig\":{\"maxTokens\":100}}"));
}

TEST(a_request_with_everything)
{
	char system[] = "Be \"kind\".", half[] = "0.5", one[] = "1";
	char stop[] = " END , \"x\",,\t,Human:", id[] = "gr-1", version[] = "7";
	struct config_agent agent = {.system = system,
	    .max_tokens = UINT64_MAX,
	    .temperature = half,
	    .top_p = one,
	    .stop = stop,
	    .guardrail = id,
	    .guardrail_version = version};

	check_request(&agent,
	    "{\"role\":\"user\",\"content\":[{\"text\":\"A\"}]},"
	    "{\"role\":\"assistant\",\"content\":[{\"text\":\"B\"}]}",
	    "C",
	    SLICE("{\"messages\":[{\"role\":\"user\",\"content\":"
		  "[{\"text\":\"A\"}]},{\"role\":\"assistant\",\"content\":"
		  "[{\"text\":\"B\"}]},{\"role\":\"user\",\"content\":"
		  "[{\"text\":\"C\"}]}],"
		  "\"system\":[{\"text\":\"Be \\\"kind\\\".\"}],"
		  "\"inferenceConfig\":{\"maxTokens\":18446744073709551615,"
		  "\"temperature\":0.5,\"topP\":1,"
		  "\"stopSequences\":[\"END\",\"\\\"x\\\"\",\"Human:\"]},"
		  "\"guardrailConfig\":{\"guardrailIdentifier\":\"gr-1\","
		  "\"guardrailVersion\":\"7\"}}"));
}

static void check_inference(
    const struct config_agent *agent, const char *wanted)
{
	struct buf expected;

	buf_init(&expected, CEILING);
	buf_addf(&expected,
	    "{\"messages\":[{\"role\":\"user\",\"content\":"
	    "[{\"text\":\"C\"}]}]%s}",
	    wanted);
	check_request(agent, "", "C", buf_slice(&expected));
	buf_free(&expected);
}

TEST(limits_one_by_one)
{
	char decimal[] = "0.25", stop[] = "END", commas[] = " ,, ";
	struct config_agent agent = bare();

	agent.temperature = decimal;
	check_inference(&agent, ",\"inferenceConfig\":{\"temperature\":0.25}");
	agent = bare();
	agent.top_p = decimal;
	check_inference(&agent, ",\"inferenceConfig\":{\"topP\":0.25}");
	agent = bare();
	agent.stop = stop;
	check_inference(
	    &agent, ",\"inferenceConfig\":{\"stopSequences\":[\"END\"]}");
	agent.stop = commas;
	check_inference(&agent, "");
}

TEST(one_message)
{
	struct buf out;

	buf_init(&out, CEILING);
	converse_add_message(&out, "assistant", SLICE("a\tb"));
	CHECK_SLICE(buf_slice(&out),
	    SLICE("{\"role\":\"assistant\",\"content\":"
		  "[{\"text\":\"a\\tb\"}]}"));
	buf_free(&out);
}

/* ---- the answer ---- */

/* One answer, and the lines of its events. */
struct heard {
	struct buf lines;
	size_t events;
	enum status answer; /* what the callback returns */
};

static struct converse converse;
static struct heard heard;
static struct buf bytes;

static enum status hear(void *ctx, const struct decode_event *event)
{
	CHECK(ctx == &heard);
	CHECK_SLICE(event->end, SLICE("\n"));
	CHECK(event->has_data && event->name.len == 0);
	CHECK(event->lines.len > 0 &&
	    slice_find(event->lines, SLICE("\n")) == event->lines.len - 1);
	heard.events++;
	buf_add(&heard.lines, event->lines);
	return heard.answer;
}

static void begin_reading(void)
{
	heard = (struct heard){0};
	buf_init(&heard.lines, CEILING);
	converse_init(&converse, "req-1", hear, &heard);
	log_forget();
}

static void end_reading(void)
{
	converse_free(&converse);
	converse_free(&converse);
	buf_free(&heard.lines);
}

static void begin(void)
{
	buf_init(&bytes, CEILING);
	begin_reading();
}

static void end(void)
{
	end_reading();
	buf_free(&bytes);
}

/* Feeds copies of their own, so that a read behind one is seen. */
static enum status feed(struct slice rest, size_t step)
{
	enum status status = STATUS_OK;

	for (; status == STATUS_OK && rest.len > 0;
	     rest = slice_skip(rest, step)) {
		struct slice piece = slice_first(rest, step);
		char *copy = malloc(piece.len);

		if (copy == NULL)
			abort();
		memcpy(copy, piece.ptr, piece.len);
		piece.ptr = copy;
		status = converse_feed(&converse, piece);
		free(copy);
	}
	return status;
}

static enum status feed_all(void)
{
	return feed(buf_slice(&bytes), bytes.len);
}

static void event(const char *type, struct slice payload)
{
	add_message(&bytes, "event", slice_from(type), payload);
}

/* ---- vectors ---- */

struct vector {
	struct slice name, events, text, usage, end;
	struct buf frames;
};

/* The next case; false after the last. */
static bool next_vector(struct slice *rest, struct vector *v)
{
	*v = (struct vector){0};
	while (rest->len > 0) {
		struct slice line = slice_cut(rest, '\n');
		struct slice label = slice_cut(&line, ':');

		line = slice_trim(line);
		if (slice_equal(label, SLICE("name")))
			v->name = line;
		else if (slice_equal(label, SLICE("events")))
			v->events = take_lines(rest);
		else if (slice_equal(label, SLICE("text")))
			v->text = line;
		else if (slice_equal(label, SLICE("usage")))
			v->usage = line;
		if (slice_equal(label, SLICE("frames"))) {
			buf_init(&v->frames, CEILING);
			add_hex(&v->frames, take_lines(rest));
		}
		if (!slice_equal(label, SLICE("end")))
			continue;
		v->end = line;
		return true;
	}
	return false;
}

static enum status status_of(struct slice end)
{
	static const struct {
		const char *end;
		enum status status;
	} rows[] = {
	    {"ok", STATUS_OK},
	    {"throttlingException", STATUS_UPSTREAM_THROTTLED},
	    {"serviceUnavailableException", STATUS_UPSTREAM_THROTTLED},
	    {"modelStreamErrorException", STATUS_AGENT_FAILED},
	    {"modelErrorException", STATUS_AGENT_FAILED},
	    {"modelTimeoutException", STATUS_UPSTREAM_TIMEOUT},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (slice_equal(end, slice_from(rows[i].end)))
			return rows[i].status;
	return STATUS_UPSTREAM_ERROR;
}

static void check_log(struct slice end)
{
	char line[200];

	if (slice_equal(end, SLICE("ok"))) {
		CHECK(!logged("request="));
		return;
	}
	(void)snprintf(line, sizeof line,
	    "request=req-1 the model reported %.*s (log_level = debug shows "
	    "its words)\n",
	    SLICE_ARG(end));
	CHECK(logged(line));
	CHECK(logged("request=req-1 the model said: {\"message\":\""));
	CHECK(log_last == LOG_DEBUG);
}

static void check_vector(const struct vector *v, size_t step)
{
	bool ok = slice_equal(v->end, SLICE("ok"));
	struct buf text;

	begin_reading();
	CHECK(feed(buf_slice(&v->frames), step) == status_of(v->end));
	CHECK(converse_finish(&converse) ==
	    (ok ? STATUS_OK : STATUS_UPSTREAM_CUT));
	CHECK_SLICE(buf_slice(&heard.lines), v->events);
	buf_init(&text, CEILING);
	json_add_string(&text, buf_slice(&converse.text));
	CHECK_SLICE(buf_slice(&text), v->text);
	CHECK_SLICE(buf_slice(&converse.usage), v->usage);
	CHECK(converse.stopped == ok);
	check_log(v->end);
	buf_free(&text);
	end_reading();
}

TEST(answers_in_frames_of_awss_encoder)
{
	struct slice rest;
	struct vector v;
	struct buf text;
	size_t n = 0;

	CHECK(read_vectors(&text, VECTORS));
	rest = buf_slice(&text);
	for (; next_vector(&rest, &v); n++) {
		for (size_t step = 1; step <= v.frames.len; step++)
			check_vector(&v, step);
		if (tap_failed)
			printf("# in %.*s\n", SLICE_ARG(v.name));
		buf_free(&v.frames);
		if (tap_failed)
			break;
	}
	CHECK(n == VECTOR_COUNT);
	buf_free(&text);
}

/* ---- answers of our own ---- */

TEST(a_payload_stays_one_line)
{
	begin();
	event("messageStop",
	    SLICE("\r\n{\n\"p\" : \"x\" ,\r\"a\" :\r\n[1,\n2 ]\n}\r\n"));
	CHECK(feed_all() == STATUS_OK);
	CHECK_SLICE(buf_slice(&heard.lines),
	    SLICE("data: {\"event\":{\"messageStop\":"
		  "{ \"a\" :  [1, 2 ] }}}\n"));
	CHECK(converse_finish(&converse) == STATUS_OK);
	end();
}

static void check_refused(const char *type, struct slice payload)
{
	begin();
	event("messageStart", SLICE("{}"));
	event(type, payload);
	event("messageStop", SLICE("{}"));
	CHECK(feed_all() == STATUS_UPSTREAM_ERROR);
	CHECK(heard.events == 1 && !converse.stopped);
	CHECK(logged("request=req-1 the model sent an event that is none: "));
	CHECK(!logged("damaged") && !logged("xyz"));
	end();
}

TEST(events_that_are_none)
{
	check_refused("messageStop", SLICE(""));
	check_refused("messageStop", SLICE("xyz"));
	check_refused("messageStop", SLICE("{\"a\":xyz}"));
	check_refused("messageStop", SLICE("{\"a\":\"x\n\"}"));
	check_refused("messageStop", SLICE("{\"a\":\"\xff\"}"));
	check_refused("messageStop", SLICE("{} {}"));
	check_refused("messageStop", SLICE("[]"));
	check_refused("messageStop", SLICE("\"xyz\""));
}

static void check_left_out(const char *type)
{
	begin();
	event("messageStart", SLICE("{}"));
	event(type, SLICE("xyz"));
	event("messageStop", SLICE("{}"));
	CHECK(feed_all() == STATUS_OK);
	CHECK(heard.events == 2 && converse.stopped);
	end();
}

TEST(events_that_are_not_the_models)
{
	check_left_out("initial-response");
	check_left_out("message\"Stop");
	check_left_out("message stop");
	check_left_out("messageStop2");
	check_left_out("message_Stop");
	check_left_out("messageStop{");
}

TEST(what_is_no_event_stream)
{
	begin();
	CHECK(feed(SLICE("data: hello, this is text\n\n"), 1) ==
	    STATUS_UPSTREAM_ERROR);
	CHECK(logged("request=req-1 the model's answer is no event stream"));
	CHECK(!logged("hello"));
	end();
}

TEST(errors_of_the_service)
{
	struct buf headers;

	begin();
	buf_init(&headers, CEILING);
	add_string(&headers, SLICE(":message-type"), SLICE("error"));
	add_string(&headers, SLICE(":error-code"), SLICE("InternalError"));
	add_string(&headers, SLICE(":error-message"), SLICE("its words"));
	add_frame(&bytes, buf_slice(&headers), SLICE(""));
	CHECK(feed_all() == STATUS_UPSTREAM_ERROR);
	CHECK(logged("the model reported InternalError (log_level"));
	CHECK(logged("the model said: its words"));
	CHECK(!logged("damaged"));
	buf_free(&headers);
	end();
}

TEST(names_of_exceptions)
{
	begin();
	add_message(
	    &bytes, "exception", SLICE("ThrottlingException"), SLICE("{}"));
	CHECK(feed_all() == STATUS_UPSTREAM_THROTTLED);
	end();
	begin();
	add_message(&bytes, "exception", SLICE("arn:aws:1234"), SLICE("{}"));
	CHECK(feed_all() == STATUS_UPSTREAM_ERROR);
	CHECK(logged("the model reported an error (") && !logged("1234"));
	end();
}

TEST(answers_that_break_off)
{
	begin();
	CHECK(converse_finish(&converse) == STATUS_UPSTREAM_CUT);
	event("messageStart", SLICE("{}"));
	CHECK(feed_all() == STATUS_OK);
	CHECK(converse_finish(&converse) == STATUS_UPSTREAM_CUT);
	buf_clear(&bytes);
	event("messageStop", SLICE("{}"));
	CHECK(feed_all() == STATUS_OK);
	CHECK(converse_finish(&converse) == STATUS_OK);
	CHECK(converse_feed(&converse, SLICE("\0")) == STATUS_OK);
	CHECK(converse_finish(&converse) == STATUS_UPSTREAM_CUT);
	end();
}

TEST(what_is_kept)
{
	begin();
	event("contentBlockDelta", SLICE("{\"delta\":{\"text\":\"a\"}}"));
	event("contentBlockDelta", SLICE("{\"delta\":{\"text\":7}}"));
	event("contentBlockDelta", SLICE("{\"delta\":\"x\"}"));
	event("contentBlockStart", SLICE("{\"delta\":{\"text\":\"x\"}}"));
	event("contentBlockDelta", SLICE("{\"delta\":{\"text\":\"b\"}}"));
	event("metadata", SLICE("{\"usage\":{\"a\":1}}"));
	event("metadata", SLICE("{ \"usage\" : { \"a\" : 2 } }"));
	event("metadata", SLICE("{\"usage\":3}"));
	event("metadata", SLICE("{}"));
	event("other", SLICE("{\"usage\":{\"a\":4}}"));
	CHECK(feed_all() == STATUS_OK && heard.events == 10);
	CHECK_SLICE(buf_slice(&converse.text), SLICE("ab"));
	CHECK_SLICE(buf_slice(&converse.usage), SLICE("{\"a\":2}"));
	end();
}

/* A long text is still passed on, but not kept. */
TEST(a_text_above_its_ceiling)
{
	static char text[70000];
	struct buf payload;

	memset(text, 'x', sizeof text);
	begin();
	buf_init(&payload, CEILING);
	buf_add_text(&payload, "{\"delta\":{\"text\":\"");
	buf_add(&payload, (struct slice){text, sizeof text});
	buf_add_text(&payload, "\"}}");
	for (int i = 0; i < 16; i++)
		event("contentBlockDelta", buf_slice(&payload));
	CHECK(feed_all() == STATUS_OK && heard.events == 16);
	CHECK(buf_status(&converse.text) == STATUS_TOO_LARGE);
	CHECK(converse.lines.cap == 0);
	/* The same of token counts. */
	buf_clear(&payload);
	buf_add_text(&payload, "{\"usage\":{\"a\":\"");
	buf_add(&payload, (struct slice){text, sizeof text});
	buf_add_text(&payload, "\"}}");
	buf_clear(&bytes);
	event("metadata", buf_slice(&payload));
	CHECK(feed_all() == STATUS_OK && heard.events == 17);
	CHECK(converse.usage.len == 0);
	buf_free(&payload);
	end();
}

TEST(an_event_above_its_ceiling)
{
	struct buf payload;

	begin();
	buf_init(&payload, CEILING);
	buf_add_text(&payload, "{\"a\":\"");
	for (int i = 0; i < (11 << 20) / 16; i++)
		buf_add_text(&payload, "0123456789abcdef");
	buf_add_text(&payload, "\"}");
	event("messageStart", buf_slice(&payload));
	CHECK(feed_all() == STATUS_TOO_LARGE && heard.events == 0);
	buf_free(&payload);
	end();
}

TEST(what_the_callback_returns_ends_it)
{
	static const enum status answers[] = {
	    STATUS_CLIENT_GONE, STATUS_UPSTREAM_ERROR, STATUS_BAD_JSON};

	for (size_t i = 0; i < 3; i++) {
		begin();
		event("messageStart", SLICE("{}"));
		event("messageStop", SLICE("{}"));
		heard.answer = answers[i];
		CHECK(feed_all() == answers[i] && heard.events == 1);
		CHECK(!logged("request="));
		end();
	}
}

TEST(no_memory)
{
	size_t n = 0;

	for (;; n++) {
		enum status status;
		bool failed;

		begin();
		event(
		    "contentBlockDelta", SLICE("{\"delta\":{\"text\":\"a\"}}"));
		event("metadata", SLICE("{\"usage\":{\"a\":1}}"));
		for (int i = 0; i < 3; i++) /* its own memory */
			buf_add(&heard.lines, buf_slice(&bytes));
		buf_clear(&heard.lines);
		alloc_fail_at(n);
		status = converse_feed(
		    &converse, slice_first(buf_slice(&bytes), 50));
		if (status == STATUS_OK)
			status = converse_feed(
			    &converse, slice_skip(buf_slice(&bytes), 50));
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		CHECK(!logged("request="));
		end();
		if (!failed)
			break;
	}
	CHECK(n >= 4);
}

int main(void)
{
	return tap_run();
}
