#include "../../src/run.h"

#include <stdlib.h>

#include "../../src/config.h"
#include "alloc.h"
#include "fake_ends.h"
#include "fake_log.h"
#include "fake_loop.h"
#include "tap.h"

/* ---- one run ---- */

static struct loop loop;
static struct runs runs;
static struct config *config;
static size_t ended;

static void on_ended(void *ctx)
{
	CHECK(ctx == &runs);
	ended++;
}

static const char *env(const char *name)
{
	(void)name;
	return NULL;
}

static const char settings[] =
    "state_dir = /var/lib/x\n"
    "[agent default]\n"
    "arn = arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/"
    "agent-0123456789\n"
    "first_byte_timeout = 10s\nidle_timeout = 5s\ntotal_timeout = 60s\n";

static enum status start(void)
{
	struct run_request request = {.config = config,
	    .agent = config_agent(config, SLICE("")),
	    .session_id = "session-1",
	    .request_id = "req-1",
	    .payload = SLICE("{\"prompt\":\"Hi\"}"),
	    .prompt = SLICE("Hi")};
	struct client_options options = {0};

	return run_start(&runs, &request, &options);
}

static void begin(void)
{
	struct config_error error;

	loop = (struct loop){.now = 5000};
	runs = (struct runs){.loop = &loop, .ended = on_ended, .ctx = &runs};
	ended = 0;
	start_status = STATUS_OK;
	no_client = false;
	log_forget();
	buf_init(&told, 10000);
	if (config_parse(slice_from(settings), "test", env, &config, &error) !=
	    STATUS_OK) {
		printf("# %s\n", error.text);
		abort();
	}
}

static void finish(const char *wanted)
{
	CHECK_SLICE(buf_slice(&told), slice_from(wanted));
	CHECK(runs.count == 0 && runs.first == NULL);
	CHECK(!fake_upstream.running && loop_timers(&loop) == 0);
	CHECK(config->refs == 1);
	config_unref(config);
	buf_free(&told);
}

TEST(one_run)
{
	begin();
	CHECK(start() == STATUS_OK && runs.count == 1 && config->refs == 2);
	CHECK(strcmp(client->session_id, "session-1") == 0);
	CHECK(strlen(client->run_id) == RUN_ID_LEN);
	CHECK(strcmp(fake_upstream.session_id, "session-1") == 0);
	CHECK(strcmp(fake_upstream.payload, "{\"prompt\":\"Hi\"}") == 0);
	CHECK(strcmp(fake_upstream.prompt, "Hi") == 0);
	CHECK(strcmp(fake_upstream.state_dir, "/var/lib/x") == 0);
	up_begin(false);
	CHECK(up_event("data: \"a\"\n"));
	CHECK(up_event(": ping\n"));
	CHECK(up_event("data: \"b\"\n"));
	up_end(STATUS_OK);
	CHECK(ended == 1);
	CHECK(logged("request=req-1 agent=default status=200 "
		     "reason=complete code=ok events=2"));
	finish("begin event2 event2c event3 end4:complete ");
}

TEST(a_whole_answer)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(true);
	CHECK(up_event("data: {\"result\":\"a\"}\n"));
	up_end(STATUS_OK);
	finish("begin whole2 end3:complete ");
}

TEST(what_an_answer_took_is_passed_on_before_its_end)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: \"a\"\n"));
	up_usage("{\"totalTokens\":3}");
	up_end(STATUS_OK);
	finish("begin event2 usage:{\"totalTokens\":3} end3:complete ");
	/* Of an answer that broke off, too. */
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: \"a\"\n"));
	up_usage("{}");
	up_end(STATUS_UPSTREAM_CUT);
	finish("begin event2 usage:{} fail3:upstream_error end4:error ");
}

TEST(an_agent_that_says_nothing)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event(": ping\n"));
	up_end(STATUS_OK);
	CHECK(logged("reason=error code=upstream_error"));
	finish("begin event1c fail2:upstream_error end3:error ");
}

TEST(an_agent_that_cannot_be_asked)
{
	begin();
	start_status = STATUS_NO_CREDENTIALS;
	CHECK(start() == STATUS_OK);
	CHECK(logged("status=503 reason=error code=no_credentials"));
	finish("fail2:no_credentials end3:error ");
}

TEST(an_upstream_that_fails)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_end(STATUS_UPSTREAM_UNREACHABLE);
	CHECK(logged("status=502"));
	finish("fail2:upstream_error end3:error ");
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: 1\n"));
	up_end(STATUS_UPSTREAM_CUT);
	finish("begin event2 fail3:upstream_error end4:error ");
}

