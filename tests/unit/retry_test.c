#include "../../src/retry.h"

#include "tap.h"

enum {
	LEAST = 0
};

#define MOST UINT32_MAX
#define HALF (UINT32_MAX / 2 + 1)

static struct retry_bucket bucket;
static struct retry retry;
static uint64_t wait_ms;

static void begin(const char *max_attempts)
{
	retry_bucket_init(&bucket);
	retry_init(&retry, &bucket, slice_from(max_attempts));
	wait_ms = 12345;
}

static struct retry_outcome answer(unsigned http, const char *type)
{
	return (struct retry_outcome){.http = http,
	    .sent = true,
	    .type = slice_from(type),
	    .retry_after_date_s = -1,
	    .now_s = 1767225600};
}

static struct retry_outcome failure(enum status error, bool sent)
{
	struct retry_outcome outcome = answer(0, "");

	outcome.error = error;
	outcome.sent = sent;
	return outcome;
}

/* The first attempt: whether it is made again, and what that takes. */
static void check(struct retry_outcome outcome, bool again, unsigned cost)
{
	begin("");
	CHECK(retry_again(&retry, &outcome, LEAST, &wait_ms) == again);
	CHECK(bucket.tokens == 500 - cost);
	CHECK(again == (wait_ms != 12345));
}

TEST(answers_that_are_final)
{
	static const unsigned codes[] = {100, 200, 204, 301, 302, 400, 401, 402,
	    403, 404, 405, 408, 409, 413, 422, 424, 425, 428, 430, 500, 501,
	    502, 504, 505, 529, 999};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		check(answer(codes[i], ""), false, 0);
	check(answer(402, "ServiceQuotaExceededException"), false, 0);
	check(answer(400, "ValidationException"), false, 0);
	check(answer(400, "ServiceQuotaExceededException"), false, 0);
	check(answer(400, "throttling"), false, 0);
	check(answer(400, "ThrottlingExceptions"), false, 0);
	check(answer(403, "ThrottlingException"), false, 0);
	check(answer(409, "ConflictException"), false, 0);
	check(answer(424, "RuntimeClientError"), false, 0);
	check(answer(500, "InternalServerException"), false, 0);
	check(answer(500, "ThrottlingException"), false, 0);
	check(answer(404, "RetryableConflictException"), false, 0);
}

TEST(answers_that_say_nothing_was_done)
{
	check(answer(409, "RetryableConflictException"), true, 14);
	check(answer(429, "ThrottlingException"), true, 5);
	check(answer(429, "ModelNotReadyException"), true, 5);
	check(answer(429, ""), true, 5);
	check(answer(503, ""), true, 14);
	check(answer(503, "ServiceUnavailableException"), true, 14);
	check(answer(503, "SlowDown"), true, 5);
}

