/*
 * source: what every source of keys that takes time is given, and how it
 * answers.
 *
 * Each source has X_start, which returns NULL if memory is out, and X_cancel.
 * It answers once, never within X_start and never after X_cancel; after its
 * answer it is gone.  It runs in the loop, never blocks it on a network or a
 * process, and has time-outs of its own.  What went wrong is logged by the
 * source, once, in words that name no key, token, account or ARN.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "keys.h"

struct http;
struct loop;

/* Borrowed until the answer. */
struct source_context {
	struct loop *loop;
	struct http *http;
	keys_getenv *getenv;
};

/* STATUS_OK with keys (borrowed, valid during the call), or
 * STATUS_NO_CREDENTIALS or STATUS_NO_MEMORY with NULL. */
typedef void source_done(
    void *ctx, enum status status, const struct keys *keys);

#endif
