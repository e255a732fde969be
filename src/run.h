/*
 * run: one invocation of an agent: its transfer, its events with their
 * numbers, its end.
 *
 * A run is not a connection.  Clients are attached to it and may leave; what
 * then happens says the agent's on_disconnect.  Stop, time limits and the
 * upstream end it.  Loop thread only.
 */
#ifndef RUN_H
#define RUN_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct client_shared;
struct client_options;
struct config;
struct config_agent;
struct loop;
struct run;
struct upstream_shared;

/* Enough that nobody guesses one: 96 bits. */
#define RUN_ID_LEN 16

/* All runs of a process, and what they share. */
struct runs {
	struct loop *loop;
	struct upstream_shared *upstreams;
	struct client_shared *clients;
	struct run *first;
	uint64_t count;
	void (*ended)(void *ctx); /* whenever count has gone down */
	void *ctx;
};

struct run_request {
	struct config *config; /* a reference is taken */
	const struct config_agent *agent;
	const char *session_id;
	const char *request_id;
	struct slice payload, prompt;
	struct slice authorization; /* the caller's, passed on; or empty */
};

/* Begin a run and attach its first client.  options.answer's session_id and
 * run_id are filled in here.  Failure to reach the agent is told to that
 * client.  STATUS_NO_MEMORY: nothing was begun, the gateway is still the
 * caller's. */
MUST_CHECK enum status run_start(struct runs *runs,
    const struct run_request *request, struct client_options *options);

/* End all runs: their clients are told status, then done. */
void run_end_all(struct runs *runs, enum status status);

#endif
