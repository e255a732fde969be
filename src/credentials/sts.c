#include "sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../buf.h"
#include "../clock.h"
#include "../endpoint.h"
#include "../http.h"
#include "../log.h"
#include "../sigv4.h"
#include "../timestamp.h"
#include "../xml.h"
#include "errand.h"
#include "stserror.h"
#include "tokenfile.h"

enum {
	URL_MAX = 2048,
	TOKEN_MAX = 20000,
	/* A token, each of its bytes encoded, and the ARN and names. */
	BODY_MAX = 3 * TOKEN_MAX + 16384,
	REGION_SIZE = 64,
	PATH_SIZE = 128,
	USUAL_DURATION_S = 3600,
	CONNECT_TIMEOUT_MS = 3100,
	TIMEOUT_MS = 10000,
	ATTEMPTS = 3,
	PAUSE_MS = 250,
	/* Less is no wrong clock: AWS takes five minutes. */
	SKEW_S = 240
};

struct sts {
	struct errand errand;
	enum status prepared; /* logged */
	const char *action;
	bool sign;
	bool corrected; /* asked again by the clock of STS */
	int64_t now_s;
	struct buf url, body;
	char region[REGION_SIZE];
	struct http_header headers[1];
	struct keys source; /* to sign with */
	struct keys keys;   /* the answer */
};

/* ---- what is asked ---- */

static void add(struct buf *body, const char *name, struct slice value)
{
	buf_add_char(body, '&');
	buf_add_text(body, name);
	buf_add_char(body, '=');
	sigv4_add_encoded(body, value);
}

static void add_number(struct buf *body, const char *name, unsigned number)
{
	buf_add_char(body, '&');
	buf_add_text(body, name);
	buf_add_char(body, '=');
	buf_add_number(body, number);
}

static void add_role(struct sts *sts, const struct sts_role *role)
{
	char name[64];

	(void)snprintf(
	    name, sizeof name, "agentcgi-%lld", (long long)sts->now_s);
	buf_addf(&sts->body, "Action=%s&Version=2011-06-15", sts->action);
	add(&sts->body, "RoleArn", slice_from(role->arn));
	add(&sts->body, "RoleSessionName",
	    slice_from(
		role->session_name[0] != '\0' ? role->session_name : name));
}

static enum status find_url(
    struct sts *sts, keys_getenv *getenv, const struct sts_role *role)
{
	struct slice region = slice_from(role->region);
	enum status status;

	if (region.len == 0)
		region = SLICE("us-east-1");
	(void)snprintf(
	    sts->region, sizeof sts->region, "%.*s", SLICE_ARG(region));
	status = endpoint_choose(&sts->url, getenv, "sts", "STS", region);
	if (status == STATUS_NOT_CONFIGURED)
		log_write(LOG_ERROR,
		    "the region must be one, and AWS_ENDPOINT_URL_STS and "
		    "AWS_ENDPOINT_URL, where they are set, http:// or "
		    "https:// addresses");
	buf_add_char(&sts->url, '/');
	if (status == STATUS_OK && buf_text(&sts->url) == NULL)
		status = buf_status(&sts->url);
	return status;
}

static enum status add_token(struct sts *sts, const char *path)
{
	char file[TOKEN_MAX + 2]; /* with the line end */
	struct slice token;
	enum status status = tokenfile_take(
	    file, sizeof file, path, "the web identity's token", &token);

	if (status == STATUS_OK && token.len > TOKEN_MAX) {
		log_write(LOG_ERROR,
		    "%s is longer than the %d characters that STS takes", path,
		    TOKEN_MAX);
		status = STATUS_NO_CREDENTIALS;
	}
	if (status == STATUS_OK)
		add(&sts->body, "WebIdentityToken", token);
	explicit_bzero(file, sizeof file);
	return status;
}

/* ---- the end ---- */

static void free_sts(struct sts *sts)
{
	errand_end(&sts->errand);
	buf_free(&sts->url);
	buf_wipe(&sts->body);
	explicit_bzero(sts, sizeof *sts);
	free(sts);
}

static void finish(struct sts *sts, enum status status)
{
	errand_answer(&sts->errand, status, &sts->keys);
	free_sts(sts);
}

/* ---- refusals ---- */

/* Whether our clock is to blame; sts->now_s is then that of STS. */
static bool correct_clock(struct sts *sts, const struct fetch_answer *answer)
{
	char name[ERRAND_NAME_LEN];
	int64_t theirs_s, off_s;

	if (!sts->sign || sts->corrected ||
	    (answer->status != 400 && answer->status != 403) ||
	    !http_date(answer->date, &theirs_s))
		return false;
	stserror_name(name, answer->body);
	off_s = theirs_s - clock_unix_s();
	if (!stserror_is_of_clock(name) || (off_s < SKEW_S && off_s > -SKEW_S))
		return false;
	log_write(LOG_WARNING,
	    "the clock of this machine is off by %lld s: set it",
	    (long long)off_s);
	sts->corrected = true;
	sts->now_s = theirs_s;
	return true;
}

static void refuse(struct sts *sts, const struct fetch_answer *answer)
{
	char name[ERRAND_NAME_LEN];

	stserror_name(name, answer->body);
	log_write(LOG_ERROR, "STS answered %s with %u %s%s", sts->action,
	    answer->status, name, stserror_hint(name));
	log_write(LOG_DEBUG, "sts: %.*s", SLICE_ARG(answer->body));
	finish(sts, STATUS_NO_CREDENTIALS);
}

