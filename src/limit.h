/*
 * limit: which of an agent's limits of time an invocation meets next.  Pure.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct config_agent;

enum limit_kind {
	LIMIT_FIRST_BYTE, /* first_byte_timeout */
	LIMIT_IDLE,       /* idle_timeout */
	LIMIT_TOTAL       /* total_timeout */
};

/* How far it is; all by one clock. */
struct limit_times {
	uint64_t started_ms;
	uint64_t heard_ms; /* the last bytes of the agent; once it has begun */
	bool began;
	bool paused; /* it is the reader that is silent */
};

/* When, by the same clock, and which. */
uint64_t limit_next(const struct config_agent *agent,
    const struct limit_times *times, enum limit_kind *kind);

#endif
