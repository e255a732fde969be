#include "alloc.h"
#include "credentials_play.h"

TEST(keys_that_are_there_come_at_once)
{
	struct asker asker = {0};

	begin();
	plan_for(PLAN_ENVIRONMENT);
	next_plan.keys = keys_of("AKIAENV", 0);
	ask(&asker);
	CHECK(asker.calls == 1 && asker.status == STATUS_OK);
	CHECK_SLICE(slice_from(asker.keys.id), SLICE("AKIAENV"));
	CHECK_SLICE(slice_from(asker.keys.secret), SLICE("SECRET"));
	CHECK_SLICE(slice_from(asked_profile), SLICE("work"));
	CHECK_SLICE(slice_from(asked_region), SLICE("us-west-2"));
	/* The environment of a process does not change. */
	pass(INT64_C(10) * 365 * 24 * 3600);
	check_now("AKIAENV");
	CHECK(plans == 1 && obtains == 0 && log_text[0] == '\0');
	finish();
}

TEST(keys_of_a_source_come_later)
{
	struct asker asker = {0};

	begin();
	ask(&asker);
	CHECK(asker.wait != NULL && obtains == 1);
	CHECK(obtaining->plan->source == PLAN_PROCESS);
	succeed("AKIAONE", 3600);
	CHECK(asker.calls == 1 && asker.status == STATUS_OK);
	CHECK_SLICE(slice_from(asker.keys.id), SLICE("AKIAONE"));
	CHECK(asker.keys.expires_s == NOW_S + 3600);
	check_now("AKIAONE");
	CHECK(plans == 1 && obtains == 1);
	finish();
}

TEST(keys_with_a_role_are_obtained_wherever_they_are_from)
{
	begin();
	plan_for(PLAN_PROFILE);
	next_plan.keys = keys_of("AKIABASE", 0);
	next_plan.role_count = 1;
	check_now("");
	CHECK(obtains == 1);
	CHECK_SLICE(slice_from(obtaining->plan->keys.id), SLICE("AKIABASE"));
	succeed("AKIAROLE", 3600);
	check_now("AKIAROLE");
	finish();
}

TEST(one_question_serves_all_who_wait)
{
	struct asker askers[5] = {0};

	begin();
	for (size_t i = 0; i < 5; i++)
		ask(&askers[i]);
	CHECK(plans == 1 && obtains == 1);
	credentials_cancel(askers[4].wait); /* the last */
	credentials_cancel(askers[2].wait);
	credentials_cancel(askers[0].wait); /* the first */
	credentials_cancel(NULL);
	succeed("AKIAONE", 3600);
	for (size_t i = 0; i < 5; i++) {
		CHECK(askers[i].calls == i % 2);
		CHECK(i % 2 == 0 || strcmp(askers[i].keys.id, "AKIAONE") == 0);
	}
	finish();
}

TEST(nobody_waits_any_more)
{
	struct asker asker = {0};

	begin();
	ask(&asker);
	credentials_cancel(asker.wait);
	succeed("AKIAONE", 3600);
	CHECK(asker.calls == 0);
	check_now("AKIAONE");
	finish();
}

TEST(all_who_wait_hear_of_a_failure)
{
	struct asker askers[3] = {0};

	begin();
	for (size_t i = 0; i < 3; i++)
		ask(&askers[i]);
	fail();
	for (size_t i = 0; i < 3; i++) {
		CHECK(askers[i].calls == 1);
		CHECK(askers[i].status == STATUS_NO_CREDENTIALS);
	}
	finish();
	begin();
	memset(askers, 0, sizeof askers);
	ask(&askers[0]);
	answer_of(obtaining, STATUS_NO_MEMORY, NULL);
	CHECK(askers[0].status == STATUS_NO_MEMORY);
	finish();
}

static struct asker crowd[4];

/* Take the next one who has not been called away. */
static void cancel_another(struct asker *asker)
{
	for (size_t i = 0; i < 4; i++) {
		if (&crowd[i] == asker || crowd[i].wait == NULL)
			continue;
		credentials_cancel(crowd[i].wait);
		crowd[i].wait = NULL;
		return;
	}
}

static size_t crowd_calls(void)
{
	size_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		CHECK(crowd[i].calls <= 1);
		n += crowd[i].calls;
	}
	return n;
}

TEST(one_who_is_called_may_cancel_another)
{
	for (int good = 0; good < 2; good++) {
		begin();
		memset(crowd, 0, sizeof crowd);
		for (size_t i = 0; i < 4; i++) {
			crowd[i].then = cancel_another;
			ask(&crowd[i]);
		}
		if (good)
			succeed("AKIAONE", 3600);
		else
			fail();
		CHECK(crowd_calls() == 2);
		finish();
	}
}

static struct asker second;

static void ask_again(struct asker *asker)
{
	(void)asker;
	ask(&second);
}

TEST(one_who_is_called_may_ask_again)
{
	struct asker first = {.then = ask_again}, other = {0};

	begin();
	second = (struct asker){0};
	ask(&other);
	ask(&first);
	succeed("AKIAONE", 3600);
	CHECK(first.calls == 1 && second.calls == 1 && other.calls == 1);
	CHECK_SLICE(slice_from(second.keys.id), SLICE("AKIAONE"));
	CHECK(plans == 1);
	finish();
	begin();
	first.calls = other.calls = 0;
	second = (struct asker){0};
	ask(&first);
	ask(&other);
	fail();
	CHECK(first.calls == 1 && second.calls == 1 && other.calls == 1);
	CHECK(second.status == STATUS_NO_CREDENTIALS && plans == 1);
	finish();
}

