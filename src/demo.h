/*
 * demo: an AgentCore-shaped endpoint as a FastCGI program, for trying things
 * without AWS.
 *
 * It checks the SigV4 signature of every request against the keys in its own
 * environment and answers 403 to a wrong one; it streams an answer about
 * itself, word by word, in the prompt's language (Japanese or English).
 * It is no agent and keeps no conversation.
 */
#ifndef DEMO_H
#define DEMO_H

/* Serve on this address until a signal.  Returns an exit status
 * (options.h). */
int demo_run(const char *address);

#endif
