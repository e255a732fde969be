/*
 * check: agentcgi check, which looks for what keeps agents from answering:
 * the configuration, the state directory, keys, the clock, the way to each
 * service and what it says.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>

struct check_options {
	const char *config; /* path, or NULL: the environment alone */
	const char *agent;  /* NULL: all */
	bool json;
	bool invoke; /* also ask each agent something, which costs */
};

/* Returns an exit status (options.h). */
int check_run(const struct check_options *options);

#endif
