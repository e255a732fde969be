#include "upstream_play.h"

#define HALF 0x80000000u /* by chance, of every wait */

static void begin_retrying(void)
{
	begin();
	chance = HALF;
	CHECK(start() == STATUS_OK && transfer.count == 1);
}

static void refuse_with(unsigned status, const char *lines, const char *text)
{
	head(status, lines);
	if (text[0] != '\0')
		CHECK(body(text) == STATUS_OK);
	end(STATUS_OK);
}

static void refuse(unsigned status)
{
	refuse_with(status, "", "");
}

/* The next attempt comes after exactly so long. */
static void check_wait(uint64_t ms)
{
	size_t count = transfer.count;

	CHECK(!transfer.running && told.len == 0);
	if (ms > 0) {
		loop_pass(&loop, ms - 1);
		CHECK(transfer.count == count);
	}
	loop_pass(&loop, ms > 0);
	CHECK(transfer.count == count + 1 && transfer.running);
	if (transfer.count != count + 1)
		printf("# not after %u ms\n", (unsigned)ms);
}

static void check_final(enum status status)
{
	loop_pass(&loop, 100000);
	check_told("", status);
	CHECK(!transfer.running);
}

static void check_answer(void)
{
	head(200, "Content-Type: text/event-stream\n");
	CHECK(body("data: one\n\n") == STATUS_OK);
	end(STATUS_OK);
	check_told("began alive one ", STATUS_OK);
}

TEST(what_had_no_effect_is_asked_again)
{
	static const struct {
		unsigned status;
		const char *lines;
		uint64_t first_ms, second_ms;
	} cases[] = {
	    {503, "", 25, 50},
	    {503, "x-amzn-errortype: ThrottlingException\n", 500, 1000},
	    {429, "", 500, 1000},
	    {409, "x-amzn-errortype: RetryableConflictException\n", 562, 1125},
	    {503, "Retry-After: 2\n", 2000, 2000},
	    {503, "Retry-After: Thu, 01 Jan 2026 00:00:03 GMT\n", 3000, 3000},
	    {429, "x-amz-retry-after: 700\nRetry-After: 2\n", 700, 1000},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin_retrying();
		refuse_with(cases[i].status, cases[i].lines, "");
		check_wait(cases[i].first_ms);
		CHECK_SLICE(
		    buf_slice(&transfer.body), SLICE("{\"prompt\":\"Hi\"}"));
		CHECK_SLICE(
		    slice_from(transfer.session_id), SLICE("session-1"));
		/* Keys may have come since. */
		CHECK_SLICE(slice_from(transfer.key_id), SLICE("AKIA2"));
		refuse_with(cases[i].status, cases[i].lines, "");
		check_wait(cases[i].second_ms);
		check_answer();
		CHECK(logged(", again in ") && log_last == LOG_INFO);
		CHECK(refused == 0);
		finish();
	}
}

TEST(attempts_come_to_an_end)
{
	begin_retrying();
	refuse(503);
	check_wait(25);
	refuse(503);
	check_wait(50);
	refuse(503);
	check_final(STATUS_UPSTREAM_ERROR);
	CHECK(transfer.count == 3);
	finish();
	begin();
	max_attempts = "5";
	CHECK(start() == STATUS_OK);
	for (int i = 0; i < 4; i++) {
		refuse(429);
		check_wait(0);
	}
	refuse(429);
	check_final(STATUS_UPSTREAM_THROTTLED);
	finish();
}

TEST(what_may_have_had_an_effect_is_not_asked_again)
{
	static const unsigned https[] = {
	    302, 400, 401, 402, 403, 404, 408, 409, 424, 500, 502, 504};

	for (size_t i = 0; i < sizeof https / sizeof https[0]; i++) {
		begin_retrying();
		refuse(https[i]);
		CHECK(told.len > 0);
		loop_pass(&loop, 100000);
		CHECK(transfer.count == 1);
		finish();
	}
}

TEST(a_connection_that_never_came_about)
{
	begin_retrying();
	end(STATUS_UPSTREAM_UNREACHABLE);
	CHECK_SLICE(
	    slice_from(log_text), SLICE("request=req-1 again in 25 ms\n"));
	check_wait(25);
	end(STATUS_UPSTREAM_TIMEOUT); /* connecting */
	check_wait(50);
	end(STATUS_UPSTREAM_UNREACHABLE);
	check_final(STATUS_UPSTREAM_UNREACHABLE);
	finish();
}

TEST(a_connection_that_broke_off)
{
	static const enum status statuses[] = {STATUS_UPSTREAM_CUT,
	    STATUS_UPSTREAM_ERROR, STATUS_UPSTREAM_UNTRUSTED, STATUS_NO_MEMORY};

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		begin_retrying();
		end(statuses[i]);
		check_final(statuses[i]);
		CHECK(transfer.count == 1);
		finish();
	}
}

