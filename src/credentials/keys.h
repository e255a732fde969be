/*
 * keys: one set of AWS credentials.
 */
#ifndef KEYS_H
#define KEYS_H

#include <stdint.h>

#include "../slice.h"
#include "../status.h"

/* AWS: key ids are 16 to 128 characters, secrets 40; session tokens have no
 * stated limit, and 4 KiB is four times the longest seen. */
#define KEYS_MAX_ID     128
#define KEYS_MAX_SECRET 256
#define KEYS_MAX_TOKEN  4096

/* Holds secrets: wipe it with keys_wipe on every path. */
struct keys {
	char id[KEYS_MAX_ID + 1];
	char secret[KEYS_MAX_SECRET + 1];
	char token[KEYS_MAX_TOKEN + 1]; /* empty: none */
	int64_t expires_s; /* seconds since 1970; 0: nobody said so */
};

/* The environment, as an argument so that tests can give their own.
 * Returns NULL for an unset variable; the text lives as long as the process. */
typedef const char *keys_getenv(const char *name);

/* Fill *out, without an expiry.  token may be empty.  False, with *out wiped,
 * if the id or the secret is empty, or anything is too long or holds a control
 * character or a space. */
MUST_CHECK bool keys_set(
    struct keys *out, struct slice id, struct slice secret, struct slice token);

void keys_wipe(struct keys *keys);

#endif
