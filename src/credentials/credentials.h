/*
 * credentials: whose keys sign a request.
 *
 * One set of keys is kept for each profile, and shared by all requests.  Keys
 * that expire are renewed ahead of that, by the first request that comes when
 * five minutes are left (or half of their time, if they came with less): the
 * old ones serve until the new ones are there, and one renewal serves all.  An
 * instance's keys serve on if their renewal fails, as AWS itself extends
 * them.  plan.h says where keys come from.  A set lives as long as the process,
 * also when the configuration no longer names its profile.  Loop thread only.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "keys.h"

struct credentials;
struct credentials_wait;
struct http;
struct loop;

struct credentials_options {
	struct loop *loop;
	struct http *http;
	keys_getenv *getenv;
	/* Where a program that serves one request finds keys that an earlier
	 * one has got; NULL: nowhere. */
	const char *cache_dir;
};

/* NULL if memory is out. */
struct credentials *credentials_new(const struct credentials_options *options);

/* Who still waits is not called back.  NULL is fine. */
void credentials_free(struct credentials *credentials);

struct credentials_source {
	const char *profile; /* from the configuration; "": none */
	const char *region;  /* of the agent */
};

/* Called once with STATUS_OK and the keys (borrowed, valid during the call),
 * or with STATUS_NO_CREDENTIALS or STATUS_NO_MEMORY and NULL; the reason is
 * then in the log. */
typedef void credentials_done(
    void *ctx, enum status status, const struct keys *keys);

/* Ask for keys.  NULL: done has been called already. */
struct credentials_wait *credentials_get(struct credentials *credentials,
    const struct credentials_source *source, credentials_done *done, void *ctx);

/* Wait no longer.  NULL is fine. */
void credentials_cancel(struct credentials_wait *wait);

/* The service says that the keys of this id have expired: get others. */
void credentials_refused(struct credentials *credentials,
    const struct credentials_source *source, const char *id);

#endif
