/*
 * config: the settings, from one INI file and the environment.
 *
 * Every key has one row in one table (config.c), from which parsing,
 * defaults, --dump-config and the manual check are made.  A struct config
 * never changes once loaded; SIGHUP loads another, and the old one lives
 * until the last run that uses it has let go.  Loop thread only.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdint.h>

#include "log.h"
#include "slice.h"
#include "status.h"

struct buf;

enum config_backend {
	BACKEND_AGENTCORE,
	BACKEND_BEDROCK,
	BACKEND_HTTP
};
enum config_auth {
	AUTH_SIGV4,
	AUTH_BEARER,
	AUTH_API_KEY,
	AUTH_NONE
};
enum config_payload {
	PAYLOAD_PROMPT,
	PAYLOAD_PASSTHROUGH
};
enum config_events {
	EVENTS_RAW,
	EVENTS_NORMALISED
};
enum config_disconnect {
	DISCONNECT_CANCEL,
	DISCONNECT_CONTINUE
};
enum config_session_policy {
	SESSION_SIGNED,
	SESSION_OPEN
};

/* One [agent NAME] section.  Text is never NULL; empty means not set. */
struct config_agent {
	struct config_agent *next; /* in the file's order */
	char *name;                /* [A-Za-z0-9_-]{1,64} */
	enum config_backend backend;
	char *arn;
	char *qualifier;
	char *region;   /* never empty for agentcore: taken from the ARN */
	char *endpoint; /* http(s)://host[:port][/base], no trailing slash */
	enum config_auth auth;
	char *profile;
	enum config_payload payload;
	enum config_events events;
	enum config_disconnect on_disconnect;
	char *model, *system, *url, *service; /* other backends, later */
	uint64_t resume_window_ms;
	uint64_t first_byte_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t total_timeout_ms;
	uint64_t connect_timeout_ms;
};

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

/* Returns NULL for an unset variable. */
typedef const char *config_getenv(const char *name);

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

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is fine */

/* The section of this name, or NULL; empty means "default". */
const struct config_agent *config_agent(
    const struct config *config, struct slice name);

/* Append the whole configuration as a file that loads to the same. */
void config_dump(const struct config *config, struct buf *out);

/* Append a line "KEY" for each key that is set to more than its default, and
 * whose feature this version does not have yet. */
void config_unsupported(const struct config *config, struct buf *out);

#endif
