#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../endpoint.h"
#include "../http.h"
#include "../json.h"
#include "../log.h"
#include "errand.h"
#include "keydoc.h"
#include "tokenfile.h"

#define ENDPOINT "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define MODE     "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
#define TIMEOUT  "AWS_METADATA_SERVICE_TIMEOUT"
#define ATTEMPTS "AWS_METADATA_SERVICE_NUM_ATTEMPTS"

#define ROLES "/latest/meta-data/iam/security-credentials/"

enum {
	BASE_SIZE = 1025, /* as endpoint.c has it */
	TOKEN_MAX = 1024, /* they have 56 characters */
	ROLE_MAX = 128,   /* IAM: 64 */
	URL_SIZE = BASE_SIZE + ROLE_MAX + sizeof ROLES,
	TIMEOUT_MAX_S = 60,
	ATTEMPTS_MAX = 10,
	PAUSE_MS = 250
};

struct instance {
	struct errand errand;
	enum status prepared; /* logged */
	uint64_t timeout_s, attempts;
	char base[BASE_SIZE];
	char url[URL_SIZE];
	char token[TOKEN_MAX + 1];
	char role[ROLE_MAX + 1]; /* empty: not yet known */
	bool renewed;            /* the token, once refused */
	struct http_header headers[1];
	struct keys keys;
};

bool instance_disabled(keys_getenv *getenv)
{
	return slice_equal_nocase(
	    slice_from(getenv("AWS_EC2_METADATA_DISABLED")), SLICE("true"));
}

/* ---- what the environment says ---- */

static enum status find_base(struct instance *instance, keys_getenv *getenv)
{
	struct slice base = slice_from(getenv(ENDPOINT));
	struct slice mode = slice_from(getenv(MODE));
	const char *wrong = endpoint_check_url(base);

	if (wrong != NULL) {
		log_write(LOG_ERROR, ENDPOINT " must be %s", wrong);
		return STATUS_NO_CREDENTIALS;
	}
	if (base.len == 0 && slice_equal_nocase(mode, SLICE("IPv6")))
		base = SLICE("http://[fd00:ec2::254]");
	else if (base.len == 0 &&
	    (mode.len == 0 || slice_equal_nocase(mode, SLICE("IPv4"))))
		base = SLICE("http://169.254.169.254");
	if (base.len == 0) {
		log_write(LOG_ERROR, MODE " must be IPv4 or IPv6");
		return STATUS_NO_CREDENTIALS;
	}
	while (slice_ends(base, SLICE("/")))
		base.len--;
	(void)snprintf(
	    instance->base, sizeof instance->base, "%.*s", SLICE_ARG(base));
	return STATUS_OK;
}

static enum status find_number(
    uint64_t *number, keys_getenv *getenv, const char *name, uint64_t max)
{
	struct slice text = slice_from(getenv(name));

	*number = 1;
	if (text.len == 0 ||
	    (slice_to_number(text, max, number) && *number > 0))
		return STATUS_OK;
	log_write(LOG_ERROR, "%s must be a whole number from 1 to %u", name,
	    (unsigned)max);
	return STATUS_NO_CREDENTIALS;
}

static enum status prepare(struct instance *instance, keys_getenv *getenv)
{
	enum status status = find_base(instance, getenv);

	if (status == STATUS_OK)
		status = find_number(
		    &instance->timeout_s, getenv, TIMEOUT, TIMEOUT_MAX_S);
	if (status == STATUS_OK)
		status = find_number(
		    &instance->attempts, getenv, ATTEMPTS, ATTEMPTS_MAX);
	return status;
}

/* ---- asking ---- */

static void free_instance(struct instance *instance)
{
	errand_end(&instance->errand);
	explicit_bzero(instance, sizeof *instance);
	free(instance);
}

static void finish(struct instance *instance, enum status status)
{
	errand_answer(&instance->errand, status, &instance->keys);
	free_instance(instance);
}

static void fail(struct instance *instance, const char *why)
{
	log_write(LOG_ERROR, "no keys from the instance's metadata: %s", why);
	finish(instance, STATUS_NO_CREDENTIALS);
}

static void ask(struct instance *instance, const char *method, const char *path,
    const char *last, fetch_done *answered)
{
	uint64_t timeout_ms = instance->timeout_s * 1000;
	struct errand_question question = {
	    .call = {.method = method,
		.url = instance->url,
		.headers = instance->headers,
		.header_count = 1,
		.direct = true,
		.connect_timeout_ms = timeout_ms},
	    .attempts = (unsigned)instance->attempts,
	    .timeout_ms = timeout_ms,
	    .pause_ms = PAUSE_MS,
	    .growth = 1,
	    .answered = answered,
	};

	(void)snprintf(instance->url, sizeof instance->url, "%s%s%s",
	    instance->base, path, last);
	errand_ask(&instance->errand, &question);
}

static void ask_token(struct instance *instance);

/* No answer, or that of a token gone stale, which a new one may mend, once.
 * False if the answer is to be looked at. */
static bool take_back(struct instance *instance, enum status status,
    const struct fetch_answer *answer)
{
	if (status == STATUS_NO_MEMORY)
		finish(instance, status);
	else if (answer == NULL)
		fail(instance, "it stopped answering");
	else if (answer->status == 401 && !instance->renewed) {
		instance->renewed = true;
		ask_token(instance);
	} else {
		return false;
	}
	return true;
}

