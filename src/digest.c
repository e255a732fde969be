#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

/* Alphanumerics first: an index below ALPHANUMERICS is one. */
static const char alphabet[64] = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I',
    'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X',
    'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm',
    'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1',
    '2', '3', '4', '5', '6', '7', '8', '9', '-', '_'};

enum {
	ALPHANUMERICS = 62,
	RANDOM_BLOCK = 64 /* bytes asked of the generator at a time */
};

/* OpenSSL takes a NULL key or input for "the one given before". */
static struct slice not_null(struct slice s)
{
	return s.len == 0 ? (struct slice){.ptr = ""} : s;
}

void digest_sha256(uint8_t out[static DIGEST_LEN], struct slice bytes)
{
	bytes = not_null(bytes);
	if (EVP_Digest(bytes.ptr, bytes.len, out, NULL, EVP_sha256(), NULL) !=
	    1)
		abort();
}

void digest_hmac(
    uint8_t out[static DIGEST_LEN], struct slice key, struct slice bytes)
{
	unsigned len = 0;

	key = not_null(key);
	bytes = not_null(bytes);
	if (HMAC(EVP_sha256(), key.ptr, (int)key.len,
		(const unsigned char *)bytes.ptr, bytes.len, out,
		&len) == NULL ||
	    len != DIGEST_LEN)
		abort();
}

void digest_hex(
    char out[static DIGEST_HEX_LEN], const uint8_t bytes[static DIGEST_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_LEN; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIGEST_HEX_LEN - 1] = '\0';
}

void digest_random_token(char *out, size_t len)
{
	uint8_t block[RANDOM_BLOCK];
	size_t used = sizeof block;

	for (size_t i = 0; i < len;) {
		size_t six;

		if (used == sizeof block) {
			if (RAND_bytes(block, (int)sizeof block) != 1)
				abort();
			used = 0;
		}
		six = block[used++] & 63;
		/* Drawn anew rather than folded, so that every first
		 * character is equally likely. */
		if (i > 0 || six < ALPHANUMERICS)
			out[i++] = alphabet[six];
	}
	OPENSSL_cleanse(block, sizeof block);
}

bool digest_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