TEST(nothing_is_asked_again_once_it_has_begun)
{
	begin_retrying();
	head(200, "Content-Type: text/event-stream\n");
	end(STATUS_UPSTREAM_UNREACHABLE);
	loop_pass(&loop, 100000);
	check_told("began ", STATUS_UPSTREAM_UNREACHABLE);
	CHECK(transfer.count == 1);
	finish();
}

/* What the attempt before it was told is no word on this one. */
TEST(an_attempt_forgets_the_one_before)
{
	begin_retrying();
	refuse_with(503,
	    "Retry-After: 3\nx-amzn-errortype: ThrottlingException\n"
	    "Date: Thu, 01 Jan 2026 01:00:00 GMT\n",
	    "a body");
	check_wait(3000);
	end(STATUS_UPSTREAM_UNREACHABLE);
	check_wait(50);
	refuse(500);
	check_final(STATUS_UPSTREAM_ERROR);
	CHECK(!logged("answered 500 Thr") && logged("answered 500"));
	finish();
}

TEST(an_agents_troubles_are_no_others)
{
	static char two[] = "two";
	size_t count;

	begin();
	max_attempts = "10";
	/* 500 tokens are 35 retries at 14 each. */
	for (int i = 0; i < 4; i++) {
		CHECK(start() == STATUS_OK);
		for (int j = 0; j < (i < 3 ? 9 : 8); j++) {
			refuse(503);
			check_wait(0);
		}
		refuse(503);
		check_final(STATUS_UPSTREAM_ERROR);
	}
	count = transfer.count;
	CHECK(count == 39);
	CHECK(start() == STATUS_OK);
	refuse(503);
	check_final(STATUS_UPSTREAM_ERROR);
	CHECK(transfer.count == count + 1);
	agent.name = two;
	CHECK(start() == STATUS_OK);
	refuse(503);
	check_wait(0);
	check_answer();
	finish();
}

TEST(cancelled_before_the_next_attempt)
{
	begin_retrying();
	refuse(503);
	CHECK(!transfer.running && loop_timers(&loop) == 1);
	upstream_resume(upstream);
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(loop_timers(&loop) == 0 && transfer.cancelled == 0);
	loop_pass(&loop, 100000);
	CHECK(transfer.count == 1 && told.len == 0);
	finish();
}

TEST(the_next_attempt_cannot_be_made)
{
	begin_retrying();
	refuse(503);
	keys_status = STATUS_NO_CREDENTIALS;
	check_final(STATUS_NO_CREDENTIALS);
	finish();
	begin_retrying();
	refuse(503);
	backend_status = STATUS_NO_MEMORY;
	check_final(STATUS_NO_MEMORY);
	finish();
}

TEST(the_next_attempt_waits_for_keys)
{
	begin_retrying();
	refuse(503);
	keys_later = true;
	loop_pass(&loop, 25);
	CHECK(waiting && transfer.count == 1);
	keys_come();
	CHECK(transfer.count == 2);
	check_answer();
	finish();
}

TEST(a_token_lasts_over_all_attempts)
{
	begin();
	agent.auth = AUTH_BEARER;
	authorization = "Bearer abc";
	CHECK(start() == STATUS_OK);
	for (int i = 0; i < 2; i++) {
		refuse(503);
		check_wait(0);
		CHECK_SLICE(
		    slice_from(transfer.authorization), SLICE("Bearer abc"));
	}
	/* And is nobody's keys, nor its time ours. */
	refuse_with(403,
	    "x-amzn-errortype: ExpiredTokenException\n"
	    "Date: Thu, 01 Jan 2026 01:00:00 GMT\n",
	    "");
	check_final(STATUS_UPSTREAM_DENIED);
	CHECK(refused == 0 && keys_asked == 0);
	finish();
}

/* ---- keys that have expired ---- */

