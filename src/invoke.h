/*
 * invoke: agentcgi invoke PROMPT, which asks an agent from the shell by the
 * same way as a request does, and writes the text of its answer as it comes.
 */
#ifndef INVOKE_H
#define INVOKE_H

struct invoke_options {
	const char *config;     /* path, or NULL: the environment alone */
	const char *agent;      /* NULL: default */
	const char *session_id; /* NULL: mint one, and tell it at the end */
	const char *prompt;     /* "-": what in has */
	int in, out;            /* descriptors; messages go to stderr */
};

/* Ask once.  Returns an exit status (options.h). */
int invoke_run(const struct invoke_options *options);

#endif
