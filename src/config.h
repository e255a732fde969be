/*
 * config: the settings, from one INI file and the environment.
 *
 * Every key has one row in one table (config.c; agent.c for those of a
 * section), from which parsing, defaults, --dump-config and the manual check
 * are made.  A struct config never changes once loaded; SIGHUP loads another,
 * and the old one lives until the last run that uses it has let go.  Loop
 * thread only.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdint.h>

#include "agent.h"
#include "log.h"
#include "slice.h"
#include "status.h"

struct buf;

enum config_session_policy {
	SESSION_SIGNED,
	SESSION_OPEN
};

/* Where a service listens whose configuration cannot be read. */
#define CONFIG_LISTEN "unix:/run/agentcgi/agentcgi.sock"

struct config {
	unsigned refs;
	struct config_agent *agents; /* at least one; [agent default] is what
				      * /invoke without a name means */
	char *path;                  /* of the file, or "" */
	char *listen;                /* unix:PATH or tcp:HOST:PORT */
	char *state_dir;
	char *store;
	enum log_level log_level;
	uint64_t keepalive_ms;
	uint64_t header_wait_ms;
	uint64_t drain_timeout_ms;
	uint64_t max_streams;
	uint64_t max_body;   /* bytes */
	uint64_t max_prompt; /* bytes */
	char *allow_origin;  /* space-separated origins */
	bool require_user;
	enum config_session_policy session_policy;
	uint64_t rate_count, rate_period_ms; /* 0: off */
	uint64_t streams_per_user;           /* 0: off */
	char *mount;                         /* "" or "/x", no trailing slash */
	char *ca_file;
	char *default_prompt;
	bool incremental; /* send Incremental: ?1 */
};

/* What is wrong, as "FILE:LINE: what" or "what". */
struct config_error {
	char text[512];
};

/* Load path, which must then exist; or, with path NULL, take the environment
 * alone.  AGENT_RUNTIME_ARN makes an [agent default] where the file has none.
 * *config is owned by the caller: config_unref.
 * STATUS_NOT_CONFIGURED with *error filled, STATUS_NO_MEMORY. */
MUST_CHECK enum status config_load(const char *path, config_getenv *getenv,
    struct config **config, struct config_error *error);

/* The same from text: what a file at path says, or "" for none. */
MUST_CHECK enum status config_parse(struct slice text, const char *path,
    config_getenv *getenv, struct config **config, struct config_error *error);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */

/* The section of this name, or NULL; empty means "default". */
const struct config_agent *config_agent(
    const struct config *config, struct slice name);

/* Append the whole configuration as a file that loads to the same. */
void config_dump(const struct config *config, struct buf *out);

/* Append a line "KEY" or "[agent NAME] KEY" for each key that is set to more
 * than its default, and whose feature this version does not have yet. */
void config_unsupported(const struct config *config, struct buf *out);

#endif
