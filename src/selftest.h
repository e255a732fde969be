/*
 * selftest: ten ticks on the way that an agent's answer takes, so that a
 * page, or agentcgi selftest, can measure whether this web server streams.
 *
 * It asks no agent and is no run, but its clients are run's.  Loop thread
 * only.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stddef.h>

#include "slice.h"
#include "status.h"

struct client_options;
struct client_shared;
struct loop;
struct selftest;
struct table;

/* All self-tests of a process, and what they share. */
struct selftests {
	struct loop *loop;
	struct client_shared *clients;
	struct selftest *first;
	size_t count;
};

/* Begin one, about the request with these parameters, which are not needed
 * any more afterwards.  options.answer's ids are filled in here.
 * STATUS_OVERLOADED, STATUS_NO_MEMORY: nothing was begun, the gateway is
 * still the caller's. */
MUST_CHECK enum status selftest_start(struct selftests *all,
    struct client_options *options, const struct table *params);

/* End all: their clients are told "stopped". */
void selftest_end_all(struct selftests *all);

#endif
