#include <unistd.h>

#include "eventstream_frames.h"
#include "upstream_play.h"

static char empty[] = "", model[] = "m";

#define USER      "{\"role\":\"user\",\"content\":[{\"text\":\"Hi\"}]}"
#define ASSISTANT "{\"role\":\"assistant\",\"content\":[{\"text\":\"Hello\"}]}"
#define FRAMES    "Content-Type: application/vnd.amazon.eventstream\n"

static void begin_model(void)
{
	begin();
	agent.backend = BACKEND_BEDROCK;
	agent.model = model;
	agent.system = agent.temperature = agent.top_p = agent.stop =
	    agent.guardrail = agent.guardrail_version = empty;
}

static void frame_in_pieces(
    const char *kind, const char *type, const char *payload, size_t step)
{
	struct slice rest;
	struct buf bytes;

	buf_init(&bytes, 10000);
	add_message(&bytes, kind, slice_from(type), slice_from(payload));
	for (rest = buf_slice(&bytes); rest.len > 0 && transfer.running;
	     rest = slice_skip(rest, step))
		CHECK(body_of(slice_first(rest, step)) == STATUS_OK);
	buf_free(&bytes);
}

static void frame(const char *type, const char *payload)
{
	frame_in_pieces("event", type, payload, 10000);
}

static void say(const char *text)
{
	char payload[100];

	(void)snprintf(payload, sizeof payload,
	    "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%s\"},"
	    "\"p\":\"ab\"}",
	    text);
	frame("contentBlockDelta", payload);
}

#define SAID(text)                                  \
	"alive {\"event\":{\"contentBlockDelta\":{" \
	"\"contentBlockIndex\":0,\"delta\":{\"text\":\"" text "\"}}}} "
#define STOPPED \
	"alive {\"event\":{\"messageStop\":{\"stopReason\":\"end_turn\"}}} "
#define METADATA                                                   \
	"alive {\"event\":{\"metadata\":{\"usage\":{\"inputTokens" \
	"\":3,\"outputTokens\":2,\"totalTokens\":5}}}} "
#define USAGE "usage:{\"inputTokens\":3,\"outputTokens\":2,\"totalTokens\":5} "

static void stop(void)
{
	frame("messageStop", "{\"stopReason\":\"end_turn\"}");
}

static void tell_usage(void)
{
	frame("metadata",
	    "{\"usage\":{\"inputTokens\":3,\"outputTokens\":2,"
	    "\"totalTokens\":5}}");
}

TEST(a_model_answers)
{
	begin_model();
	CHECK(start() == STATUS_OK);
	CHECK_SLICE(
	    buf_slice(&transfer.body), SLICE("{\"messages\":[" USER "]}"));
	head(200, FRAMES);
	say("Hel");
	say("lo");
	stop();
	tell_usage();
	CHECK(kept[0] == '\0');
	end(STATUS_OK);
	check_told(
	    "began " SAID("Hel") SAID("lo") STOPPED METADATA USAGE, STATUS_OK);
	CHECK_SLICE(slice_from(kept), SLICE(USER "," ASSISTANT));
	finish();
}

TEST(a_model_is_told_what_was_said)
{
	begin_model();
	history = USER "," ASSISTANT;
	CHECK(start() == STATUS_OK);
	CHECK_SLICE(buf_slice(&transfer.body),
	    SLICE("{\"messages\":[" USER "," ASSISTANT "," USER "]}"));
	/* And again, when it is asked again. */
	head(429, "");
	end(STATUS_OK);
	loop_pass(&loop, 0);
	CHECK(transfer.count == 2);
	CHECK_SLICE(buf_slice(&transfer.body),
	    SLICE("{\"messages\":[" USER "," ASSISTANT "," USER "]}"));
	head(200, FRAMES);
	say("Hello");
	stop();
	end(STATUS_OK);
	check_told("began " SAID("Hello") STOPPED, STATUS_OK);
	CHECK_SLICE(slice_from(kept), SLICE(USER "," ASSISTANT));
	finish();
}

static void begin_answer(void)
{
	begin_model();
	CHECK(start() == STATUS_OK);
	head(200, FRAMES);
	say("Hel");
}