TEST(throttling_by_name)
{
	static const char *const names[] = {"BandwidthLimitExceeded",
	    "EC2ThrottledException", "LimitExceededException",
	    "PriorRequestNotComplete", "ProvisionedThroughputExceededException",
	    "RequestLimitExceeded", "RequestThrottled",
	    "RequestThrottledException", "SlowDown", "ThrottledException",
	    "Throttling", "ThrottlingException", "TooManyRequestsException",
	    "TransactionInProgressException"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		check(answer(400, names[i]), true, 5);
}

TEST(connections)
{
	for (int status = 0; status < STATUS_COUNT; status++) {
		bool may = status == STATUS_UPSTREAM_UNREACHABLE ||
		    status == STATUS_UPSTREAM_TIMEOUT;

		check(failure((enum status)status, true), false, 0);
		check(failure((enum status)status, false), may, may ? 14 : 0);
	}
}

/* How long is waited before each retry of these, by chance. */
static void check_waits(const char *attempts, struct retry_outcome outcome,
    uint32_t chance, const uint64_t *waits)
{
	begin(attempts);
	for (; *waits > 0; waits++) {
		CHECK(retry_again(&retry, &outcome, chance, &wait_ms));
		if (wait_ms != *waits)
			printf("# %llu, not %llu\n",
			    (unsigned long long)wait_ms,
			    (unsigned long long)*waits);
		CHECK(wait_ms == *waits);
	}
	CHECK(!retry_again(&retry, &outcome, chance, &wait_ms));
	CHECK(!retry_again(&retry, &outcome, chance, &wait_ms));
}

TEST(waits_of_what_is_transient)
{
	check_waits("10", answer(503, ""), HALF,
	    (uint64_t[]){25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 0});
	check_waits("10", failure(STATUS_UPSTREAM_UNREACHABLE, false), MOST,
	    (uint64_t[]){49, 99, 199, 399, 799, 1599, 3199, 6399, 12799, 0});
}

TEST(waits_of_what_is_throttled)
{
	check_waits("10", answer(429, ""), HALF,
	    (uint64_t[]){
		500, 1000, 2000, 4000, 8000, 10000, 10000, 10000, 10000, 0});
	check_waits("10", answer(429, ""), MOST,
	    (uint64_t[]){
		999, 1999, 3999, 7999, 15999, 19999, 19999, 19999, 19999, 0});
}

TEST(waits_for_a_session)
{
	struct retry_outcome outcome =
	    answer(409, "RetryableConflictException");

	check_waits("", outcome, LEAST, (uint64_t[]){500, 1000, 2000, 0});
	check_waits("2", outcome, LEAST, (uint64_t[]){500, 0});
	check_waits("4", outcome, LEAST, (uint64_t[]){500, 1000, 2000, 0});
	check_waits("4", outcome, HALF, (uint64_t[]){562, 1125, 2250, 0});
	check_waits("4", outcome, MOST, (uint64_t[]){624, 1249, 2499, 0});
	check_waits("10", outcome, LEAST,
	    (uint64_t[]){
		500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000, 0});
}

TEST(chance_may_be_none)
{
	begin("");
	CHECK(retry_again(
	    &retry, &(struct retry_outcome){.http = 503}, LEAST, &wait_ms));
	CHECK(wait_ms == 0);
}

/* Of a first retry that by itself would wait 500 ms. */
static void check_hint(const char *amz, const char *after, int64_t date_s,
    int64_t now_s, uint64_t wanted)
{
	struct retry_outcome outcome = answer(429, "");

	outcome.amz_retry_after = slice_from(amz);
	outcome.retry_after = slice_from(after);
	outcome.retry_after_date_s = date_s;
	outcome.now_s = now_s;
	begin("");
	CHECK(retry_again(&retry, &outcome, HALF, &wait_ms));
	if (wait_ms != wanted)
		printf(
		    "# %s %s: %llu\n", amz, after, (unsigned long long)wait_ms);
	CHECK(wait_ms == wanted);
}

TEST(hints_in_milliseconds)
{
	check_hint("0", "", -1, 0, 500);
	check_hint("499", "", -1, 0, 500);
	check_hint("501", "", -1, 0, 501);
	check_hint(" 1500\t", "", -1, 0, 1500);
	check_hint("5500", "", -1, 0, 5500);
	check_hint("5501", "", -1, 0, 5500);
	check_hint("18446744073709551615", "", -1, 0, 5500);
	check_hint("1500", "3", 1000, 990, 1500);
	check_hint("0", "3", 1000, 990, 500);
	/* What is no number is not there. */
	check_hint("18446744073709551616", "", -1, 0, 500);
	check_hint("-1", "2", -1, 0, 2000);
	check_hint("1.5", "2", -1, 0, 2000);
}

TEST(hints_in_seconds)
{
	check_hint("", "0", -1, 0, 500);
	check_hint("", "1", -1, 0, 1000);
	check_hint("", " 5 ", -1, 0, 5000);
	check_hint("", "6", -1, 0, 5500);
	check_hint("", "18446744073709551615", -1, 0, 5500);
	check_hint("", "18446744073709552", -1, 0, 5500);
	check_hint("", "soon", -1, 0, 500);
	check_hint("", "5", 1001, 1000, 5000);
}

TEST(hints_as_dates)
{
	check_hint(
	    "", "Thu, 01 Jan 2026 00:00:03 GMT", 1767225603, 1767225600, 3000);
	check_hint("", "x", 1767225600, 1767225600, 500);
	check_hint("", "x", 1767225599, 1767225600, 500);
	check_hint("", "x", 1767229200, 1767225600, 5500);
	check_hint("", "x", INT64_MAX, INT64_MIN, 5500);
	check_hint("", "x", INT64_MAX, 0, 5500);
	check_hint("", "x", 0, -2, 2000);
	check_hint("", "x", -1, -5, 500);
	check_hint("", "", 3, 1, 2000);
}

static void check_attempts(const char *text, unsigned wanted)
{
	begin(text);
	CHECK(retry.max_attempts == wanted);
}

TEST(how_many_attempts)
{
	check_attempts("", 3);
	check_attempts("1", 1);
	check_attempts("2", 2);
	check_attempts("10", 10);
	check_attempts("0", 3);
	check_attempts("11", 3);
	check_attempts("-1", 3);
	check_attempts("3x", 3);
	check_attempts("many", 3);
	check_attempts("99999999999999999999", 3);
}

TEST(attempts_end)
{
	struct retry_outcome outcome = answer(429, "");

	begin("");
	CHECK(retry_again(&retry, &outcome, LEAST, &wait_ms));
	CHECK(retry_again(&retry, &outcome, LEAST, &wait_ms));
	CHECK(!retry_again(&retry, &outcome, LEAST, &wait_ms));
	CHECK(bucket.tokens == 490 && retry.attempts == 3);
	begin("1");
	CHECK(!retry_again(&retry, &outcome, LEAST, &wait_ms));
	CHECK(bucket.tokens == 500);
}

TEST(tokens_end)
{
	struct retry_outcome unreached =
	    failure(STATUS_UPSTREAM_UNREACHABLE, false);
	struct retry_outcome throttled = answer(429, "");

	begin("");
	/* 35 * 14 = 490 */
	for (int i = 0; i < 35; i++) {
		retry_init(&retry, &bucket, SLICE(""));
		CHECK(retry_again(&retry, &unreached, LEAST, &wait_ms));
	}
	CHECK(bucket.tokens == 10);
	retry_init(&retry, &bucket, SLICE(""));
	CHECK(!retry_again(&retry, &unreached, LEAST, &wait_ms));
	CHECK(bucket.tokens == 10 && retry.taken == 0);
	/* A throttled one is cheaper. */
	retry_init(&retry, &bucket, SLICE(""));
	CHECK(retry_again(&retry, &throttled, LEAST, &wait_ms));
	CHECK(retry_again(&retry, &throttled, LEAST, &wait_ms));
	CHECK(bucket.tokens == 0);
	retry_init(&retry, &bucket, SLICE(""));
	CHECK(!retry_again(&retry, &throttled, LEAST, &wait_ms));
	CHECK(bucket.tokens == 0);
}

TEST(tokens_come_back)
{
	struct retry_outcome unreached =
	    failure(STATUS_UPSTREAM_UNREACHABLE, false);
	struct retry_outcome throttled = answer(429, "");

	begin("");
	retry_succeeded(&retry);
	CHECK(bucket.tokens == 500);
	/* Of two retries, what the last took. */
	CHECK(retry_again(&retry, &throttled, LEAST, &wait_ms));
	CHECK(retry_again(&retry, &unreached, LEAST, &wait_ms));
	CHECK(bucket.tokens == 481);
	retry_succeeded(&retry);
	CHECK(bucket.tokens == 495);
	retry_init(&retry, &bucket, SLICE(""));
	retry_succeeded(&retry);
	CHECK(bucket.tokens == 496);
	/* No more than there were. */
	CHECK(retry_again(&retry, &unreached, LEAST, &wait_ms));
	bucket.tokens = 490;
	retry_succeeded(&retry);
	CHECK(bucket.tokens == 500);
}

int main(void)
{
	return tap_run();
}
