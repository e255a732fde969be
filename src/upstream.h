/*
 * upstream: one invocation of an agent: keys, request, and the answer as
 * events; asked again while that is safe (retry.h).
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct config_agent;
struct decode_event;
struct http;
struct loop;
struct upstream;
struct upstream_shared;

struct upstream_options {
	struct loop *loop;
	struct http *http;
	const char *(*getenv)(const char *name);
	const char *cache_dir; /* credentials.h; NULL: none */
};

/* What the invocations of a process share: keys, conversations, and of each
 * agent how much may be retried and how wrong our clock is.  NULL if memory is
 * out. */
struct upstream_shared *upstream_shared_new(
    const struct upstream_options *options);
void upstream_shared_free(struct upstream_shared *shared); /* NULL is fine */

/* Everything is borrowed while upstream_start runs; agent and state_dir until
 * the end. */
struct upstream_request {
	const struct config_agent *agent;
	const char *state_dir; /* where conversations are kept */
	const char *session_id;
	const char *request_id; /* for the log */
	struct slice payload;   /* JSON */
	struct slice prompt;    /* what of it a model reads */
	/* The caller's Authorization, passed on; empty: our keys sign. */
	struct slice authorization;
};

/* Called in this order, never before upstream_start returns; end once, unless
 * upstream_cancel came first. */
struct upstream_callbacks {
	/* The agent has accepted.  whole: its answer will be one document,
	 * not a stream of events. */
	void (*began)(void *ctx, bool whole);
	/* Whether more events are unwelcome now: then nothing is read until
	 * upstream_resume. */
	bool (*full)(void *ctx);
	/* Bytes have arrived: an agent that pings is alive. */
	void (*alive)(void *ctx);
	enum status (*event)(void *ctx, const struct decode_event *event);
	/* The tokens that it took, a JSON object; not every agent says. */
	void (*usage)(void *ctx, struct slice usage);
	void (*end)(void *ctx, enum status status);
};

/* Invoke.  *upstream is valid until its end callback or upstream_cancel.
 * STATUS_NO_TOKEN, STATUS_NO_CREDENTIALS or STATUS_NO_MEMORY: there is no
 * *upstream, and end is not called. */
MUST_CHECK enum status upstream_start(struct upstream_shared *shared,
    const struct upstream_request *request,
    const struct upstream_callbacks *callbacks, void *ctx,
    struct upstream **upstream);

/* Close the connection now.  NULL is fine. */
void upstream_cancel(struct upstream *upstream);

void upstream_resume(struct upstream *upstream);

#endif
