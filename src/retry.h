/*
 * retry: whether and when to ask a service once more: the SDKs' standard mode
 * with its bucket of tokens.  Pure; chance is an argument.
 *
 * Stricter than the SDKs in one thing: an agent acts, so a request that may
 * have reached it is not sent again.  Only refusals that say it has not (409
 * RetryableConflict, 429, 503, 400 of a throttle) and connections that never
 * came about are.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
#ifndef RETRY_H
#define RETRY_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

/* Attempts in all, where AWS_MAX_ATTEMPTS says nothing else; and the most it
 * may say. */
#define RETRY_ATTEMPTS     3
#define RETRY_MAX_ATTEMPTS 10

/* The same of a session that is just being made or ended, which takes
 * seconds: waits of 0.5, 1 and 2 s. */
#define RETRY_CONFLICT_ATTEMPTS 4

/* Shared by all requests to one agent, so that retries stop when nearly
 * everything fails. */
struct retry_bucket {
	unsigned tokens;
};

/* One request over its attempts. */
struct retry {
	struct retry_bucket *bucket; /* borrowed */
	unsigned attempts;           /* so far */
	unsigned max_attempts, max_conflicts;
	unsigned taken; /* tokens of the last retry */
};

/* What an attempt came to. */
struct retry_outcome {
	unsigned http;     /* of the answer, or 0: there was none */
	bool sent;         /* the request may have reached it */
	enum status error; /* where there was none: as http.h's end has it */
	struct slice type; /* the error's name, or empty */
	/* Headers, or empty. */
	struct slice amz_retry_after; /* x-amz-retry-after: milliseconds */
	struct slice retry_after;     /* Retry-After: seconds or a date */
	int64_t retry_after_date_s;   /* what http_date made of it, or -1 */
	int64_t now_s;
};

/* Whether an error of this name means that too much was asked. */
bool retry_is_throttling(struct slice type);

void retry_bucket_init(struct retry_bucket *bucket);

/* max_attempts: AWS_MAX_ATTEMPTS as text, or empty. */
void retry_init(struct retry *retry, struct retry_bucket *bucket,
    struct slice max_attempts);

/* Whether to ask again, and after how many milliseconds; takes tokens.
 * chance is uniform, 0 to UINT32_MAX. */
MUST_CHECK bool retry_again(struct retry *retry,
    const struct retry_outcome *outcome, uint32_t chance, uint64_t *wait_ms);

/* The request has succeeded: tokens come back. */
void retry_succeeded(struct retry *retry);

#endif
