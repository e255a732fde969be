/*
 * vouch: who vouches for the requests to an agent, by its auth: our AWS keys,
 * the caller's bearer token, a key from a file, or nobody.
 */
#ifndef VOUCH_H
#define VOUCH_H

#include "buf.h"
#include "credentials/keys.h"
#include "slice.h"
#include "status.h"

struct config_agent;
struct credentials;
struct credentials_wait;

/* At most one of the three; secrets, valid during the call. */
struct voucher {
	const struct keys *keys;    /* sign with them */
	struct slice authorization; /* Authorization */
	struct slice api_key;       /* X-Api-Key */
};

/* STATUS_OK, or STATUS_NO_CREDENTIALS or STATUS_NO_MEMORY and NULL; the
 * reason is in the log. */
typedef void vouch_done(
    void *ctx, enum status status, const struct voucher *voucher);

/* Zeroed memory is fine to be freed. */
struct vouch {
	struct credentials *credentials; /* borrowed */
	const char *(*getenv)(const char *name);
	const struct config_agent *agent; /* borrowed */
	struct buf authorization;         /* the caller's */
	struct credentials_wait *wait;
	char key_id[KEYS_MAX_ID + 1]; /* of the keys last given, or "" */
	vouch_done *done;
	void *ctx;
};

/* authorization is copied.  STATUS_NO_MEMORY. */
MUST_CHECK enum status vouch_init(struct vouch *vouch,
    struct credentials *credentials, const char *(*getenv)(const char *name),
    const struct config_agent *agent, struct slice authorization);

/* Calls back once, perhaps before it returns: then done must leave the vouch
 * alone.  Not after vouch_free. */
void vouch_get(struct vouch *vouch, vouch_done *done, void *ctx);

/* Whether keys were given last. */
bool vouch_signed(const struct vouch *vouch);

/* The keys given last have expired, as the service says. */
void vouch_renew(struct vouch *vouch);

void vouch_free(struct vouch *vouch); /* may run twice */

#endif
