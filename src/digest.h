/*
 * digest: hashes, random bytes and their text forms; the only file that
 * knows OpenSSL.
 *
 * Nothing here fails: OpenSSL's SHA-256 and random generator do so only when
 * the library itself is broken, and then the process aborts rather than sign
 * or name anything with rubbish.  Loop thread only.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdint.h>

#include "slice.h"

#define DIGEST_LEN          32                   /* bytes of SHA-256 */
#define DIGEST_HEX_LEN      (DIGEST_LEN * 2 + 1) /* as text, with the NUL */
#define DIGEST_SHA1_HEX_LEN 41                   /* the same of SHA-1 */

void digest_sha256(uint8_t out[static DIGEST_LEN], struct slice bytes);

void digest_hmac(
    uint8_t out[static DIGEST_LEN], struct slice key, struct slice bytes);

/* Lower-case hex, NUL-terminated. */
void digest_hex(
    char out[static DIGEST_HEX_LEN], const uint8_t bytes[static DIGEST_LEN]);

/* SHA-1 as lower-case hex, NUL-terminated: for the names that AWS gives its
 * cache files, not for anything that must be secure. */
void digest_sha1_hex(char out[static DIGEST_SHA1_HEX_LEN], struct slice bytes);

/* Random characters of [A-Za-z0-9_-], six bits each, the first alphanumeric;
 * len of them and no NUL. */
void digest_random_token(char *out, size_t len);

/* A random number, uniform from 0 to UINT32_MAX: for waits by chance. */
uint32_t digest_random(void);

/* Compares in a time that does not depend on the contents. */
bool digest_equal(struct slice a, struct slice b);

#endif
