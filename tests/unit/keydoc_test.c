#include "../../src/credentials/keydoc.h"

#include <stdlib.h>

#include "../../src/json.h"
#include "tap.h"

static const struct keydoc_names plain = {
    .id = "AccessKeyId",
    .secret = "SecretAccessKey",
    .token = "SessionToken",
    .expiration = "Expiration",
};

static const char *read_with(
    struct keys *keys, const char *text, const struct keydoc_names *names)
{
	struct json *json;
	const char *wrong;

	memset(keys, 'x', sizeof *keys);
	if (json_parse(slice_from(text), &json) != STATUS_OK)
		abort();
	wrong = keydoc_read(keys, json, names);
	json_wipe(json);
	return wrong;
}

static void check(const char *text, const char *id, const char *secret,
    const char *token, int64_t expires_s)
{
	struct keys keys;

	CHECK(read_with(&keys, text, &plain) == NULL);
	CHECK_SLICE(slice_from(keys.id), slice_from(id));
	CHECK_SLICE(slice_from(keys.secret), slice_from(secret));
	CHECK_SLICE(slice_from(keys.token), slice_from(token));
	CHECK(keys.expires_s == expires_s);
}

/* The answer holds this word, and the keys are wiped. */
static void check_wrong(const char *text, const char *word)
{
	static const struct keys wiped;
	struct keys keys;
	const char *wrong = read_with(&keys, text, &plain);

	CHECK(wrong != NULL && strstr(wrong, word) != NULL);
	if (wrong != NULL && strstr(wrong, word) == NULL)
		printf("# %s: %s\n", text, wrong);
	CHECK(memcmp(&keys, &wiped, sizeof keys) == 0);
}

#define KEYS "\"AccessKeyId\":\"ASIAX\",\"SecretAccessKey\":\"s/+=\""

TEST(reads_what_must_be_there)
{
	check("{" KEYS "}", "ASIAX", "s/+=", "", 0);
	check("{\"Version\":1," KEYS ",\"AccountId\":\"1\"}", "ASIAX",
	    "s/+=", "", 0);
}

TEST(reads_a_token_and_an_expiration)
{
	check("{" KEYS ",\"SessionToken\":\"t=\","
	      "\"Expiration\":\"2030-01-01T00:00:00Z\"}",
	    "ASIAX", "s/+=", "t=", 1893456000);
	check("{" KEYS ",\"SessionToken\":\"\","
	      "\"Expiration\":\"2030-01-01T01:00:00+01:00\"}",
	    "ASIAX", "s/+=", "", 1893456000);
}

TEST(null_is_as_good_as_missing)
{
	check("{" KEYS ",\"SessionToken\":null,\"Expiration\":null}", "ASIAX",
	    "s/+=", "", 0);
}

TEST(reads_milliseconds)
{
	check("{" KEYS ",\"Expiration\":1893456000999}", "ASIAX", "s/+=", "",
	    1893456000);
	check("{" KEYS ",\"Expiration\":1893456e6}", "ASIAX", "s/+=", "",
	    1893456000);
	check("{" KEYS ",\"Expiration\":1000}", "ASIAX", "s/+=", "", 1);
	check("{" KEYS ",\"Expiration\":253402300799000}", "ASIAX", "s/+=", "",
	    253402300799);
}

TEST(takes_the_names_it_is_given)
{
	static const struct keydoc_names names = {
	    "accessKeyId", "secretAccessKey", "sessionToken", "expiration"};
	struct keys keys;

	CHECK(read_with(&keys,
		  "{\"accessKeyId\":\"ASIAY\",\"secretAccessKey\":\"s\","
		  "\"sessionToken\":\"t\",\"expiration\":1893456000000}",
		  &names) == NULL);
	CHECK_SLICE(slice_from(keys.id), SLICE("ASIAY"));
	CHECK_SLICE(slice_from(keys.secret), SLICE("s"));
	CHECK_SLICE(slice_from(keys.token), SLICE("t"));
	CHECK(keys.expires_s == 1893456000);
	CHECK(read_with(&keys, "{" KEYS "}", &names) != NULL);
}

TEST(refuses_what_is_no_object)
{
	struct keys keys;

	check_wrong("[]", "object");
	check_wrong("null", "object");
	check_wrong("\"AccessKeyId\"", "object");
	CHECK(keydoc_read(&keys, NULL, &plain) != NULL);
}

TEST(refuses_what_lacks_a_key)
{
	check_wrong("{}", "access key id");
	check_wrong("{\"SecretAccessKey\":\"s\"}", "access key id");
	check_wrong(
	    "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\"}", "access key id");
	check_wrong("{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\"}",
	    "access key id");
	check_wrong("{\"AccessKeyId\":\"A\"}", "secret");
	check_wrong(
	    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":null}", "secret");
	check_wrong(
	    "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}", "secret");
}

TEST(a_wrong_token_is_wrong)
{
	check_wrong("{" KEYS ",\"SessionToken\":1}", "token");
	check_wrong("{" KEYS ",\"SessionToken\":{}}", "token");
	check_wrong("{" KEYS ",\"SessionToken\":\"a b\"}", "blank");
	check_wrong("{" KEYS ",\"SessionToken\":\"a\\n\"}", "blank");
}

TEST(a_wrong_expiration_is_wrong)
{
	static const char *const wrong[] = {"\"\"", "\"soon\"", "true", "[]",
	    "\"2030-01-01\"", "\"1893456000\"", "0", "999", "-1", "-1e300",
	    "253402300800000", "1e300", "1e999", "-1e999",
	    "\"1970-01-01T00:00:00Z\""};
	char text[256];

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		(void)snprintf(text, sizeof text, "{" KEYS ",\"%s\":%s}",
		    "Expiration", wrong[i]);
		check_wrong(text, "expiration");
	}
}

TEST(refuses_keys_that_are_too_long)
{
	char long_one[KEYS_MAX_ID + 2], text[512];

	memset(long_one, 'A', sizeof long_one - 1);
	long_one[sizeof long_one - 1] = '\0';
	(void)snprintf(text, sizeof text,
	    "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\"}", long_one);
	check_wrong(text, "too long");
	(void)snprintf(text, sizeof text,
	    "{\"AccessKeyId\":\"%s\",\"SecretAccessKey\":\"s\"}", long_one + 1);
	check(text, long_one + 1, "s", "", 0);
}

int main(void)
{
	return tap_run();
}
