#include "credentials_play.h"

/* Keys that came with so much are renewed when so much is left. */
static void check_renewal(int64_t lasting_s, int64_t left_s)
{
	begin();
	have("AKIAONE", lasting_s);
	pass(lasting_s - left_s - 1);
	check_now("AKIAONE");
	CHECK(plans == 1);
	pass(1);
	check_now("AKIAONE");
	CHECK(plans == 2 && obtains == 2);
	if (plans != 2)
		printf("# of %lld s\n", (long long)lasting_s);
	finish();
}

TEST(keys_are_renewed_ahead)
{
	check_renewal(6 * 3600, 300);
	check_renewal(3600, 300);
	check_renewal(601, 300);
	check_renewal(600, 300);
	/* Otherwise they would be renewed as soon as they came. */
	check_renewal(400, 200);
	check_renewal(60, 30);
}

TEST(old_keys_serve_until_the_new_are_there)
{
	begin();
	have("AKIAONE", 3600);
	pass(3400);
	check_now("AKIAONE");
	pass(100);
	check_now("AKIAONE");
	CHECK(plans == 2 && obtains == 2 && obtaining != NULL);
	succeed("AKIATWO", 3600);
	check_now("AKIATWO");
	pass(3299);
	check_now("AKIATWO");
	CHECK(plans == 2);
	finish();
}

/* When these expire, there is nothing but to wait. */
TEST(old_keys_that_end_during_the_renewal)
{
	struct asker asker = {0};

	begin();
	have("AKIAONE", 3600);
	pass(3599);
	check_now("AKIAONE");
	pass(1);
	ask(&asker);
	CHECK(asker.wait != NULL && obtains == 2);
	succeed("AKIATWO", 3600);
	CHECK(asker.calls == 1);
	CHECK_SLICE(slice_from(asker.keys.id), SLICE("AKIATWO"));
	finish();
}

TEST(a_renewal_that_fails_is_tried_again)
{
	begin();
	have("AKIAONE", 3600);
	pass(3300);
	check_now("AKIAONE");
	fail();
	CHECK(logged("the old keys serve on") && log_last == LOG_WARNING);
	/* After a minute, */
	pass(59);
	check_now("AKIAONE");
	CHECK(obtains == 2);
	pass(1);
	check_now("AKIAONE");
	CHECK(obtains == 3);
	pass(140);
	fail();
	/* of 100 s that were left, after half and one, */
	pass(50);
	check_now("AKIAONE");
	CHECK(obtains == 3);
	pass(1);
	check_now("AKIAONE");
	CHECK(obtains == 4);
	pass(48);
	fail();
	/* and of one second, after that. */
	check_now("AKIAONE");
	CHECK(obtains == 4 && plans == 4);
	pass(1);
	check_now("");
	CHECK(obtains == 5);
	fail();
	check_none_now();
	finish();
}

TEST(a_renewal_whose_plan_fails)
{
	begin();
	have("AKIAONE", 3600);
	pass(3300);
	plan_status = STATUS_NO_CREDENTIALS;
	check_now("AKIAONE");
	CHECK(plans == 2 && logged("the old keys serve on"));
	pass(59);
	check_now("AKIAONE");
	CHECK(plans == 2);
	pass(300);
	check_none_now();
	CHECK(plans == 3);
	finish();
}

TEST(keys_that_are_over_do_not_serve)
{
	struct asker asker = {0};

	begin();
	have("AKIAONE", 3600);
	pass(3600);
	ask(&asker);
	CHECK(asker.wait != NULL && obtains == 2);
	fail();
	CHECK(asker.calls == 1 && asker.status == STATUS_NO_CREDENTIALS);
	check_none_now();
	CHECK(plans == 2 && !logged("serve on"));
	pass(1);
	have("AKIATWO", 3600);
	check_now("AKIATWO");
	finish();
}

/* The next try comes when so much has passed. */
static void check_next_try(int64_t after_s, size_t done)
{
	pass(after_s - 1);
	check_now("AKIAONE");
	CHECK(obtains == done);
	pass(1);
	check_now("AKIAONE");
	CHECK(obtains == done + 1);
}