TEST(expired_keys_are_replaced_once)
{
	static const struct {
		unsigned status;
		const char *lines, *text;
	} cases[] = {
	    {403, "x-amzn-errortype: ExpiredTokenException\n", ""},
	    {400, "x-amzn-errortype: ExpiredToken:http://x/\n", ""},
	    {403, "",
		"{\"__type\":\"ns#ExpiredTokenException\",\"message\":\"x\"}"},
	    {403, "",
		"{\"message\":\"The security token included in the request "
		"is expired\"}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		begin_retrying();
		refuse_with(cases[i].status, cases[i].lines, cases[i].text);
		CHECK(refused == 1);
		CHECK_SLICE(slice_from(refused_id), SLICE("AKIA1"));
		check_wait(0);
		CHECK_SLICE(slice_from(transfer.key_id), SLICE("AKIA2"));
		refuse_with(cases[i].status, cases[i].lines, cases[i].text);
		check_final(cases[i].status == 403 ? STATUS_UPSTREAM_DENIED
						   : STATUS_UPSTREAM_ERROR);
		CHECK(refused == 1 && transfer.count == 2);
		CHECK(logged(": the keys have expired"));
		finish();
	}
}

TEST(other_refusals_of_keys_are_final)
{
	begin_retrying();
	refuse_with(403, "x-amzn-errortype: UnrecognizedClientException\n", "");
	check_final(STATUS_UPSTREAM_DENIED);
	CHECK(refused == 0);
	finish();
}

/* ---- a clock that is wrong ---- */

#define SIGNATURE  "x-amzn-errortype: InvalidSignatureException\n"
#define AHEAD      "Date: Thu, 01 Jan 2026 01:00:00 GMT\n"
#define HOUR_AHEAD SIGNATURE AHEAD
#define HOUR_BACK  SIGNATURE "Date: Wed, 31 Dec 2025 23:00:00 GMT\n"

TEST(the_services_time_is_taken)
{
	static char two[] = "two";

	begin_retrying();
	refuse_with(403, HOUR_AHEAD, "");
	check_wait(0);
	CHECK(transfer.now_s == NOW_S + 3600);
	check_answer();
	/* From now on, */
	now_s += 100;
	CHECK(start() == STATUS_OK && transfer.now_s == NOW_S + 3700);
	check_answer();
	/* by this agent alone. */
	agent.name = two;
	CHECK(start() == STATUS_OK && transfer.now_s == NOW_S + 100);
	check_answer();
	finish();
	begin_retrying();
	refuse_with(400, HOUR_BACK, "");
	check_wait(0);
	CHECK(transfer.now_s == NOW_S - 3600);
	check_answer();
	finish();
}

TEST(the_services_time_is_taken_once)
{
	begin_retrying();
	refuse_with(403, HOUR_AHEAD, "");
	check_wait(0);
	refuse_with(403, HOUR_BACK, "");
	check_final(STATUS_UPSTREAM_DENIED);
	CHECK(transfer.count == 2);
	/* A request that is refused all the same is so for another reason. */
	CHECK(start() == STATUS_OK && transfer.now_s == NOW_S + 3600);
	refuse_with(403, HOUR_AHEAD, "");
	check_final(STATUS_UPSTREAM_DENIED);
	CHECK(transfer.count == 3);
	finish();
}

TEST(a_small_difference_is_none)
{
	begin_retrying();
	refuse_with(403, SIGNATURE "Date: Thu, 01 Jan 2026 00:03:59 GMT\n", "");
	check_final(STATUS_UPSTREAM_DENIED);
	CHECK(start() == STATUS_OK && transfer.now_s == NOW_S);
	refuse_with(403, SIGNATURE "Date: Thu, 01 Jan 2026 00:04:00 GMT\n", "");
	check_wait(0);
	CHECK(transfer.now_s == NOW_S + 240);
	check_answer();
	finish();
}

/* What an agent itself answers may have any Date, and any words. */
TEST(an_agents_own_refusal_is_no_news)
{
	static const char *const types[] = {"", "ValidationException",
	    "ResourceNotFoundException", "AccessDenied"};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		char lines[200];

		(void)snprintf(lines, sizeof lines,
		    "x-amzn-errortype: %s\n"
		    "Date: Thu, 01 Jan 2026 01:00:00 GMT\n",
		    types[i]);
		begin_retrying();
		refuse_with(400, lines, "");
		check_final(STATUS_UPSTREAM_ERROR);
		CHECK(transfer.count == 1);
		finish();
	}
	begin_retrying();
	refuse_with(424, "",
	    "{\"message\":\"Received error (500) from runtime: The security "
	    "token included in the request is expired\"}");
	check_final(STATUS_AGENT_FAILED);
	CHECK(transfer.count == 1 && refused == 0);
	finish();
}

TEST(other_answers_say_nothing_of_our_clock)
{
	static const unsigned https[] = {401, 404, 424, 500};

	for (size_t i = 0; i < sizeof https / sizeof https[0]; i++) {
		begin_retrying();
		refuse_with(https[i], HOUR_AHEAD, "");
		CHECK(told.len > 0 && transfer.count == 1);
		CHECK(start() == STATUS_OK && transfer.now_s == NOW_S);
		finish();
	}
}

/* Both are mended, whichever is told first. */
TEST(expired_keys_and_a_wrong_clock)
{
	begin_retrying();
	refuse_with(403, AHEAD "x-amzn-errortype: ExpiredTokenException\n", "");
	check_wait(0);
	CHECK(refused == 1 && transfer.now_s == NOW_S);
	refuse_with(403, HOUR_AHEAD, "");
	check_wait(0);
	CHECK(transfer.now_s == NOW_S + 3600);
	/* Neither was one of the attempts. */
	refuse(503);
	check_wait(25);
	refuse(503);
	check_wait(50);
	check_answer();
	finish();
}

int main(void)
{
	return tap_run();
}