/* ---- the answer ---- */

/* One member of the credentials, appended to out. */
static enum status find(const struct sts *sts, struct buf *out,
    struct slice document, const char *name)
{
	char path[PATH_SIZE];

	(void)snprintf(path, sizeof path, "%sResponse/%sResult/Credentials/%s",
	    sts->action, sts->action, name);
	return xml_find(out, document, path);
}

/* STATUS_NO_CREDENTIALS if the document is not what was asked for. */
static enum status take_keys(struct sts *sts, struct slice document)
{
	struct buf id, secret, token, expiration;
	enum status status;

	buf_init(&id, KEYS_MAX_ID);
	buf_init_secret(&secret, KEYS_MAX_SECRET);
	buf_init_secret(&token, KEYS_MAX_TOKEN);
	buf_init(&expiration, PATH_SIZE);
	status = find(sts, &id, document, "AccessKeyId");
	if (status == STATUS_OK)
		status = find(sts, &secret, document, "SecretAccessKey");
	if (status == STATUS_OK)
		status = find(sts, &token, document, "SessionToken");
	if (status == STATUS_OK)
		status = find(sts, &expiration, document, "Expiration");
	if (status == STATUS_OK &&
	    (!keys_set(&sts->keys, buf_slice(&id), buf_slice(&secret),
		 buf_slice(&token)) ||
		!timestamp_parse(buf_slice(&expiration), &sts->keys.expires_s)))
		status = STATUS_NO_CREDENTIALS;
	buf_wipe(&id);
	buf_wipe(&secret);
	buf_wipe(&token);
	buf_free(&expiration);
	if (status == STATUS_OK || status == STATUS_NO_MEMORY)
		return status;
	log_write(LOG_ERROR,
	    "STS answered %s with no keys: check what is at its address",
	    sts->action);
	return STATUS_NO_CREDENTIALS;
}

static void ask(struct sts *sts);

static void on_answer(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct sts *sts = self;

	if (answer == NULL) {
		log_write(LOG_ERROR,
		    "STS gave no answer to %s: check the region and the way "
		    "out of this network",
		    sts->action);
		finish(sts, status);
	} else if (answer->status == 200) {
		finish(sts, take_keys(sts, answer->body));
	} else if (correct_clock(sts, answer)) {
		ask(sts);
	} else {
		refuse(sts, answer);
	}
}

static void ask(struct sts *sts)
{
	struct errand_question question = {
	    .call = {.method = "POST",
		.url = sts->url.ptr,
		.headers = sts->headers,
		.header_count = 1,
		.body = buf_slice(&sts->body),
		.connect_timeout_ms = CONNECT_TIMEOUT_MS,
		.keys = sts->sign ? &sts->source : NULL,
		.region = slice_from(sts->region),
		.service = SLICE("sts"),
		.now_s = sts->now_s},
	    .attempts = ATTEMPTS,
	    .timeout_ms = TIMEOUT_MS,
	    .pause_ms = PAUSE_MS,
	    .growth = 2,
	    .again = stserror_is_passing,
	    .answered = on_answer,
	};

	errand_ask(&sts->errand, &question);
}

static void begin(void *self)
{
	struct sts *sts = self;

	if (sts->prepared != STATUS_OK)
		finish(sts, sts->prepared);
	else
		ask(sts);
}

static struct sts *new_sts(const struct source_context *context,
    const struct sts_role *role, const char *action, source_done *done,
    void *ctx)
{
	struct sts *sts = calloc(1, sizeof *sts);

	if (sts == NULL)
		return NULL;
	buf_init(&sts->url, URL_MAX);
	buf_init_secret(&sts->body, BODY_MAX);
	if (!errand_init(&sts->errand, context, done, ctx, begin, sts)) {
		free_sts(sts);
		return NULL;
	}
	sts->action = action;
	sts->now_s = clock_unix_s();
	sts->headers[0] = (struct http_header){SLICE("Content-Type"),
	    SLICE("application/x-www-form-urlencoded; charset=utf-8")};
	sts->prepared = find_url(sts, context->getenv, role);
	add_role(sts, role);
	return sts;
}

struct sts *sts_assume(const struct source_context *context,
    const struct sts_role *role, const struct keys *keys, source_done *done,
    void *ctx)
{
	struct sts *sts = new_sts(context, role, "AssumeRole", done, ctx);

	if (sts == NULL)
		return NULL;
	sts->sign = true;
	sts->source = *keys;
	add_number(&sts->body, "DurationSeconds",
	    role->duration_s > 0 ? role->duration_s : USUAL_DURATION_S);
	if (role->external_id[0] != '\0')
		add(&sts->body, "ExternalId", slice_from(role->external_id));
	if (sts->prepared == STATUS_OK)
		sts->prepared = buf_status(&sts->body);
	return sts;
}

struct sts *sts_exchange(const struct source_context *context,
    const struct sts_role *role, const char *token_file, source_done *done,
    void *ctx)
{
	struct sts *sts =
	    new_sts(context, role, "AssumeRoleWithWebIdentity", done, ctx);

	if (sts == NULL)
		return NULL;
	if (sts->prepared == STATUS_OK)
		sts->prepared = add_token(sts, token_file);
	if (role->duration_s > 0)
		add_number(&sts->body, "DurationSeconds", role->duration_s);
	if (sts->prepared == STATUS_OK)
		sts->prepared = buf_status(&sts->body);
	return sts;
}

void sts_cancel(struct sts *sts)
{
	if (sts != NULL)
		free_sts(sts);
}
