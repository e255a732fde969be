/*
 * probe: agentcgi selftest URL, which does from the shell what the page of
 * the self-test does in a browser.
 */
#ifndef PROBE_H
#define PROBE_H

/* Ask for the self-test of the agentcgi that is mounted at url, show its
 * ticks as they come and the verdict on standard output.  Returns an exit
 * status (options.h). */
int probe_run(const char *url);

#endif
