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

#include "../slice.h"
#include "../status.h"

/* AWS: key ids are 16 to 128 characters, secrets 40; session tokens have no
 * stated limit, and 4 KiB is four times the longest seen. */
#define CREDENTIALS_MAX_KEY_ID 128
#define CREDENTIALS_MAX_SECRET 256
#define CREDENTIALS_MAX_TOKEN  4096

/* A set of keys.  Holds secrets: wipe it with credentials_wipe. */
struct credentials {
	char key_id[CREDENTIALS_MAX_KEY_ID + 1];
	char secret[CREDENTIALS_MAX_SECRET + 1];
	char token[CREDENTIALS_MAX_TOKEN + 1]; /* empty: none */
};

/* The environment, as an argument so that tests can give their own.
 * Returns NULL for an unset variable; the text lives as long as the process. */
typedef const char *credentials_getenv(const char *name);

struct credentials_source {
	credentials_getenv *getenv;
	const char *profile; /* from the configuration, or NULL */
};

/* Called once with STATUS_OK and the keys (borrowed, valid during the call),
 * or with STATUS_NO_CREDENTIALS and NULL; the reason is then in the log. */
typedef void credentials_done(
    void *ctx, enum status status, const struct credentials *credentials);

/* Ask for keys. */
void credentials_get(
    const struct credentials_source *source, credentials_done *done, void *ctx);

void credentials_wipe(struct credentials *credentials);

#endif