/* AWS calls it static stability. */
TEST(an_instances_keys_serve_on)
{
	struct asker asker = {0};

	begin();
	plan_for(PLAN_INSTANCE);
	have("AKIAONE", 3600);
	pass(3600);
	ask(&asker);
	CHECK(asker.wait != NULL);
	fail();
	CHECK(asker.calls == 1 && asker.status == STATUS_OK);
	CHECK_SLICE(slice_from(asker.keys.id), SLICE("AKIAONE"));
	CHECK(logged("the old keys serve on"));
	check_next_try(300, 2);
	chance = 299;
	fail();
	check_next_try(599, 3);
	chance = 300;
	fail();
	check_next_try(300, 4);
	chance = UINT32_MAX; /* 4294967295 = 300 * 14316557 + 195 */
	fail();
	check_next_try(495, 5);
	succeed("AKIATWO", 3600);
	check_now("AKIATWO");
	/* The new ones are like any others. */
	pass(3299);
	check_now("AKIATWO");
	CHECK(obtains == 6);
	pass(1);
	check_now("AKIATWO");
	CHECK(obtains == 7);
	finish();
}

TEST(an_instances_keys_serve_on_beyond_a_failed_renewal)
{
	begin();
	plan_for(PLAN_INSTANCE);
	have("AKIAONE", 3600);
	pass(3300);
	check_now("AKIAONE");
	fail();
	check_next_try(60, 2);
	pass(240); /* their end, with the question still open */
	check_now("AKIAONE");
	fail();
	check_next_try(300, 3);
	finish();
}

/* STS would not take an instance's old keys, either. */
TEST(keys_of_a_role_do_not_serve_on)
{
	struct asker asker = {0};

	begin();
	plan_for(PLAN_INSTANCE);
	next_plan.role_count = 1;
	have("AKIAONE", 3600);
	pass(3600);
	ask(&asker);
	fail();
	CHECK(asker.status == STATUS_NO_CREDENTIALS);
	finish();
}

TEST(keys_that_come_expired_are_used)
{
	struct asker asker = {0};

	for (int64_t late_s = 0; late_s < 2; late_s++) {
		begin();
		asker = (struct asker){0};
		ask(&asker);
		answer_of(obtaining, STATUS_OK,
		    &(struct keys){
			.id = "AKIAONE", .expires_s = now_s - late_s});
		CHECK(asker.calls == 1 && asker.status == STATUS_OK);
		check_next_try(300, 1);
		fail();
		check_next_try(300, 2);
		finish();
	}
}

TEST(keys_in_a_file_are_read_again)
{
	begin();
	plan_for(PLAN_PROFILE);
	next_plan.keys = keys_of("AKIAONE", 0);
	check_now("AKIAONE");
	next_plan.keys = keys_of("AKIATWO", 0);
	pass(59);
	check_now("AKIAONE");
	CHECK(plans == 1);
	pass(1);
	check_now("AKIATWO");
	CHECK(plans == 2);
	/* A file that is being written. */
	pass(60);
	plan_status = STATUS_NO_CREDENTIALS;
	check_now("AKIATWO");
	CHECK(plans == 3 && obtains == 0);
	finish();
}

TEST(keys_of_the_environment_may_have_an_end)
{
	begin();
	plan_for(PLAN_ENVIRONMENT);
	next_plan.keys = keys_of("AKIAENV", NOW_S + 3600);
	check_now("AKIAENV");
	pass(3299);
	check_now("AKIAENV");
	CHECK(plans == 1);
	pass(1);
	check_now("AKIAENV");
	CHECK(plans == 2);
	pass(3600); /* nobody will give others, and they may be good */
	check_now("AKIAENV");
	finish();
}

TEST(refused_keys_are_replaced)
{
	struct credentials_source nobody = {"nobody", ""};

	begin();
	have("AKIAONE", 3600);
	/* Whoever is refused now was given others, or these are as bad. */
	mono_ms += 999;
	credentials_refused(all, &work, "AKIAONE");
	check_now("AKIAONE");
	mono_ms += 1;
	credentials_refused(all, &work, "AKIATWO");
	credentials_refused(all, &work, "");
	credentials_refused(all, &nobody, "AKIAONE");
	check_now("AKIAONE");
	CHECK(plans == 1);
	credentials_refused(all, &work, "AKIAONE");
	credentials_refused(all, &work, "AKIAONE");
	CHECK(plans == 1);
	check_now("");
	CHECK(plans == 2 && obtains == 2);
	succeed("AKIATWO", 3600);
	check_now("AKIATWO");
	finish();
}

TEST(refused_while_they_are_renewed)
{
	struct asker asker = {0};

	begin();
	plan_for(PLAN_INSTANCE);
	have("AKIAONE", 3600);
	pass(3300);
	check_now("AKIAONE");
	credentials_refused(all, &work, "AKIAONE");
	ask(&asker);
	CHECK(asker.wait != NULL && obtains == 2);
	fail();
	/* Even an instance's: these are known to be bad. */
	CHECK(asker.status == STATUS_NO_CREDENTIALS);
	finish();
}

int main(void)
{
	return tap_run();
}
