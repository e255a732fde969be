#include "../../src/limit.h"

#include "../../src/agent.h"
#include "tap.h"

static struct config_agent agent = {.first_byte_timeout_ms = 100,
    .idle_timeout_ms = 30,
    .total_timeout_ms = 1000};

static bool next(
    const struct limit_times *times, uint64_t due_ms, enum limit_kind wanted)
{
	enum limit_kind kind;

	return limit_next(&agent, times, &kind) == due_ms && kind == wanted;
}

TEST(the_first_byte_then_silence_then_all)
{
	CHECK(next(
	    &(struct limit_times){.started_ms = 5000}, 5100, LIMIT_FIRST_BYTE));
	CHECK(next(
	    &(struct limit_times){5000, 5090, true, false}, 5120, LIMIT_IDLE));
	CHECK(next(
	    &(struct limit_times){5000, 5969, true, false}, 5999, LIMIT_IDLE));
	/* Both at once: the answer has taken too long. */
	CHECK(next(
	    &(struct limit_times){5000, 5970, true, false}, 6000, LIMIT_TOTAL));
	CHECK(next(
	    &(struct limit_times){5000, 5999, true, false}, 6000, LIMIT_TOTAL));
}

TEST(a_silent_reader_has_all_the_time_there_is)
{
	CHECK(next(
	    &(struct limit_times){5000, 5010, true, true}, 6000, LIMIT_TOTAL));
}

TEST(all_may_be_less_than_the_first_byte)
{
	agent.total_timeout_ms = 50;
	CHECK(
	    next(&(struct limit_times){.started_ms = 5000}, 5050, LIMIT_TOTAL));
	agent.total_timeout_ms = 1000;
}

int main(void)
{
	return tap_run();
}
