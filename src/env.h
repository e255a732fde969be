/*
 * env: the process's environment.
 *
 * Modules that depend on it take a function of this form, so that tests can
 * give their own; this is the real one.  It is never filled from a request's
 * parameters, except in CGI, where nothing of ours begins with HTTP_.
 */
#ifndef ENV_H
#define ENV_H

/* NULL for an unset variable; the text lives as long as the process. */
const char *env_get(const char *name);

#endif
