#include "../../src/digest.h"

#include "tap.h"

static struct slice hash_of(struct slice bytes, char hex[static DIGEST_HEX_LEN])
{
	uint8_t out[DIGEST_LEN];

	digest_sha256(out, bytes);
	digest_hex(hex, out);
	return slice_from(hex);
}

static struct slice hmac_of(
    struct slice key, struct slice bytes, char hex[static DIGEST_HEX_LEN])
{
	uint8_t out[DIGEST_LEN];

	digest_hmac(out, key, bytes);
	digest_hex(hex, out);
	return slice_from(hex);
}

/* FIPS 180-4, the empty message, and one with a NUL (by sha256sum). */
TEST(digest_sha256_has_the_known_answers)
{
	char hex[DIGEST_HEX_LEN];

	CHECK_SLICE(hash_of((struct slice){0}, hex),
	    SLICE("e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855"));
	CHECK_SLICE(hash_of(SLICE("abc"), hex),
	    SLICE("ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad"));
	CHECK_SLICE(hash_of(SLICE("a\0b"), hex),
	    SLICE("59b271ae1bbcb1d31d41929817f4b16f"
		  "b439eb4f31520b5ad1d5ce98920a7138"));
}

/* RFC 4231, cases 2 and 6, and an empty key with an empty message. */
TEST(digest_hmac_has_the_known_answers)
{
	char hex[DIGEST_HEX_LEN];
	char key[131];

	CHECK_SLICE(
	    hmac_of(SLICE("Jefe"), SLICE("what do ya want for nothing?"), hex),
	    SLICE("5bdcc146bf60754e6a042426089575c7"
		  "5a003f089d2739839dec58b964ec3843"));
	memset(key, 0xaa, sizeof key);
	CHECK_SLICE(hmac_of((struct slice){key, sizeof key},
			SLICE("Test Using Larger Than Block-Size Key - Hash "
			      "Key First"),
			hex),
	    SLICE("60e431591ee0b67f0d8a26aacbf5b77f"
		  "8e0bc6213728c5140546040f0ee37f54"));
	CHECK_SLICE(hmac_of((struct slice){0}, (struct slice){0}, hex),
	    SLICE("b613679a0814d9ec772f95d778c35fc5"
		  "ff1697c493715653c6c712144292c5ad"));
}

/* FIPS 180-4, and by sha1sum. */
TEST(digest_sha1_has_the_known_answers)
{
	char hex[DIGEST_SHA1_HEX_LEN];

	digest_sha1_hex(hex, (struct slice){0});
	CHECK_SLICE(
	    slice_from(hex), SLICE("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
	digest_sha1_hex(hex, SLICE("abc"));
	CHECK_SLICE(
	    slice_from(hex), SLICE("a9993e364706816aba3e25717850c26c9cd0d89d"));
	digest_sha1_hex(hex, SLICE("my-sso"));
	CHECK_SLICE(
	    slice_from(hex), SLICE("0ad374308c5a4e22f723adf10145eafad7c4031c"));
}

static bool alphanumeric(char c)
{
	return c != '\0' &&
	    strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789",
		c) != NULL;
}

TEST(digest_random_token_keeps_to_its_alphabet)
{
	char token[200];

	for (size_t len = 1; len < sizeof token; len++) {
		memset(token, '!', sizeof token);
		digest_random_token(token, len);
		CHECK(alphanumeric(token[0]));
		for (size_t i = 1; i < len; i++)
			CHECK(alphanumeric(token[i]) || token[i] == '-' ||
			    token[i] == '_');
		CHECK(token[len] == '!');
	}
}

TEST(digest_random_token_uses_every_character_and_never_repeats)
{
	char a[4096], b[4096];
	bool seen[128] = {false};
	size_t count = 0;

	digest_random_token(a, sizeof a);
	digest_random_token(b, sizeof b);
	CHECK(memcmp(a, b, 32) != 0);
	for (size_t i = 0; i < sizeof a; i++)
		seen[a[i] & 127] = true;
	for (size_t i = 0; i < sizeof seen; i++)
		count += seen[i];
	CHECK(count == 64);
}

TEST(digest_equal_compares_all_bytes_and_the_length)
{
	CHECK(digest_equal(SLICE("secret"), SLICE("secret")));
	CHECK(!digest_equal(SLICE("secret"), SLICE("secreT")));
	CHECK(!digest_equal(SLICE("secret"), SLICE("secre")));
	CHECK(!digest_equal(SLICE("a"), SLICE("as")));
	CHECK(digest_equal((struct slice){0}, SLICE("")));
}

int main(void)
{
	return tap_run();
}
