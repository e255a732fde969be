#include "sso.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../buf.h"
#include "../clock.h"
#include "../endpoint.h"
#include "../http.h"
#include "../json.h"
#include "../log.h"
#include "../sigv4.h"
#include "errand.h"
#include "keydoc.h"
#include "ssotoken.h"

enum {
	URL_MAX = 4096,
	NAME_SIZE = 256, /* of a session, for the log */
	/* Four texts of a token, each escaped. */
	BODY_MAX = 8 * KEYS_MAX_TOKEN,
	RENEW_WITHIN_S = 300,
	CONNECT_TIMEOUT_MS = 3100,
	TIMEOUT_MS = 10000,
	ATTEMPTS = 3,
	PAUSE_MS = 250
};

/* A year: no token lives as long. */
#define MAX_LIFE_S 31536000.0

struct sso {
	struct errand errand;
	enum status prepared; /* logged */
	char path[SSOTOKEN_PATH_LEN];
	char session[NAME_SIZE];
	struct ssotoken token;
	struct buf oidc, portal; /* URLs */
	struct buf body;
	struct http_header headers[1];
	struct keys keys;
};

/* ---- where to ask ---- */

static enum status find_oidc(
    struct buf *url, keys_getenv *getenv, const struct sso_profile *profile)
{
	enum status status = endpoint_choose(
	    url, getenv, "oidc", "SSO_OIDC", slice_from(profile->region));

	buf_add_text(url, "/token");
	return status == STATUS_OK ? buf_status(url) : status;
}

static enum status find_portal(
    struct buf *url, keys_getenv *getenv, const struct sso_profile *profile)
{
	enum status status = endpoint_choose(
	    url, getenv, "portal.sso", "SSO", slice_from(profile->region));

	buf_add_text(url, "/federation/credentials?role_name=");
	sigv4_add_encoded(url, slice_from(profile->role_name));
	buf_add_text(url, "&account_id=");
	sigv4_add_encoded(url, slice_from(profile->account_id));
	return status == STATUS_OK ? buf_status(url) : status;
}

static enum status prepare(
    struct sso *sso, keys_getenv *getenv, const struct sso_profile *profile)
{
	struct slice session =
	    slice_from(profile->session[0] != '\0' ? profile->session
						   : profile->start_url);
	enum status status = find_oidc(&sso->oidc, getenv, profile);

	(void)snprintf(
	    sso->session, sizeof sso->session, "%.*s", SLICE_ARG(session));
	if (status == STATUS_OK)
		status = find_portal(&sso->portal, getenv, profile);
	if (status == STATUS_NOT_CONFIGURED)
		log_write(LOG_ERROR,
		    "sso_region must be a region, and AWS_ENDPOINT_URL_SSO, "
		    "AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL, where "
		    "they are set, http:// or https:// addresses");
	if (status != STATUS_OK)
		return status;
	if (!ssotoken_path(sso->path, getenv, session)) {
		log_write(LOG_ERROR,
		    "no home directory for the sessions of aws sso login: "
		    "set HOME");
		return STATUS_NO_CREDENTIALS;
	}
	/* Both are for C strings. */
	if (buf_text(&sso->oidc) == NULL || buf_text(&sso->portal) == NULL)
		return STATUS_NO_MEMORY;
	return STATUS_OK;
}

/* ---- the end ---- */

static void free_sso(struct sso *sso)
{
	errand_end(&sso->errand);
	buf_free(&sso->oidc);
	buf_free(&sso->portal);
	buf_wipe(&sso->body);
	explicit_bzero(sso, sizeof *sso);
	free(sso);
}

static void finish(struct sso *sso, enum status status)
{
	errand_answer(&sso->errand, status, &sso->keys);
	free_sso(sso);
}

static void want_login(struct sso *sso, const char *why)
{
	log_write(LOG_ERROR,
	    "the session %s %s: run aws sso login as the user of this process",
	    sso->session, why);
	finish(sso, STATUS_NO_CREDENTIALS);
}

/* ---- the role's keys ---- */

static enum status take_keys(struct sso *sso, struct slice body)
{
	static const struct keydoc_names names = {
	    "accessKeyId", "secretAccessKey", "sessionToken", "expiration"};
	const char *wrong = "it is no JSON";
	struct json *json;
	enum status status = json_parse(body, &json);

	if (status == STATUS_NO_MEMORY)
		return status;
	if (status == STATUS_OK)
		wrong = keydoc_read(
		    &sso->keys, json_get(json, "roleCredentials"), &names);
	json_wipe(json);
	if (wrong == NULL)
		return STATUS_OK;
	log_write(
	    LOG_ERROR, "IAM Identity Center answered with no keys: %s", wrong);
	return STATUS_NO_CREDENTIALS;
}

static void on_keys(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct sso *sso = self;

	if (answer == NULL) {
		log_write(LOG_ERROR,
		    "IAM Identity Center gave no answer: check sso_region and "
		    "the way out of this network");
		finish(sso, status);
		return;
	}
	if (answer->status == 200) {
		finish(sso, take_keys(sso, answer->body));
		return;
	}
	log_write(LOG_DEBUG, "sso: %.*s", SLICE_ARG(answer->body));
	if (answer->status == 401) {
		want_login(sso, "is no longer accepted");
		return;
	}
	log_write(LOG_ERROR, "IAM Identity Center answered %u%s",
	    answer->status,
	    answer->status == 403 || answer->status == 404
		? ": check sso_account_id and sso_role_name, and that the "
		  "user is assigned to them"
		: "");
	finish(sso, STATUS_NO_CREDENTIALS);
}

