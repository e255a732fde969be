/*
 * credentials: whose keys sign a request.
 *
 * One interface for every source; credentials.c asks them in their order
 * (environment, profile).  A source that is configured but fails is final:
 * falling through to the next would call AWS as somebody else.
 *
 * An answer may come at once or later; so far every source answers before
 * credentials_get returns.  Loop thread only.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "keys.h"

struct credentials_source {
	keys_getenv *getenv;
	const char *profile; /* from the configuration; NULL or empty: none */
};

/* Called once with STATUS_OK and the keys (borrowed, valid during the call),
 * or with STATUS_NO_CREDENTIALS and NULL; the reason is then in the log. */
typedef void credentials_done(
    void *ctx, enum status status, const struct keys *keys);

/* Ask for keys. */
void credentials_get(
    const struct credentials_source *source, credentials_done *done, void *ctx);

#endif
