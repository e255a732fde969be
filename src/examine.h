/*
 * examine: asks the service of an agent something, and waits for what comes
 * of it: for agentcgi check.
 */
#ifndef EXAMINE_H
#define EXAMINE_H

#include <stdint.h>

#include "refusal.h"
#include "status.h"
#include "vouch.h"

struct config;
struct config_agent;
struct examine;

/* What came of it. */
struct examine_result {
	bool vouched;      /* there were keys, or none are needed */
	int64_t expires_s; /* of keys that sign; 0: they do not say */
	/* STATUS_OK: it was answered to its end; a question: with something,
	 * and no failure of the agent's */
	enum status error;
	unsigned http;  /* status of the answer; 0: there was none */
	int64_t date_s; /* the service's time; -1: not said */
	struct refusal refusal;
	unsigned long events; /* of the agent */
	const char *limit;    /* the agent's key whose time was up, or NULL */
};

/* NULL if memory is out.  config is borrowed. */
struct examine *examine_new(const struct config *config);
void examine_free(struct examine *examine); /* NULL is fine */

/* A request that spends nothing (diagnosis.h); where our clock is wrong, once
 * more by the service's.  Takes no longer than keys and connecting do, and 20
 * s. The result is valid until the next call. */
const struct examine_result *examine_look(
    struct examine *examine, const struct config_agent *agent);

/* A short question, answered by the agent or the model within the limits that
 * a run has. */
const struct examine_result *examine_ask(
    struct examine *examine, const struct config_agent *agent);

#endif
