/*
 * peer: what a process has learnt of the services behind its agents: how much
 * may still be retried, and how wrong our clock is by theirs.  By the agent's
 * name, so that it outlives a reading of the configuration, and so that one
 * agent's trouble is no other's.
 */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>

#include "retry.h"

/* A difference below it may be the way's; AWS takes 5 minutes.  As the SDKs
 * have it. */
#define PEER_MIN_SKEW_S 240

struct peer {
	struct peer *next;
	char *agent;
	struct retry_bucket bucket;
	int64_t skew_s; /* to be added to our time */
};

struct peers {
	struct peer *first;
};

/* That of this agent, made if need be.  NULL if memory is out. */
MUST_CHECK struct peer *peer_of(struct peers *peers, const char *agent);

/* The service says it is date_s, to a request that took our clock to be off by
 * used_s.  Whether that was wrong, so that asking again is worth it. */
MUST_CHECK bool peer_learn_time(
    struct peer *peer, int64_t date_s, int64_t now_s, int64_t used_s);

void peer_free_all(struct peers *peers);

#endif
