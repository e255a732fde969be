/*
 * fetch: a small request whose whole answer is wanted, with a time-out.
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdint.h>

#include "../slice.h"
#include "../status.h"

struct call_request;
struct fetch;
struct http;
struct loop;

/* The largest answer: ten times the longest set of keys. */
#define FETCH_MAX_ANSWER (64 << 10)

struct fetch_answer {
	unsigned status;
	struct slice body;
	struct slice date; /* Date, or empty */
};

/* STATUS_OK and the answer of whatever HTTP status, valid during the call; or
 * why there is none (http.h has the list; also STATUS_TOO_LARGE), logged, and
 * NULL.  The fetch is gone after it. */
typedef void fetch_done(
    void *ctx, enum status status, const struct fetch_answer *answer);

/* Ask; call.h says what is copied.  The body must last until done.  timeout_ms
 * is for everything.  The buffers are wiped: answers hold keys.  STATUS_OK and
 * *fetch; done is never called within fetch_start. */
MUST_CHECK enum status fetch_start(struct fetch **fetch, struct loop *loop,
    struct http *http, const struct call_request *request, uint64_t timeout_ms,
    fetch_done *done, void *ctx);
void fetch_cancel(struct fetch *fetch); /* NULL is fine */

#endif
