/*
 * Any bytes as the cache file of a session.  What is taken must be fit for a
 * header, and must still be there once the token was renewed.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/buf.h"
#include "../../src/credentials/ssotoken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_clean(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			abort();
}

static void must_be_same(const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		abort();
}

static void check_renewed(
    const struct ssotoken *old, const struct ssotoken *renewed)
{
	must_be_same(renewed->access, "new \"token\"");
	must_be_same(renewed->refresh, old->refresh);
	must_be_same(renewed->client_id, old->client_id);
	must_be_same(renewed->client_secret, old->client_secret);
	if (renewed->expires_s != 1767225600 ||
	    renewed->registration_expires_s != old->registration_expires_s)
		abort();
}

static void renew(struct ssotoken *token)
{
	static struct ssotoken again;
	enum status status;
	struct buf text;

	if (!ssotoken_renew(
		token, SLICE("new \"token\""), 1767225600, (struct slice){0}))
		abort();
	buf_init(&text, 4 * SSOTOKEN_MAX_FILE);
	if (ssotoken_add(&text, token) != STATUS_OK)
		abort();
	/* It may have grown beyond what is read. */
	if (text.len <= SSOTOKEN_MAX_FILE) {
		if (ssotoken_parse(&again, buf_slice(&text), &status) != NULL)
			abort();
		check_renewed(token, &again);
	}
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ssotoken token;
	struct slice text = {.ptr = (const char *)data, .len = size};
	enum status status = STATUS_COUNT;
	const char *wrong = ssotoken_parse(&token, text, &status);

	if ((wrong == NULL) != (status == STATUS_OK))
		abort();
	if (wrong != NULL)
		return 0;
	must_be_clean(token.access);
	must_be_clean(token.refresh);
	must_be_clean(token.client_id);
	must_be_clean(token.client_secret);
	if (token.access[0] == '\0' || token.expires_s < 0)
		abort();
	(void)ssotoken_renewable(&token, 0);
	renew(&token);
	return 0;
}
