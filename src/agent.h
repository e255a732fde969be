/*
 * agent: one [agent NAME] section of the settings: its keys and its rules.
 *
 * The struct is of config, which others include.  Everything here is for
 * config.c.  The environment is read through the function given.
 */
#ifndef AGENT_H
#define AGENT_H

#include "setting.h"

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
	char *api_key_file; /* AUTH_API_KEY: a file that holds the key */
	char *url;          /* BACKEND_HTTP */
	char *service;      /* of the signature; never empty with sigv4 */
	char *model;        /* BACKEND_BEDROCK, and what follows */
	char *system;
	uint64_t max_tokens;       /* 0: the model's own */
	char *temperature, *top_p; /* decimals from 0 to 1, or "" */
	char *stop;                /* sequences joined by commas, or "" */
	char *guardrail, *guardrail_version;
	uint64_t resume_window_ms;
	uint64_t first_byte_timeout_ms;
	uint64_t idle_timeout_ms;
	uint64_t total_timeout_ms;
	uint64_t connect_timeout_ms;
};

/* Returns NULL for an unset variable. */
typedef const char *config_getenv(const char *name);

extern const struct setting_table agent_table;

/* A section with its defaults, or NULL without memory. */
struct config_agent *agent_new(struct slice name);

/* Check what spans several keys, and fill in arn, region and endpoint from
 * each other and from the environment.
 * STATUS_NOT_CONFIGURED with what is wrong in *error, STATUS_NO_MEMORY. */
MUST_CHECK enum status agent_finish(struct config_agent *agent,
    config_getenv *getenv, struct setting_error *error);

void agent_free(struct config_agent *agent); /* NULL is fine */

#endif
