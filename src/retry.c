#include "retry.h"

enum {
	BUCKET_MAX = 500,
	COST = 14,
	COST_THROTTLED = 5,
	REFILL = 1, /* by a success at once */
	BASE_MS = 50,
	BASE_THROTTLED_MS = 1000,
	/* A session that begins or ends takes seconds to. */
	BASE_CONFLICT_MS = 500,
	MAX_STEP_MS = 20000,
	/* What a service asks for counts up to so much more than ours. */
	MAX_HINT_MS = 5000
};

enum kind {
	FINAL,
	TRANSIENT,
	THROTTLED,
	CONFLICT
};

bool retry_is_throttling(struct slice type)
{
	static const char *const names[] = {
	    "BandwidthLimitExceeded",
	    "EC2ThrottledException",
	    "LimitExceededException",
	    "PriorRequestNotComplete",
	    "ProvisionedThroughputExceededException",
	    "RequestLimitExceeded",
	    "RequestThrottled",
	    "RequestThrottledException",
	    "SlowDown",
	    "ThrottledException",
	    "Throttling",
	    "ThrottlingException",
	    "TooManyRequestsException",
	    "TransactionInProgressException",
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (slice_equal(type, slice_from(names[i])))
			return true;
	return false;
}

static enum kind kind_of(const struct retry_outcome *outcome)
{
	switch (outcome->http) {
	case 0:
		if (!outcome->sent &&
		    (outcome->error == STATUS_UPSTREAM_UNREACHABLE ||
			outcome->error == STATUS_UPSTREAM_TIMEOUT))
			return TRANSIENT;
		return FINAL;
	case 400:
		return retry_is_throttling(outcome->type) ? THROTTLED : FINAL;
	case 409:
		if (slice_equal(
			outcome->type, SLICE("RetryableConflictException")))
			return CONFLICT;
		return FINAL;
	case 429:
		return THROTTLED;
	case 503:
		return retry_is_throttling(outcome->type) ? THROTTLED
							  : TRANSIENT;
	default:
		return FINAL;
	}
}

/* The share of ms that chance gives. */
static uint64_t share(uint64_t ms, uint32_t chance)
{
	return ms * chance >> 32;
}

/* Before the retry that follows so many others. */
static uint64_t delay_ms(enum kind kind, unsigned others, uint32_t chance)
{
	uint64_t step = BASE_MS;

	if (kind == THROTTLED)
		step = BASE_THROTTLED_MS;
	if (kind == CONFLICT)
		step = BASE_CONFLICT_MS;
	while (others-- > 0 && step < MAX_STEP_MS)
		step *= 2;
	if (step > MAX_STEP_MS)
		step = MAX_STEP_MS;
	if (kind == CONFLICT)
		return step + share(step / 4, chance);
	return share(step, chance);
}

/* How long the service wants us to wait; 0 if it does not say, at most max. */
static uint64_t hint_ms(const struct retry_outcome *outcome, uint64_t max)
{
	int64_t date = outcome->retry_after_date_s, now = outcome->now_s;
	uint64_t n = 0;

	if (slice_to_number(
		slice_trim(outcome->amz_retry_after), UINT64_MAX, &n))
		return n < max ? n : max;
	if (!slice_to_number(
		slice_trim(outcome->retry_after), UINT64_MAX, &n) &&
	    date >= 0 && date > now)
		n = (uint64_t)date - (uint64_t)now;
	return n > max / 1000 ? max : n * 1000;
}

void retry_bucket_init(struct retry_bucket *bucket)
{
	bucket->tokens = BUCKET_MAX;
}

void retry_init(
    struct retry *retry, struct retry_bucket *bucket, struct slice max_attempts)
{
	uint64_t max = 0;

	*retry = (struct retry){.bucket = bucket,
	    .max_attempts = RETRY_ATTEMPTS,
	    .max_conflicts = RETRY_CONFLICT_ATTEMPTS};
	if (slice_to_number(max_attempts, RETRY_MAX_ATTEMPTS, &max) && max > 0)
		retry->max_attempts = retry->max_conflicts = (unsigned)max;
}

bool retry_again(struct retry *retry, const struct retry_outcome *outcome,
    uint32_t chance, uint64_t *wait_ms)
{
	enum kind kind = kind_of(outcome);
	unsigned cost = kind == THROTTLED ? COST_THROTTLED : COST;
	unsigned max =
	    kind == CONFLICT ? retry->max_conflicts : retry->max_attempts;
	uint64_t wait, hint;

	retry->attempts++;
	if (kind == FINAL || retry->attempts >= max ||
	    retry->bucket->tokens < cost)
		return false;
	retry->bucket->tokens -= cost;
	retry->taken = cost;
	wait = delay_ms(kind, retry->attempts - 1, chance);
	hint = hint_ms(outcome, wait + MAX_HINT_MS);
	*wait_ms = hint > wait ? hint : wait;
	return true;
}

void retry_succeeded(struct retry *retry)
{
	struct retry_bucket *bucket = retry->bucket;

	bucket->tokens += retry->taken > 0 ? retry->taken : REFILL;
	if (bucket->tokens > BUCKET_MAX)
		bucket->tokens = BUCKET_MAX;
}
