/*
 * env: the process's environment.
 *
 * Modules that depend on it take a function of this form, so that tests can
 * give their own; this is the real one.  It is never filled from a request's
 * parameters, except in CGI, where nothing of ours begins with HTTP_.
 */
#ifndef ENV_H
#define ENV_H

#include "slice.h"

/* NULL for an unset variable; the text lives as long as the process. */
const char *env_get(const char *name);

/* Room for an entry of the list of users. */
#define ENV_HOME_SIZE 4096

/* The home directory: HOME, which CGI servers often clear, else that of the
 * list of users; empty if neither tells.  It views the environment or room. */
struct slice env_home(
    const char *(*get)(const char *name), char room[static ENV_HOME_SIZE]);

/* The environment for a program of ours, ended by a NULL: in CGI, less what
 * the web server has put there of the request, which a client can choose; less
 * what systemd has put there for us.  To be freed, but not its texts; NULL if
 * memory is out. */
char **env_for_program(void);

#endif
