/*
 * spawn: runs a program beside the loop, and gathers what it writes.
 *
 * The program reads /dev/null, has our environment (env_for_program), a process
 * group of its own and no descriptor of ours.  It is killed, with its group, at
 * its time-out.
 */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct loop;
struct spawn;

struct spawn_options {
	char *const *argv; /* argv[0] is looked up in PATH; copied by exec */
	uint64_t timeout_ms;
	size_t max_out, max_err; /* bytes kept; more than max_out ends it,
				  * more than max_err is dropped */
};

enum spawn_how {
	SPAWN_EXITED,
	SPAWN_KILLED,    /* by a signal of somebody */
	SPAWN_TIMED_OUT, /* by us */
	SPAWN_TOO_MUCH   /* output; by us */
};

/* Valid during the call. */
struct spawn_result {
	enum spawn_how how;
	int code; /* exit status; 127 or 126 if it could not be run; or the
		   * signal */
	struct slice out, err;
};

/* Called once, never within spawn_start; the spawn is gone after it. */
typedef void spawn_done(void *ctx, const struct spawn_result *result);

/* NULL if memory, descriptors or processes are out.  Its buffers are wiped. */
MUST_CHECK struct spawn *spawn_start(struct loop *loop,
    const struct spawn_options *options, spawn_done *done, void *ctx);

/* Kill it.  NULL is fine. */
void spawn_cancel(struct spawn *spawn);

#endif
