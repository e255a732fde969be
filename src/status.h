/*
 * status: the outcome of a step, and what a client is told of it.
 *
 * Every fallible function returns one.  CURLcode, errno, -1 and NULL stop in
 * the adapters (http.c, gateway.c, ...) and are translated there.  The detail
 * is logged once, where it is found; callers pass the status on.
 */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>

#include "slice.h"

enum status {
	STATUS_OK = 0,
	STATUS_CLIENT_GONE, /* nobody is left to answer: no error */
	STATUS_MORE,        /* not complete yet: no error */

	/* what came in */
	STATUS_BAD_REQUEST,
	STATUS_NO_PROMPT,
	STATUS_PROMPT_NOT_TEXT,
	STATUS_BAD_JSON,
	STATUS_BAD_FORM,
	STATUS_BAD_UTF8,
	STATUS_BAD_SESSION,
	STATUS_UNAUTHORISED,
	STATUS_NO_TOKEN,
	STATUS_TOKEN_REFUSED,
	STATUS_FORBIDDEN,
	STATUS_NOT_FOUND,
	STATUS_NO_AGENT,
	STATUS_METHOD_NOT_ALLOWED,
	STATUS_SESSION_BUSY,
	STATUS_TOO_LARGE,
	STATUS_PROMPT_TOO_LARGE,
	STATUS_UNSUPPORTED_TYPE,
	STATUS_REQUEST_CUT,
	STATUS_RATE_LIMITED,

	/* what came back */
	STATUS_UPSTREAM_DENIED,
	STATUS_UPSTREAM_NOT_FOUND,
	STATUS_AGENT_FAILED,
	STATUS_UPSTREAM_ERROR,
	STATUS_UPSTREAM_EMPTY,
	STATUS_UPSTREAM_CUT,
	STATUS_UPSTREAM_UNREACHABLE,
	STATUS_UPSTREAM_UNTRUSTED,
	STATUS_UPSTREAM_THROTTLED,
	STATUS_UPSTREAM_TIMEOUT,
	STATUS_TIME_LIMIT,

	/* ourselves */
	STATUS_OVERLOADED,
	STATUS_STOPPING,
	STATUS_NO_MEMORY,
	STATUS_NO_CREDENTIALS,
	STATUS_NOT_CONFIGURED,
	STATUS_COUNT
};

/* One row of the table: what a client reads.  Constant for ever. */
struct status_row {
	unsigned http;     /* HTTP status, or 0 where a client is never told */
	const char *code;  /* the contract's code */
	const char *words; /* one plain sentence */
	const char *challenge;   /* for WWW-Authenticate, or NULL */
	bool retryable;          /* the same request may succeed later */
	unsigned retry_after_s;  /* for Retry-After; 0: none is sent */
	bool operator_must_know; /* logged as a warning, not as information */
};

/* The row of any status, also of one out of range (that of
 * STATUS_UPSTREAM_ERROR). */
const struct status_row *status_row(enum status status);

/* The reason phrase of an HTTP status that this table, or a reply without an
 * error, can have. */
const char *status_phrase(unsigned http);

#endif