/* A turn without its end is none. */
TEST(what_does_not_end_well_is_not_kept)
{
	begin_answer();
	end(STATUS_OK);
	check_told("began " SAID("Hel"), STATUS_UPSTREAM_CUT);
	CHECK(kept[0] == '\0');
	finish();
	begin_answer();
	stop();
	end(STATUS_UPSTREAM_CUT);
	CHECK(kept[0] == '\0');
	finish();
	begin_answer();
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(kept[0] == '\0');
	finish();
	begin_answer();
	event_status = STATUS_NO_MEMORY;
	say("lo");
	check_told("began " SAID("Hel") SAID("lo"), STATUS_NO_MEMORY);
	CHECK(kept[0] == '\0' && transfer.cancelled == 1);
	finish();
	begin_answer();
	frame_in_pieces("exception", "throttlingException",
	    "{\"message\":\"slow down\"}", 10000);
	check_told("began " SAID("Hel") "alive ", STATUS_UPSTREAM_THROTTLED);
	CHECK(kept[0] == '\0' && transfer.cancelled == 1);
	CHECK(transfer.count == 1);
	finish();
}

TEST(a_model_that_says_nothing)
{
	begin_model();
	CHECK(start() == STATUS_OK);
	head(200, FRAMES);
	stop();
	end(STATUS_OK);
	check_told("began " STOPPED, STATUS_OK);
	CHECK(kept[0] == '\0');
	finish();
}

TEST(what_it_took_is_told_even_if_it_breaks_off)
{
	begin_answer();
	stop();
	tell_usage();
	end(STATUS_UPSTREAM_CUT);
	check_told(
	    "began " SAID("Hel") STOPPED METADATA USAGE, STATUS_UPSTREAM_CUT);
	finish();
}

TEST(any_cut_of_a_models_stream)
{
	for (size_t step = 1; step < 200; step += 7) {
		begin_model();
		CHECK(start() == STATUS_OK);
		head(200, FRAMES);
		frame_in_pieces("event", "contentBlockDelta",
		    "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hello\"}}",
		    step);
		frame_in_pieces("event", "messageStop",
		    "{\"stopReason\":\"end_turn\"}", step);
		end(STATUS_OK);
		CHECK_SLICE(slice_from(kept), SLICE(USER "," ASSISTANT));
		finish();
	}
}

TEST(a_model_answers_in_frames_alone)
{
	begin_model();
	CHECK(start() == STATUS_OK);
	head(200, "Content-Type: application/json\n");
	check_told("", STATUS_UPSTREAM_ERROR);
	CHECK(logged("content type"));
	finish();
}

TEST(a_model_without_its_conversation)
{
	begin_model();
	history_status = STATUS_NO_MEMORY;
	CHECK(start() == STATUS_NO_MEMORY && transfer.count == 0);
	finish();
}

TEST(bedrocks_own_token)
{
	begin_model();
	bedrock_token = "abc";
	CHECK(start() == STATUS_OK && keys_asked == 0);
	CHECK_SLICE(slice_from(transfer.authorization), SLICE("Bearer abc"));
	head(403, "Date: Thu, 01 Jan 2026 01:00:00 GMT\n");
	end(STATUS_OK);
	check_told("", STATUS_UPSTREAM_DENIED);
	finish();
	/* An agent's runtime does not know it. */
	begin();
	bedrock_token = "abc";
	CHECK(start() == STATUS_OK && keys_asked == 1);
	CHECK(transfer.authorization[0] == '\0');
	finish();
}

static bool starve(size_t n)
{
	enum status status = STATUS_NO_MEMORY;
	bool failed;

	begin_model();
	upstream_shared_free(shared);
	history = USER "," ASSISTANT;
	for (size_t i = 0; i < 5000; i++)
		buf_add_char(&transfer.body, ' ');
	alloc_fail_at(n);
	shared = new_shared();
	if (shared != NULL)
		status = start();
	failed = alloc_failed();
	CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
	CHECK((upstream == NULL) == failed);
	finish();
	return failed;
}

TEST(no_memory)
{
	size_t n = 0;

	while (starve(n))
		n++;
	CHECK(n > 8);
}

/* ---- any URL ---- */

static void begin_url(const char *lines)
{
	begin();
	agent.backend = BACKEND_HTTP;
	CHECK(start() == STATUS_OK);
	head(200, lines);
}

#define PRELUDE                                              \
	"{\"statusCode\":200,\"headers\":{\"Content-Type\":" \
	"\"text/event-stream\"}}\0\0\0\0\0\0\0\0"
#define LAMBDA \
	"Content-Type: application/vnd.awslambda.http-integration-response\n"

