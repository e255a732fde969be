/*
 * client: one answer on its way to one client.
 *
 * A client is attached to a run and may leave it; the run is not its
 * business.  Output is collected while the loop's callbacks run and sent once
 * after them, as one record; in silence a keepalive goes out.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdint.h>

#include "answer.h"
#include "slice.h"
#include "status.h"

struct client;
struct client_shared;
struct decode_event;
struct gateway;
struct loop;

/* Takes a gateway back once its answer is complete (gateway_end was called)
 * or its client has left. */
typedef void client_finished(void *ctx, struct gateway *gateway, bool left);

/* What the clients of one loop share.  NULL if memory is out. */
struct client_shared *client_shared_new(
    struct loop *loop, client_finished *finished, void *ctx);
void client_shared_free(struct client_shared *group);

struct client_options {
	struct answer_options answer; /* its gateway is ours until finished */
	uint64_t keepalive_ms;
	uint64_t header_wait_ms; /* after it, the answer begins by itself */
};

/* Never called within a client_ function, client_shared_free excepted. */
struct client_callbacks {
	/* The client has closed.  It is gone after this call. */
	void (*left)(void *ctx, struct client *client);
	/* It was full and can take more now. */
	void (*drained)(void *ctx, struct client *client);
};

/* NULL if memory is out: the gateway is then still the caller's. */
MUST_CHECK struct client *client_new(struct client_shared *group,
    const struct client_options *options,
    const struct client_callbacks *callbacks, void *ctx);

/* As answer.h has them; after client_end the client is gone. */
void client_begin(struct client *client);
void client_event(struct client *client, const struct decode_event *event,
    uint64_t number, bool whole);
void client_usage(struct client *client, struct slice usage);
void client_fail(struct client *client, enum status status, uint64_t number);
void client_end(struct client *client, const char *reason, uint64_t number);

/* Whether so much waits to be sent that the run should not go on. */
bool client_full(struct client *client);

/* Whether it has been refused, and waits only for the end. */
bool client_answered(const struct client *client);

/* The HTTP status that was or would be sent, for the log. */
unsigned client_http_status(const struct client *client);

/* How many clients are not finished: also those whose run has ended. */
size_t client_count(const struct client_shared *group);

/* For the list of a run's clients. */
struct client *client_next(const struct client *client);
void client_set_next(struct client *client, struct client *next);

#endif