static struct errand_question question(
    struct sso *sso, const char *method, const char *url)
{
	return (struct errand_question){
	    .call = {.method = method,
		.url = url,
		.headers = sso->headers,
		.header_count = 1,
		.connect_timeout_ms = CONNECT_TIMEOUT_MS},
	    .timeout_ms = TIMEOUT_MS,
	    .attempts = ATTEMPTS,
	    .pause_ms = PAUSE_MS,
	    .growth = 2,
	};
}

static void ask_keys(struct sso *sso)
{
	struct errand_question asked = question(sso, "GET", sso->portal.ptr);

	sso->headers[0] = (struct http_header){
	    SLICE("x-amz-sso_bearer_token"), slice_from(sso->token.access)};
	asked.answered = on_keys;
	errand_ask(&sso->errand, &asked);
}

/* ---- the token ---- */

/* As it is, if it still may be. */
static void go_on(struct sso *sso)
{
	if (sso->token.expires_s > clock_unix_s())
		ask_keys(sso);
	else
		want_login(sso, "has ended");
}

static bool take_token(struct sso *sso, const struct json *json)
{
	struct slice access, refresh = {0};
	double life_s;

	(void)!json_string(json_get(json, "refreshToken"), &refresh);
	return json_string(json_get(json, "accessToken"), &access) &&
	    json_number(json_get(json, "expiresIn"), &life_s) && life_s > 0 &&
	    life_s <= MAX_LIFE_S &&
	    ssotoken_renew(
		&sso->token, access, clock_unix_s() + (int64_t)life_s, refresh);
}

static void refuse(struct sso *sso, const struct fetch_answer *answer)
{
	struct slice error = {0};
	struct json *json;
	char name[ERRAND_NAME_LEN];

	(void)!json_parse(answer->body, &json);
	(void)!json_string(json_get(json, "error"), &error);
	errand_name(name, error);
	log_write(LOG_WARNING, "the session %s could not be renewed: %u %s",
	    sso->session, answer->status, name);
	json_wipe(json);
}

static void on_token(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct json *json = NULL;
	struct sso *sso = self;

	buf_wipe(&sso->body);
	if (answer == NULL) {
		log_write(LOG_WARNING,
		    "the session %s could not be renewed: no answer",
		    sso->session);
	} else if (answer->status != 200) {
		refuse(sso, answer);
	} else {
		status = json_parse(answer->body, &json);
		if (status == STATUS_OK && take_token(sso, json))
			(void)!ssotoken_write(&sso->token, sso->path);
		else
			log_write(LOG_WARNING,
			    "the session %s could not be renewed: the answer "
			    "is no token",
			    sso->session);
		json_wipe(json);
	}
	if (status == STATUS_NO_MEMORY)
		finish(sso, status);
	else
		go_on(sso);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	buf_add_char(out, out->len == 0 ? '{' : ',');
	json_add_string(out, slice_from(name));
	buf_add_char(out, ':');
	json_add_string(out, slice_from(value));
}

static void renew(struct sso *sso)
{
	struct errand_question asked = question(sso, "POST", sso->oidc.ptr);

	add_member(&sso->body, "clientId", sso->token.client_id);
	add_member(&sso->body, "clientSecret", sso->token.client_secret);
	add_member(&sso->body, "grantType", "refresh_token");
	add_member(&sso->body, "refreshToken", sso->token.refresh);
	buf_add_char(&sso->body, '}');
	if (buf_status(&sso->body) != STATUS_OK) {
		finish(sso, buf_status(&sso->body));
		return;
	}
	sso->headers[0] = (struct http_header){
	    SLICE("Content-Type"), SLICE("application/json")};
	asked.call.body = buf_slice(&sso->body);
	/* The token may be good for one use only. */
	asked.attempts = 1;
	asked.answered = on_token;
	errand_ask(&sso->errand, &asked);
}

static void begin(void *self)
{
	struct sso *sso = self;
	enum status status = sso->prepared;
	int64_t now_s = clock_unix_s();

	if (status == STATUS_OK)
		status = ssotoken_read(&sso->token, sso->path);
	if (status == STATUS_NOT_FOUND)
		want_login(sso, "has not begun");
	else if (status != STATUS_OK)
		finish(sso, status);
	else if (sso->token.expires_s <= now_s + RENEW_WITHIN_S &&
	    ssotoken_renewable(&sso->token, now_s))
		renew(sso);
	else
		go_on(sso);
}

struct sso *sso_start(const struct source_context *context,
    const struct sso_profile *profile, source_done *done, void *ctx)
{
	struct sso *sso = calloc(1, sizeof *sso);

	if (sso == NULL)
		return NULL;
	buf_init(&sso->oidc, URL_MAX);
	buf_init(&sso->portal, URL_MAX);
	buf_init_secret(&sso->body, BODY_MAX);
	if (!errand_init(&sso->errand, context, done, ctx, begin, sso)) {
		free_sso(sso);
		return NULL;
	}
	sso->prepared = prepare(sso, context->getenv, profile);
	return sso;
}

void sso_cancel(struct sso *sso)
{
	if (sso != NULL)
		free_sso(sso);
}
