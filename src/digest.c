#include "digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
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
	RANDOM_BLOCK = 1024 /* some fourteen requests */
};

/* OpenSSL takes a NULL key or input for "the one given before". */
static struct slice not_null(struct slice s)
{
	return s.len == 0 ? (struct slice){.ptr = ""} : s;
}

/* Fetched once: OpenSSL 3 looks an algorithm up by its name each time that it
 * is not handed one, which takes longer than hashing a request. */
static EVP_MD *sha256;
static EVP_MAC_CTX *hmac; /* without a key, to be copied */

static void fetch(void)
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
	    OSSL_PARAM_construct_end()};
	EVP_MAC *mac;

	if (sha256 != NULL)
		return;
#ifdef STATIC
	/* The host's openssl.cnf is for the host's OpenSSL. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
#endif
	mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	hmac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	sha256 = EVP_MD_fetch(NULL, name, NULL);
	if (sha256 == NULL || hmac == NULL ||
	    EVP_MAC_CTX_set_params(hmac, params) != 1)
		abort();
}

void digest_sha256(uint8_t out[static DIGEST_LEN], struct slice bytes)
{
	fetch();
	bytes = not_null(bytes);
	if (EVP_Digest(bytes.ptr, bytes.len, out, NULL, sha256, NULL) != 1)
		abort();
}

void digest_hmac(
    uint8_t out[static DIGEST_LEN], struct slice key, struct slice bytes)
{
	EVP_MAC_CTX *mac;
	size_t len = 0;

	fetch();
	key = not_null(key);
	bytes = not_null(bytes);
	mac = EVP_MAC_CTX_dup(hmac);
	if (mac == NULL ||
	    EVP_MAC_init(mac, (const unsigned char *)key.ptr, key.len, NULL) !=
		1 ||
	    EVP_MAC_update(mac, (const unsigned char *)bytes.ptr, bytes.len) !=
		1 ||
	    EVP_MAC_final(mac, out, &len, DIGEST_LEN) != 1 || len != DIGEST_LEN)
		abort();
	EVP_MAC_CTX_free(mac); /* and wipes the key */
}

static void add_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

void digest_hex(
    char out[static DIGEST_HEX_LEN], const uint8_t bytes[static DIGEST_LEN])
{
	add_hex(out, bytes, DIGEST_LEN);
}

void digest_sha1_hex(char out[static DIGEST_SHA1_HEX_LEN], struct slice bytes)
{
	uint8_t hash[DIGEST_SHA1_HEX_LEN / 2];

	bytes = not_null(bytes);
	if (EVP_Digest(bytes.ptr, bytes.len, hash, NULL, EVP_sha1(), NULL) != 1)
		abort();
	add_hex(out, hash, sizeof hash);
}

/* The next random byte.  The generator is asked for a block at a time: each
 * asking costs a system call and twenty times what it gives. */
static uint8_t random_byte(void)
{
	static uint8_t block[RANDOM_BLOCK];
	static size_t left;
	uint8_t byte;

	if (left == 0) {
		if (RAND_bytes(block, (int)sizeof block) != 1)
			abort();
		left = sizeof block;
	}
	byte = block[--left];
	block[left] = 0; /* nobody shall find out what was handed out */
	return byte;
}

uint32_t digest_random(void)
{
	uint32_t number = 0;

	for (size_t i = 0; i < sizeof number; i++)
		number = number << 8 | random_byte();
	return number;
}

void digest_random_token(char *out, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t six = random_byte() & 63;

		if (i > 0 || six < ALPHANUMERICS)
			out[i++] = alphabet[six];
	}
}

bool digest_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
