/*
 * service: agentcgi at work: loop, server, relay, configuration and signals
 * put together, for FastCGI and for one CGI request.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>

struct service_options {
	const char *config; /* path given, or NULL: searched for */
	const char *listen; /* address given, or NULL */
	int fd;             /* inherited listening socket, or -1 */
	bool spawned;       /* by a web server, which kills soon after TERM */
};

/* Serve until a signal.  Returns an exit status (options.h). */
int service_run(const struct service_options *options);

/* Answer the CGI request of this process.  Returns an exit status. */
int service_cgi(void);

#endif