/* The client reads our words; the log has the agent's, where it may. */
TEST(an_agent_that_says_it_failed)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: \"one\"\n"));
	CHECK(
	    up_event("data: {\"error\": \"secret\", \"error_type\": \"E\"}\n"));
	up_end(STATUS_OK);
	CHECK(logged("the agent said: {\"error\": \"secret\""));
	CHECK(logged("reason=error code=agent_failed events=2"));
	finish("begin event2 fail3:agent_failed end4:error ");
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: \"no error here\"\n"));
	up_end(STATUS_OK);
	finish("begin event2 end3:complete ");
}

TEST(a_client_that_leaves)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	CHECK(up_event("data: 1\n"));
	client->callbacks->left(client->ctx, client);
	CHECK(ended == 1 && !fake_upstream.running);
	CHECK(logged("reason=left code=client_gone events=1"));
	finish("begin event2 ");
}

TEST(no_first_byte)
{
	begin();
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 9999);
	CHECK(told.len == 0 && fake_upstream.running);
	loop_pass(&loop, 1);
	CHECK(!fake_upstream.running);
	finish("fail2:upstream_timeout end3:error ");
}

TEST(an_agent_that_falls_silent)
{
	begin();
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 9000);
	up_begin(false);
	for (int i = 0; i < 5; i++) {
		loop_pass(&loop, 4000);
		CHECK(up_event(": ping\n"));
	}
	loop_pass(&loop, 4999);
	CHECK(fake_upstream.running);
	loop_pass(&loop, 1);
	finish("begin event1c event1c event1c event1c event1c "
	       "fail2:upstream_timeout end3:error ");
}

TEST(an_answer_that_takes_too_long)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	for (int i = 0; i < 19; i++) {
		loop_pass(&loop, 3000);
		CHECK(up_event(": ping\n"));
	}
	CHECK(fake_upstream.running);
	buf_clear(&told);
	loop_pass(&loop, 3000);
	CHECK(logged("reason=limit code=upstream_timeout"));
	finish("end2:limit ");
}

TEST(a_slow_client_pauses_the_agent)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	client->full = true;
	CHECK(!up_event("data: 1\n"));
	/* Its silence is not the agent's. */
	loop_pass(&loop, 30000);
	CHECK(fake_upstream.running && fake_upstream.resumed == 0);
	client->full = false;
	client->callbacks->drained(client->ctx, client);
	CHECK(fake_upstream.resumed == 1);
	CHECK(up_event("data: 1\n"));
	/* Drained without having been full. */
	client->callbacks->drained(client->ctx, client);
	CHECK(fake_upstream.resumed == 1);
	up_end(STATUS_OK);
	finish("begin event2 end3:complete ");
}

/* 30 s of pause, and then the agent is silent. */
TEST(an_agent_that_falls_silent_after_a_pause)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	client->full = true;
	CHECK(!up_event("data: 1\n"));
	loop_pass(&loop, 30000);
	client->full = false;
	client->callbacks->drained(client->ctx, client);
	CHECK(up_event("data: 1\n"));
	loop_pass(&loop, 6000);
	CHECK(!fake_upstream.running);
	if (fake_upstream.running)
		up_end(STATUS_UPSTREAM_TIMEOUT);
	finish("begin event2 fail3:upstream_timeout end4:error ");
}

TEST(a_client_that_never_reads_again)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	client->full = true;
	CHECK(!up_event("data: 1\n"));
	loop_pass(&loop, 59999);
	CHECK(fake_upstream.running);
	loop_pass(&loop, 1);
	CHECK(!fake_upstream.running);
	finish("begin end2:limit ");
}

TEST(all_runs_end)
{
	begin();
	CHECK(start() == STATUS_OK);
	up_begin(false);
	run_end_all(&runs, STATUS_STOPPING);
	CHECK(ended == 1 && !fake_upstream.running);
	run_end_all(&runs, STATUS_STOPPING);
	CHECK(ended == 1);
	finish("begin fail2:overloaded end3:error ");
}

TEST(no_memory)
{
	size_t n = 0;

	begin();
	for (;; n++) {
		enum status status;

		alloc_fail_at(n);
		status = start();
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY && runs.count == 0);
		CHECK(loop_timers(&loop) == 0 && config->refs == 1);
	}
	CHECK(n > 1);
	run_end_all(&runs, STATUS_STOPPING);
	no_client = true;
	CHECK(start() == STATUS_NO_MEMORY);
	finish("fail2:overloaded end3:error ");
}

int main(void)
{
	return tap_run();
}
