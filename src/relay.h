/*
 * relay: the story of one request, from its first byte to its last.  Read
 * this file first.
 *
 *	request_parse   what came in, and where to
 *	authorise       may they
 *	request_parse_input, session_choose
 *	                what is asked, in whose conversation
 *	run_start       one invocation, with this client attached to it:
 *	    upstream    keys, signature, HTTP; decode: bytes into events
 *	    client      events into the form that was asked for, and out
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>

#include "slice.h"
#include "status.h"

struct config;
struct gateway;
struct loop;
struct relay;
struct upstream_shared;

struct relay_options {
	struct loop *loop;
	struct upstream_shared *upstreams;
	/* Takes a gateway back whose answer is complete (left false) or whose
	 * client has left. */
	void (*finished)(void *ctx, struct gateway *gateway, bool left);
	/* The last run has ended. */
	void (*idle)(void *ctx);
	void *ctx;
};

/* NULL if memory is out. */
struct relay *relay_new(const struct relay_options *options);
void relay_free(struct relay *relay);

/* Answer new requests by this configuration, which is taken over; NULL: 503
 * with a hint in the log.  Runs keep the one they began with. */
void relay_configure(struct relay *relay, struct config *config);

/* The most bytes that a request's body may have. */
size_t relay_max_body(const struct relay *relay);

/* Answer the request that was read with this outcome of gateway_read. */
void relay_handle(
    struct relay *relay, struct gateway *gateway, enum status read);

/* Refuse new runs from now on. */
void relay_drain(struct relay *relay);

/* End all runs with an error and done, self-tests with done alone. */
void relay_end_all(struct relay *relay);

/* How many runs there are. */
uint64_t relay_runs(const struct relay *relay);

/* How many clients are not finished: at least one for each run, and one for
 * each self-test. */
size_t relay_clients(const struct relay *relay);

#endif
