/*
 * refusal: a service's error answer: what it means for the client, whether it
 * may be asked again, and what an administrator can do about it.
 *
 * https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"
#include "status.h"

struct http_head;
struct retry_outcome;

/* As much of an error's body as is looked at: AWS sends one line. */
#define REFUSAL_MAX_BODY 4096

enum refusal_cause {
	REFUSAL_OTHER,
	REFUSAL_EXPIRED,     /* keys that were good once: get new ones */
	REFUSAL_CLOCK,       /* our clock, perhaps: look at Date */
	REFUSAL_KEYS,        /* no such keys, or not with this secret */
	REFUSAL_PERMISSION,  /* good keys that may not */
	REFUSAL_CALLER,      /* a token, or a key from a file, that may not */
	REFUSAL_WANTS_TOKEN, /* of bearer, where we signed */
	REFUSAL_WANTS_KEYS,  /* a signature, where we passed a token on */
	REFUSAL_MISMATCH,    /* the one or the other, it does not say which */
	REFUSAL_MMDS,        /* the runtime's metadata service is too old */
	REFUSAL_UNKNOWN      /* no such agent, endpoint or model */
};

/* Zeroed memory is one that has not begun. */
struct refusal {
	unsigned http; /* 0: there was none */
	char type[64]; /* the error's name, letters only; or "" */
	enum refusal_cause cause;
	int64_t date_s;        /* the service's time; -1: not said */
	int64_t retry_after_s; /* Retry-After, if a date; -1: it is none */
	char amz_retry_after[16], retry_after[40];
	struct buf body;
};

/* Its head has come; what was there before is forgotten. */
void refusal_begin(struct refusal *refusal, const struct http_head *head);

/* Bytes of its body; what is above REFUSAL_MAX_BODY is dropped. */
void refusal_add(struct refusal *refusal, struct slice bytes);

/* It is complete: find type and cause.  signed_by_us: our keys vouched. */
void refusal_end(struct refusal *refusal, bool signed_by_us);

/* As if it had not begun. */
void refusal_free(struct refusal *refusal);

/* What the client is told.  bearer: a token of the client's was passed on. */
enum status refusal_status(const struct refusal *refusal, bool bearer);

/* The half of a retry's outcome that the answer gives. */
void refusal_fill(const struct refusal *refusal, struct retry_outcome *outcome);

/* ": what to do", for the end of a line, or "". */
const char *refusal_advice(const struct refusal *refusal);

/* Log it; its own words at LOG_DEBUG alone. */
void refusal_log(const struct refusal *refusal, const char *request_id);

#endif
