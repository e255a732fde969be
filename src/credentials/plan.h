/*
 * plan: where keys are to come from: a source, and the roles to assume with
 * its keys, one after the other.
 *
 * The order: with a profile from the configuration, that alone; else the
 * environment, the profile that AWS_PROFILE names or [default], a web identity
 * of the environment, the container's endpoint, the instance's role.  The
 * first that is configured decides; if it then fails, that is final: another
 * would call AWS as somebody else.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
#ifndef PLAN_H
#define PLAN_H

#include "keys.h"
#include "sso.h"
#include "sts.h"

struct arena;
struct buf;

/* Roles that are assumed with the keys of another: AWS's own examples have
 * two. */
#define PLAN_MAX_ROLES 5

enum plan_source {
	PLAN_ENVIRONMENT, /* keys are there */
	PLAN_PROFILE,     /* keys are there, from the shared files */
	PLAN_PROCESS,
	PLAN_WEB_IDENTITY,
	PLAN_SSO,
	PLAN_CONTAINER,
	PLAN_INSTANCE
};

/* Texts are never NULL. */
struct plan {
	enum plan_source source;
	struct keys keys;       /* PLAN_ENVIRONMENT, PLAN_PROFILE */
	const char *command;    /* PLAN_PROCESS */
	const char *token_file; /* PLAN_WEB_IDENTITY */
	struct sts_role web;    /* the same */
	struct sso_profile sso; /* PLAN_SSO */
	struct sts_role roles[PLAN_MAX_ROLES]; /* in the order of assuming */
	size_t role_count;
	const char *profile; /* that it came from; "": none */
	struct arena *texts; /* owned */
};

struct plan_request {
	keys_getenv *getenv;
	const char *profile; /* from the configuration; NULL or "": none */
	const char *region;  /* for STS, where neither the environment nor the
			      * profile names one; may be "" */
};

/* Find out; only files are read.  STATUS_NO_CREDENTIALS, logged with what was
 * looked at and what to do; STATUS_NO_MEMORY.  *plan must be given to
 * plan_free in any case. */
MUST_CHECK enum status plan_make(
    struct plan *plan, const struct plan_request *request);

/* Wipes the keys.  May run twice. */
void plan_free(struct plan *plan);

/* In one line for people, as "profile x: role, from an EC2 instance's role";
 * names no key and no ARN. */
void plan_describe(struct buf *out, const struct plan *plan);

#endif
