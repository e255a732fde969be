#include "credentials_play.h"

TEST(only_a_process_of_one_request_keeps_keys)
{
	begin();
	have("AKIAONE", 3600);
	CHECK(reads == 0 && writes == 0);
	finish();
	begin_with("/cache");
	next_plan.command = "cmd";
	have("AKIAONE", 3600);
	CHECK(reads == 1 && writes == 1);
	CHECK_SLICE(slice_from(kept.id), SLICE("AKIAONE"));
	CHECK_SLICE(slice_from(written_name), SLICE("cmd by source 2"));
	CHECK_SLICE(slice_from(read_name), SLICE("cmd by source 2"));
	finish();
}

TEST(kept_keys_save_the_question)
{
	begin_with("/cache");
	has_kept = true;
	kept = keys_of("AKIAKEPT", NOW_S + 1000);
	check_now("AKIAKEPT");
	CHECK(obtains == 0 && reads == 1 && writes == 0);
	check_now("AKIAKEPT");
	CHECK(plans == 1);
	/* New ones are not to be found there. */
	pass(700);
	check_now("AKIAKEPT");
	CHECK(obtains == 1 && reads == 1);
	succeed("AKIATWO", 3600);
	CHECK(writes == 1);
	finish();
}

TEST(keys_that_are_there_are_not_kept)
{
	begin_with("/cache");
	has_kept = true;
	plan_for(PLAN_ENVIRONMENT);
	next_plan.keys = keys_of("AKIAENV", 0);
	check_now("AKIAENV");
	plan_for(PLAN_PROFILE);
	CHECK(reads == 0 && writes == 0);
	finish();
}

TEST(what_failed_is_not_kept)
{
	begin_with("/cache");
	check_now("");
	fail();
	CHECK(reads == 1 && writes == 0);
	finish();
}

/* The process has just begun, and so taken them. */
TEST(kept_keys_that_are_refused_are_not_read_again)
{
	begin_with("/cache");
	has_kept = true;
	kept = keys_of("AKIAKEPT", NOW_S + 1000);
	check_now("AKIAKEPT");
	credentials_refused(all, &work, "AKIAKEPT");
	check_now("");
	CHECK(obtains == 1 && reads == 1);
	succeed("AKIATWO", 3600);
	CHECK(writes == 1);
	check_now("AKIATWO");
	finish();
}

/* No other keys are found in its place. */
TEST(a_name_that_is_too_long_is_none)
{
	static char command[20000];

	begin_with("/cache");
	has_kept = true;
	memset(command, 'x', sizeof command - 1);
	next_plan.command = command;
	check_now("");
	succeed("AKIAONE", 3600);
	CHECK(reads == 0 && writes == 0);
	finish();
}

int main(void)
{
	return tap_run();
}