static enum status take_document(
    struct instance *instance, const struct json *json, const char **wrong)
{
	static const struct keydoc_names names = {
	    "AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
	struct slice code = SLICE("Success"), words = {0};
	char name[ERRAND_NAME_LEN];

	(void)!json_string(json_get(json, "Code"), &code);
	(void)!json_string(json_get(json, "Message"), &words);
	if (slice_equal(code, SLICE("Success"))) {
		*wrong = keydoc_read(&instance->keys, json, &names);
		return *wrong == NULL ? STATUS_OK : STATUS_NO_CREDENTIALS;
	}
	errand_name(name, code);
	log_write(LOG_ERROR,
	    "the instance's metadata says %s of its role: check the role's "
	    "trust in ec2.amazonaws.com",
	    name);
	log_write(LOG_DEBUG, "its words: %.*s", SLICE_ARG(words));
	return STATUS_NO_CREDENTIALS;
}

static void on_keys(
    void *self, enum status status, const struct fetch_answer *answer)
{
	const char *wrong = "the answer is no JSON";
	struct instance *instance = self;
	struct json *json;

	if (take_back(instance, status, answer))
		return;
	if (answer->status != 200) {
		log_write(LOG_ERROR,
		    "the instance's metadata answered %u for its role's keys",
		    answer->status);
		finish(instance, STATUS_NO_CREDENTIALS);
		return;
	}
	status = json_parse(answer->body, &json);
	if (status == STATUS_OK) {
		wrong = NULL;
		status = take_document(instance, json, &wrong);
	}
	json_wipe(json);
	if (status == STATUS_OK || status == STATUS_NO_MEMORY || wrong == NULL)
		finish(instance, status);
	else
		fail(instance, wrong);
}

static void ask_keys(struct instance *instance)
{
	ask(instance, "GET", ROLES, instance->role, on_keys);
}

/* As IAM has them; it becomes part of a URL. */
static bool take_role(struct instance *instance, struct slice body)
{
	static const struct slice others = {"_+=,.@-", 7};
	struct slice name = slice_cut(&body, '\n');

	if (slice_ends(name, SLICE("\r")))
		name.len--;
	name = slice_trim(name);
	for (size_t i = 0; i < name.len; i++) {
		struct slice c = {name.ptr + i, 1};
		char low = (char)(*c.ptr | 0x20);

		if ((low < 'a' || low > 'z') &&
		    (*c.ptr < '0' || *c.ptr > '9') &&
		    slice_find(others, c) == others.len)
			return false;
	}
	(void)snprintf(
	    instance->role, sizeof instance->role, "%.*s", SLICE_ARG(name));
	return name.len > 0 && name.len < sizeof instance->role;
}

static void on_role(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct instance *instance = self;

	if (take_back(instance, status, answer))
		return;
	if (answer->status == 404)
		fail(instance, "no role is attached to this instance");
	else if (answer->status != 200)
		fail(instance, "it does not tell the name of its role");
	else if (!take_role(instance, answer->body))
		fail(instance, "what it calls its role is no role's name");
	else
		ask_keys(instance);
}

/* ---- the token ---- */

static const char *why_no_token(
    enum status status, const struct fetch_answer *answer)
{
	if (answer == NULL && status == STATUS_UPSTREAM_TIMEOUT)
		return "it does not answer: this is no EC2 instance, or a "
		       "container on one whose hop limit is 1 (aws ec2 "
		       "modify-instance-metadata-options "
		       "--http-put-response-hop-limit 2)";
	if (answer == NULL)
		return "it cannot be reached: if this is no EC2 instance, "
		       "give keys in another way";
	if (answer->status == 403)
		return "it is switched off (aws ec2 "
		       "modify-instance-metadata-options --http-endpoint "
		       "enabled), or a proxy stands before it";
	if (answer->status == 404 || answer->status == 405)
		return "it does not speak IMDSv2, and version 1 is not used";
	return "it gives no token";
}

static void on_token(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct instance *instance = self;
	struct slice token;

	if (status == STATUS_NO_MEMORY) {
		finish(instance, status);
		return;
	}
	if (answer == NULL || answer->status != 200) {
		fail(instance, why_no_token(status, answer));
		return;
	}
	token = slice_trim(answer->body);
	if (token.len == 0 || token.len > TOKEN_MAX ||
	    !tokenfile_clean(token)) {
		fail(instance, "what it gives is no token");
		return;
	}
	memcpy(instance->token, token.ptr, token.len);
	instance->token[token.len] = '\0';
	instance->headers[0] = (struct http_header){
	    SLICE("X-aws-ec2-metadata-token"), slice_from(instance->token)};
	if (instance->role[0] == '\0')
		ask(instance, "GET", ROLES, "", on_role);
	else
		ask_keys(instance);
}

static void ask_token(struct instance *instance)
{
	instance->headers[0] = (struct http_header){
	    SLICE("X-aws-ec2-metadata-token-ttl-seconds"), SLICE("21600")};
	ask(instance, "PUT", "/latest/api/token", "", on_token);
}

static void begin(void *self)
{
	struct instance *instance = self;

	if (instance->prepared != STATUS_OK)
		finish(instance, instance->prepared);
	else
		ask_token(instance);
}

struct instance *instance_start(
    const struct source_context *context, source_done *done, void *ctx)
{
	struct instance *instance = calloc(1, sizeof *instance);

	if (instance == NULL)
		return NULL;
	if (!errand_init(
		&instance->errand, context, done, ctx, begin, instance)) {
		free_instance(instance);
		return NULL;
	}
	instance->prepared = prepare(instance, context->getenv);
	return instance;
}

void instance_cancel(struct instance *instance)
{
	if (instance != NULL)
		free_instance(instance);
}
