/* Any JSON as a document with keys; what is taken must be fit for use. */
#include "../../src/credentials/keydoc.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_printable(const char *text, size_t max)
{
	must(strlen(text) <= max);
	for (; *text != '\0'; text++)
		must((unsigned char)*text > ' ' && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct keydoc_names names = {
	    "AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
	static const struct keys wiped;
	struct slice text = {.ptr = (const char *)data, .len = size};
	struct json *json;
	struct keys keys;

	if (json_parse(text, &json) != STATUS_OK)
		return 0;
	if (keydoc_read(&keys, json, &names) != NULL) {
		must(memcmp(&keys, &wiped, sizeof keys) == 0);
	} else {
		must(keys.id[0] != '\0' && keys.secret[0] != '\0');
		must_be_printable(keys.id, KEYS_MAX_ID);
		must_be_printable(keys.secret, KEYS_MAX_SECRET);
		must_be_printable(keys.token, KEYS_MAX_TOKEN);
		must(keys.expires_s >= 0 && keys.expires_s < 253402387200);
	}
	json_wipe(json);
	return 0;
}
