/*
 * options: the command line.
 *
 * In CGI, that is whenever GATEWAY_INTERFACE or REQUEST_METHOD is set, it is
 * ignored altogether: a query without "=" becomes arguments there
 * (RFC 3875 4.4), and a request must not choose the configuration.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "status.h"

enum options_command {
	COMMAND_NONE, /* look at descriptor 0 */
	COMMAND_CGI,
	COMMAND_SERVE,
	COMMAND_SELFTEST,
	COMMAND_INVOKE,
	COMMAND_CHECK,
	COMMAND_DEMO_AGENT,
	COMMAND_TEST,        /* -t */
	COMMAND_DUMP_CONFIG, /* --dump-config */
	COMMAND_HELP,
	COMMAND_VERSION
};

struct options {
	enum options_command command;
	const char *config;           /* --config, or NULL */
	const char *listen;           /* --listen, or NULL */
	const char *url;              /* of selftest, or NULL */
	const char *agent;            /* of invoke and check, or NULL */
	const char *session, *prompt; /* of invoke, or NULL */
	bool json, invoke;            /* of check */
};

/* sysexits(3), as the contract has them. */
enum options_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_WRONG_USE = 64,
	EXIT_CANNOT_LISTEN = 69,
	EXIT_BAD_CONFIG = 78
};

/* STATUS_BAD_REQUEST, and *wrong names the argument, for wrong use; also for
 * an option without its value.  What was read before it is in *options. */
MUST_CHECK enum status options_parse(struct options *options, int argc,
    char *const argv[], bool in_cgi, const char **wrong);

/* The text of --help. */
const char *options_help(void);

#endif