static void refuse_and_ask(struct asker *asker)
{
	mono_ms += 1000;
	credentials_refused(all, &work, asker->keys.id);
	ask(&second);
}

/* Keys that are refused while others still are to be given them. */
TEST(what_is_asked_meanwhile_is_not_answered_with_the_rest)
{
	struct asker first = {.then = refuse_and_ask}, other = {0};

	begin();
	second = (struct asker){0};
	ask(&other);
	ask(&first);
	succeed("AKIAONE", 3600);
	CHECK(first.calls == 1 && other.calls == 1 && second.calls == 0);
	CHECK(second.wait != NULL && obtains == 2);
	succeed("AKIATWO", 3600);
	CHECK(second.calls == 1);
	CHECK_SLICE(slice_from(second.keys.id), SLICE("AKIATWO"));
	finish();
}

TEST(after_a_failure_there_is_a_pause)
{
	begin();
	plan_status = STATUS_NO_CREDENTIALS;
	check_none_now();
	CHECK(plans == 1);
	check_none_now();
	mono_ms += 999;
	check_none_now();
	CHECK(plans == 1);
	mono_ms += 1;
	check_none_now();
	CHECK(plans == 2);
	mono_ms += 1000;
	plan_status = STATUS_OK;
	check_now("");
	CHECK(plans == 3 && obtains == 1);
	fail();
	check_none_now();
	CHECK(plans == 3);
	mono_ms += 1000;
	have("AKIAONE", 3600);
	check_now("AKIAONE");
	finish();
}

TEST(profiles_and_regions_are_kept_apart)
{
	struct credentials_source sources[] = {{"work", "us-west-2"},
	    {"work", "eu-west-1"}, {"play", "us-west-2"}, {"", "us-west-2"}};
	struct asker askers[4] = {0};
	struct obtain *started[4];
	char id[16];

	begin();
	for (size_t i = 0; i < 4; i++) {
		ask_for(&askers[i], &sources[i]);
		CHECK_SLICE(
		    slice_from(asked_profile), slice_from(sources[i].profile));
		CHECK_SLICE(
		    slice_from(asked_region), slice_from(sources[i].region));
		started[i] = obtaining;
	}
	CHECK(obtains == 4);
	for (size_t i = 0; i < 4; i++) {
		struct keys keys;

		(void)snprintf(id, sizeof id, "AKIA%zu", i);
		keys = keys_of(id, 0);
		if (i != 2)
			answer_of(started[i], STATUS_OK, &keys);
		else
			answer_of(started[i], STATUS_NO_CREDENTIALS, NULL);
		CHECK(askers[i].calls == 1);
		CHECK((askers[i].status == STATUS_OK) == (i != 2));
		CHECK_SLICE(slice_from(askers[i].keys.id),
		    slice_from(i == 2 ? "" : id));
	}
	/* One that fails keeps no other from asking. */
	ask_for(&askers[1], &sources[1]);
	CHECK_SLICE(slice_from(askers[1].keys.id), SLICE("AKIA1"));
	finish();
}

TEST(a_profile_that_is_passed_over_is_warned_of_once)
{
	begin();
	plan_for(PLAN_ENVIRONMENT);
	next_plan.keys = keys_of("AKIAENV", 0);
	aws_profile = "";
	check_now("AKIAENV");
	CHECK(log_text[0] == '\0');
	finish();
	begin();
	plan_for(PLAN_ENVIRONMENT);
	next_plan.keys = keys_of("AKIAENV", 0);
	aws_profile = "work";
	check_now("AKIAENV");
	CHECK(logged("AWS_PROFILE is ignored") && log_last == LOG_WARNING);
	log_forget();
	mono_ms += 2000;
	credentials_refused(all, &work, "AKIAENV");
	check_now("AKIAENV");
	CHECK(plans == 2 && log_text[0] == '\0');
	finish();
}

TEST(freed_with_all_at_work)
{
	struct asker askers[3] = {0};
	struct credentials_source other = {"", ""};

	begin();
	ask(&askers[0]);
	ask(&askers[1]);
	ask_for(&askers[2], &other);
	finish();
	CHECK(cancelled == 2);
	for (size_t i = 0; i < 3; i++)
		CHECK(askers[i].calls == 0);
	credentials_free(NULL);
}

/* Whoever asks is answered, or waits for what will be. */
static bool starve(size_t n, enum plan_source source)
{
	struct asker asker = {0};
	bool failed;

	alloc_fail_at(n);
	begin_with("/cache");
	plan_for(source);
	next_plan.keys = keys_of("AKIAENV", 0);
	if (all != NULL)
		ask(&asker);
	if (asker.wait != NULL)
		succeed("AKIAENV", 3600);
	failed = alloc_failed();
	CHECK(all == NULL || asker.calls == 1);
	if (asker.calls == 1)
		CHECK(asker.status == STATUS_OK ||
		    (failed && asker.status == STATUS_NO_MEMORY));
	/* Keys that could not be kept are good nevertheless. */
	CHECK(failed || asker.status == STATUS_OK);
	finish();
	return failed;
}

TEST(no_memory)
{
	size_t n = 0;

	while (starve(n, PLAN_ENVIRONMENT))
		n++;
	CHECK(n >= 5);
	for (n = 0; starve(n, PLAN_CONTAINER); n++)
		continue;
	CHECK(n >= 8);
}

int main(void)
{
	return tap_run();
}
