#include "vouch.h"

#include <string.h>

#include "config.h"
#include "credentials/credentials.h"
#include "credentials/tokenfile.h"
#include "log.h"

enum {
	/* Of a caller's token: as much as web servers let through. */
	TOKEN_MAX = 16 << 10,
	/* API Gateway's keys have 20 to 128 characters, Bedrock's 1,000. */
	API_KEY_MAX = 4096
};

enum status vouch_init(struct vouch *vouch, struct credentials *credentials,
    const char *(*getenv)(const char *name), const struct config_agent *agent,
    struct slice authorization)
{
	*vouch = (struct vouch){
	    .credentials = credentials, .getenv = getenv, .agent = agent};
	buf_init_secret(&vouch->authorization, TOKEN_MAX);
	buf_add(&vouch->authorization, authorization);
	return buf_status(&vouch->authorization);
}

void vouch_free(struct vouch *vouch)
{
	credentials_cancel(vouch->wait);
	vouch->wait = NULL;
	buf_wipe(&vouch->authorization);
}

static struct credentials_source source_of(const struct config_agent *agent)
{
	return (struct credentials_source){
	    .profile = agent->profile, .region = agent->region};
}

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	struct vouch *vouch = ctx;
	struct voucher voucher = {.keys = keys};

	vouch->wait = NULL;
	if (status == STATUS_OK)
		memcpy(vouch->key_id, keys->id, sizeof vouch->key_id);
	vouch->done(vouch->ctx, status, status == STATUS_OK ? &voucher : NULL);
}

static void give(struct vouch *vouch, const struct voucher *voucher)
{
	vouch->key_id[0] = '\0';
	vouch->done(vouch->ctx, STATUS_OK, voucher);
}

/* Bedrock's own keys are bearer tokens. */
static void give_bearer(struct vouch *vouch, struct slice token)
{
	struct voucher voucher = {0};
	struct buf value;

	buf_init_secret(&value, TOKEN_MAX);
	buf_add_text(&value, "Bearer ");
	buf_add(&value, token);
	voucher.authorization = buf_slice(&value);
	if (buf_status(&value) == STATUS_OK)
		give(vouch, &voucher);
	else
		vouch->done(vouch->ctx, STATUS_NO_MEMORY, NULL);
	buf_wipe(&value);
}

static void give_from_file(struct vouch *vouch)
{
	char secret[API_KEY_MAX];
	struct slice text;

	if (tokenfile_take(secret, sizeof secret, vouch->agent->api_key_file,
		"api_key_file", &text) != STATUS_OK)
		vouch->done(vouch->ctx, STATUS_NO_CREDENTIALS, NULL);
	else if (vouch->agent->backend == BACKEND_BEDROCK)
		give_bearer(vouch, text);
	else
		give(vouch, &(struct voucher){.api_key = text});
	explicit_bzero(secret, sizeof secret);
}

static void give_variable(struct vouch *vouch, struct slice token)
{
	if (tokenfile_clean(token)) {
		give_bearer(vouch, token);
		return;
	}
	log_write(LOG_ERROR,
	    "AWS_BEARER_TOKEN_BEDROCK holds a line end or another control "
	    "character: set it again");
	vouch->done(vouch->ctx, STATUS_NO_CREDENTIALS, NULL);
}

static void give_keys(struct vouch *vouch)
{
	struct credentials_source source = source_of(vouch->agent);
	struct slice token =
	    slice_from(vouch->getenv("AWS_BEARER_TOKEN_BEDROCK"));

	/* The SDKs prefer it, too. */
	if (vouch->agent->backend == BACKEND_BEDROCK && token.len > 0) {
		give_variable(vouch, token);
		return;
	}
	vouch->wait =
	    credentials_get(vouch->credentials, &source, on_keys, vouch);
}

void vouch_get(struct vouch *vouch, vouch_done *done, void *ctx)
{
	vouch->done = done;
	vouch->ctx = ctx;
	switch (vouch->agent->auth) {
	case AUTH_SIGV4:
		give_keys(vouch);
		return;
	case AUTH_BEARER:
		give(vouch,
		    &(struct voucher){
			.authorization = buf_slice(&vouch->authorization)});
		return;
	case AUTH_API_KEY:
		give_from_file(vouch);
		return;
	case AUTH_NONE:
		give(vouch, &(struct voucher){.keys = NULL});
		return;
	}
}

bool vouch_signed(const struct vouch *vouch)
{
	return vouch->key_id[0] != '\0';
}

void vouch_renew(struct vouch *vouch)
{
	struct credentials_source source = source_of(vouch->agent);

	credentials_refused(vouch->credentials, &source, vouch->key_id);
}
