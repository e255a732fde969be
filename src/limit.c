#include "limit.h"

#include "agent.h"

uint64_t limit_next(const struct config_agent *agent,
    const struct limit_times *times, enum limit_kind *kind)
{
	uint64_t total = times->started_ms + agent->total_timeout_ms;
	uint64_t due = times->began
	    ? times->heard_ms + agent->idle_timeout_ms
	    : times->started_ms + agent->first_byte_timeout_ms;

	*kind = times->began ? LIMIT_IDLE : LIMIT_FIRST_BYTE;
	if (!times->paused && due < total)
		return due;
	*kind = LIMIT_TOTAL;
	return total;
}