TEST(an_answer_behind_a_prelude)
{
	static const char *const types[] = {
	    LAMBDA, "", "Content-Type: application/octet-stream\n"};
	struct slice all = SLICE(PRELUDE "data: one\n\n");

	for (size_t i = 0; i < 3; i++) {
		begin_url(types[i]);
		CHECK(told.len == 0);
		CHECK(body_of(all) == STATUS_OK);
		end(STATUS_OK);
		check_told("alive began one ", STATUS_OK);
		finish();
	}
	for (size_t step = 1; step < all.len; step++) {
		begin_url(LAMBDA);
		for (struct slice rest = all; rest.len > 0;
		     rest = slice_skip(rest, step))
			CHECK(body_of(slice_first(rest, step)) == STATUS_OK);
		end(STATUS_OK);
		CHECK(slice_find(buf_slice(&told), SLICE("began ")) < told.len);
		CHECK(slice_ends(buf_slice(&told), SLICE("one end:0")));
		finish();
	}
}

TEST(an_answer_without_a_prelude)
{
	begin_url("Content-Type: text/event-stream\n");
	CHECK_SLICE(buf_slice(&told), SLICE("began "));
	CHECK(body("data: one\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one ", STATUS_OK);
	finish();
	begin_url("Content-Type: application/json\n");
	CHECK(body("{\"a\":1}") == STATUS_OK);
	end(STATUS_OK);
	check_told("whole alive {\"a\":1} ", STATUS_OK);
	finish();
	/* Held back until it can be none. */
	begin_url("");
	CHECK(body("{\"a\":1}") == STATUS_OK);
	end(STATUS_OK);
	check_told("alive began {\"a\":1} ", STATUS_OK);
	finish();
	begin_url("");
	CHECK(body("Hello") == STATUS_OK);
	end(STATUS_OK);
	check_told("alive began Hello ", STATUS_OK);
	finish();
}

TEST(a_prelude_that_says_it_failed)
{
	begin_url(LAMBDA);
	CHECK(body_of(SLICE("{\"statusCode\":500}\0\0\0\0\0\0\0\0no")) ==
	    STATUS_OK);
	check_told("alive ", STATUS_UPSTREAM_ERROR);
	CHECK(transfer.cancelled == 1 && transfer.count == 1);
	CHECK(logged("request=req-1 ") && log_last == LOG_WARNING);
	finish();
	begin_url(LAMBDA);
	CHECK(body_of(SLICE("{\"headers\":{\"content-type\":\"text/html\"}}"
			    "\0\0\0\0\0\0\0\0<p>")) == STATUS_OK);
	check_told("alive ", STATUS_UPSTREAM_ERROR);
	finish();
}

/* A function that has begun to answer has begun to act. */
TEST(a_prelude_that_breaks_off)
{
	begin_url(LAMBDA);
	CHECK(body("{\"statusCode\":") == STATUS_OK);
	end(STATUS_UPSTREAM_CUT);
	loop_pass(&loop, 100000);
	check_told("alive ", STATUS_UPSTREAM_CUT);
	CHECK(transfer.count == 1);
	finish();
	begin_url(LAMBDA);
	end(STATUS_UPSTREAM_UNREACHABLE);
	loop_pass(&loop, 100000);
	check_told("", STATUS_UPSTREAM_UNREACHABLE);
	CHECK(transfer.count == 1);
	finish();
}

/* ---- a key in a file ---- */

TEST(a_key_from_a_file)
{
	char path[] = P_tmpdir "/upstream_model.XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, "k3y\n", 4) == 4);
	close(fd);
	begin_model();
	agent.auth = AUTH_API_KEY;
	agent.api_key_file = path;
	CHECK(start() == STATUS_OK && keys_asked == 0);
	CHECK_SLICE(slice_from(transfer.authorization), SLICE("Bearer k3y"));
	CHECK(transfer.api_key[0] == '\0');
	finish();
	begin();
	agent.backend = BACKEND_HTTP;
	agent.auth = AUTH_API_KEY;
	agent.api_key_file = path;
	CHECK(start() == STATUS_OK && keys_asked == 0);
	CHECK_SLICE(slice_from(transfer.api_key), SLICE("k3y"));
	CHECK(transfer.authorization[0] == '\0' && transfer.key_id[0] == '\0');
	finish();
	CHECK(unlink(path) == 0);
	begin();
	agent.auth = AUTH_API_KEY;
	agent.api_key_file = path;
	CHECK(start() == STATUS_NO_CREDENTIALS && transfer.count == 0);
	CHECK(log_text[0] != '\0' && !logged("k3y"));
	finish();
}

int main(void)
{
	return tap_run();
}
