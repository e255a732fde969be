#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "../arena.h"
#include "../buf.h"
#include "../endpoint.h"
#include "../log.h"
#include "container.h"
#include "environment.h"
#include "instance.h"
#include "profile.h"

enum {
	/* Sixteen values a profile, of 4 KiB at most; and a region, for which
	 * Linux takes 128 KiB as it does for any variable. */
	TEXTS_MAX = 1 << 20
};

struct maker {
	struct plan *plan;
	keys_getenv *getenv;
	struct profile profile;                /* at work; holds secrets */
	const char *texts[PROFILE_KEY_COUNT];  /* its values, for the plan */
	const char *names[PLAN_MAX_ROLES + 1]; /* of the profiles so far */
	size_t depth;                          /* of the one at work */
	const char *next;        /* the profile to go on with, or NULL */
	const char *region;      /* of the STS; "": none found yet */
	const char *region_from; /* for people */
};

static bool is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Copy text, or "" for NULL, for the plan. */
static enum status keep(struct maker *maker, const char *text, const char **to)
{
	struct slice copy = arena_copy(maker->plan->texts, slice_from(text));

	if (copy.ptr == NULL)
		return STATUS_NO_MEMORY;
	*to = copy.ptr;
	return STATUS_OK;
}

static enum status take_region(
    struct maker *maker, const char *region, const char *from)
{
	if (maker->region[0] != '\0' || !is_set(region))
		return STATUS_OK;
	maker->region_from = from;
	return keep(maker, region, &maker->region);
}

static struct sts_role role(const struct maker *maker)
{
	uint64_t duration_s = 0; /* stays so if it is not set */

	if (!slice_to_number(slice_from(maker->texts[PROFILE_DURATION]),
		UINT32_MAX, &duration_s))
		duration_s = 0;
	return (struct sts_role){
	    .arn = maker->texts[PROFILE_ROLE_ARN],
	    .session_name = maker->texts[PROFILE_ROLE_SESSION_NAME],
	    .external_id = maker->texts[PROFILE_EXTERNAL_ID],
	    .duration_s = (unsigned)duration_s,
	    .region = "",
	};
}

static enum status take_keys(struct maker *maker)
{
	const struct profile *profile = &maker->profile;

	maker->plan->source = PLAN_PROFILE;
	if (keys_set(&maker->plan->keys,
		slice_from(profile->values[PROFILE_KEY_ID]),
		slice_from(profile->values[PROFILE_SECRET]),
		slice_from(profile->values[PROFILE_TOKEN])))
		return STATUS_OK;
	return profile_refuse(profile,
	    "aws_access_key_id or aws_secret_access_key is missing, or one of "
	    "them or aws_session_token is too long or holds a blank: write "
	    "them again");
}

/* The profile whose keys assume the role may be this one itself. */
static enum status take_source_profile(struct maker *maker)
{
	const char *name = maker->texts[PROFILE_SOURCE_PROFILE];

	for (size_t i = 0; i <= maker->depth; i++) {
		if (strcmp(name, maker->names[i]) != 0)
			continue;
		if (i == maker->depth && profile_has_keys(&maker->profile))
			return take_keys(maker);
		return profile_refuse(&maker->profile,
		    "source_profile = %s leads round in a circle: end it with "
		    "a profile that has keys",
		    name);
	}
	maker->next = name;
	return STATUS_OK;
}

static enum status take_credential_source(struct maker *maker)
{
	struct plan *plan = maker->plan;
	const char *name = maker->texts[PROFILE_CREDENTIAL_SOURCE];
	const char *missing = "";
	enum status status = STATUS_OK;

	if (strcmp(name, "Environment") == 0) {
		plan->source = PLAN_ENVIRONMENT;
		status = environment_read(&plan->keys, maker->getenv);
		missing = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are "
			  "not set: set them for this process";
	} else if (strcmp(name, "EcsContainer") == 0) {
		plan->source = PLAN_CONTAINER;
		if (!container_configured(maker->getenv))
			status = STATUS_MORE;
		missing = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and "
			  "_FULL_URI are not set: hand the container's "
			  "environment on to this process";
	} else {
		plan->source = PLAN_INSTANCE;
		if (instance_disabled(maker->getenv))
			status = STATUS_MORE;
		missing = "AWS_EC2_METADATA_DISABLED forbids that: unset it";
	}
	if (status == STATUS_MORE)
		return profile_refuse(&maker->profile,
		    "credential_source is %s, but %s", name, missing);
	return status;
}

static enum status take_role(struct maker *maker)
{
	struct plan *plan = maker->plan;

	if (plan->role_count == PLAN_MAX_ROLES)
		return profile_refuse(&maker->profile,
		    "source_profile has led here through %d roles, which are "
		    "the most: use a shorter way",
		    PLAN_MAX_ROLES);
	plan->roles[plan->role_count++] = role(maker);
	return is_set(maker->texts[PROFILE_SOURCE_PROFILE])
	    ? take_source_profile(maker)
	    : take_credential_source(maker);
}

static enum status take(struct maker *maker, enum profile_method method)
{
	const char *const *texts = maker->texts;
	struct plan *plan = maker->plan;

	switch (method) {
	case PROFILE_BY_KEYS:
		return take_keys(maker);
	case PROFILE_BY_ROLE:
		return take_role(maker);
	case PROFILE_BY_WEB_IDENTITY:
		plan->source = PLAN_WEB_IDENTITY;
		plan->token_file = texts[PROFILE_TOKEN_FILE];
		plan->web = role(maker);
		plan->web.external_id = ""; /* AssumeRole alone knows it */
		return STATUS_OK;
	case PROFILE_BY_PROCESS:
		plan->source = PLAN_PROCESS;
		plan->command = texts[PROFILE_PROCESS];
		return STATUS_OK;
	case PROFILE_BY_SSO:
		plan->source = PLAN_SSO;
		plan->sso = (struct sso_profile){texts[PROFILE_SSO_SESSION],
		    texts[PROFILE_SSO_URL], texts[PROFILE_SSO_REGION],
		    texts[PROFILE_SSO_ACCOUNT], texts[PROFILE_SSO_ROLE]};
		return STATUS_OK;
	case PROFILE_BY_NOTHING:
		break;
	}
	return STATUS_MORE;
}

static enum status keep_texts(struct maker *maker)
{
	enum status status = STATUS_OK;

	for (size_t i = PROFILE_ROLE_ARN;
	     i < PROFILE_KEY_COUNT && status == STATUS_OK; i++)
		status =
		    keep(maker, maker->profile.values[i], &maker->texts[i]);
	return status;
}

/* Go on with the next profile.  STATUS_MORE if it is nowhere or says nothing
 * of credentials. */
static enum status step(struct maker *maker)
{
	struct profile *profile = &maker->profile;
	enum profile_method method = PROFILE_BY_NOTHING;
	enum status status = profile_load(profile, maker->getenv, maker->next);

	maker->names[maker->depth] = maker->next;
	maker->next = NULL;
	if (status == STATUS_OK)
		status = profile_decide(
		    profile, maker->getenv, maker->depth > 0, &method);
	if (status == STATUS_OK)
		status = keep_texts(maker);
	if (status == STATUS_OK)
		status = take_region(maker, maker->texts[PROFILE_REGION],
		    "region of the profile");
	if (status == STATUS_OK)
		status = take(maker, method);
	if (status == STATUS_OK && maker->next != NULL)
		maker->depth++;
	return status;
}

/* STATUS_MORE if no name is given, and [default] has nothing to say. */
static enum status from_profile(struct maker *maker, const char *name)
{
	enum status status =
	    keep(maker, is_set(name) ? name : "default", &maker->next);

	while (status == STATUS_OK && maker->next != NULL)
		status = step(maker);
	if (status == STATUS_OK)
		maker->plan->profile = maker->names[0];
	if (status == STATUS_MORE && (is_set(name) || maker->depth > 0))
		return profile_refuse_empty(&maker->profile, maker->getenv,
		    maker->depth > 0 ? maker->names[maker->depth - 1] : NULL);
	return status;
}

static enum status from_web_identity(struct maker *maker)
{
	struct plan *plan = maker->plan;
	struct environment_web web;
	enum status status = environment_web(&web, maker->getenv);

	if (status != STATUS_OK)
		return status;
	if (!profile_valid_session_name(web.session_name)) {
		log_write(LOG_ERROR,
		    "AWS_ROLE_SESSION_NAME is not 2 to 64 of A-Z, a-z, 0-9 "
		    "and _+=,.@-");
		return STATUS_NO_CREDENTIALS;
	}
	plan->source = PLAN_WEB_IDENTITY;
	plan->token_file = web.token_file;
	plan->web.arn = web.arn;
	plan->web.session_name = web.session_name;
	return STATUS_OK;
}

static enum status nothing_left(const struct maker *maker)
{
	char config[SHAREDFILE_PATH_SIZE], credentials[SHAREDFILE_PATH_SIZE];

	(void)sharedfile_path(config, SHAREDFILE_CONFIG, maker->getenv);
	(void)sharedfile_path(
	    credentials, SHAREDFILE_CREDENTIALS, maker->getenv);
	log_write(LOG_ERROR,
	    "no AWS credentials: set AWS_ACCESS_KEY_ID and "
	    "AWS_SECRET_ACCESS_KEY, write a profile, or give this host a "
	    "role; looked at: environment: AWS_ACCESS_KEY_ID is not set; "
	    "profile default: %s %s, %s; web identity: "
	    "AWS_WEB_IDENTITY_TOKEN_FILE is not set; container: "
	    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not "
	    "set; instance: forbidden by AWS_EC2_METADATA_DISABLED",
	    maker->profile.found ? "no keys in" : "not in", credentials,
	    config);
	return STATUS_NO_CREDENTIALS;
}

static enum status choose(struct maker *maker, const char *profile)
{
	struct plan *plan = maker->plan;
	enum status status;

	if (is_set(profile))
		return from_profile(maker, profile);
	plan->source = PLAN_ENVIRONMENT;
	status = environment_read(&plan->keys, maker->getenv);
	if (status == STATUS_MORE)
		status = from_profile(maker, maker->getenv("AWS_PROFILE"));
	if (status == STATUS_MORE)
		status = from_web_identity(maker);
	if (status != STATUS_MORE)
		return status;
	plan->source = PLAN_CONTAINER;
	if (container_configured(maker->getenv))
		return STATUS_OK;
	plan->source = PLAN_INSTANCE;
	return instance_disabled(maker->getenv) ? nothing_left(maker)
						: STATUS_OK;
}

/* Roles have been met from the last to the first; all ask the same STS. */
static enum status finish(struct maker *maker)
{
	struct plan *plan = maker->plan;
	size_t n = plan->role_count;
	const char *allowed = endpoint_check_region(slice_from(maker->region));

	if (allowed != NULL && (n > 0 || plan->source == PLAN_WEB_IDENTITY)) {
		log_write(LOG_ERROR, "%s is not %s: set it again",
		    maker->region_from, allowed);
		return STATUS_NO_CREDENTIALS;
	}
	for (size_t i = 0; i < n / 2; i++) {
		struct sts_role kept = plan->roles[i];

		plan->roles[i] = plan->roles[n - 1 - i];
		plan->roles[n - 1 - i] = kept;
	}
	for (size_t i = 0; i < n; i++)
		plan->roles[i].region = maker->region;
	plan->web.region = maker->region;
	return STATUS_OK;
}

static void empty(struct plan *plan)
{
	static const struct sts_role no_role = {"", "", "", 0, ""};

	*plan = (struct plan){.command = "",
	    .token_file = "",
	    .web = no_role,
	    .sso = {"", "", "", "", ""},
	    .profile = ""};
	for (size_t i = 0; i < PLAN_MAX_ROLES; i++)
		plan->roles[i] = no_role;
}

enum status plan_make(struct plan *plan, const struct plan_request *request)
{
	struct maker maker = {
	    .plan = plan, .getenv = request->getenv, .region = ""};
	enum status status;

	empty(plan);
	plan->texts = malloc(sizeof *plan->texts);
	if (plan->texts == NULL)
		return STATUS_NO_MEMORY;
	arena_init(plan->texts, TEXTS_MAX);
	status = take_region(&maker, maker.getenv("AWS_REGION"), "AWS_REGION");
	if (status == STATUS_OK)
		status = take_region(&maker, maker.getenv("AWS_DEFAULT_REGION"),
		    "AWS_DEFAULT_REGION");
	if (status == STATUS_OK)
		status = choose(&maker, request->profile);
	if (status == STATUS_OK)
		status = take_region(
		    &maker, request->region, "region of the configuration");
	if (status == STATUS_OK)
		status = finish(&maker);
	profile_wipe(&maker.profile);
	return status;
}

void plan_free(struct plan *plan)
{
	keys_wipe(&plan->keys);
	if (plan->texts != NULL)
		arena_free(plan->texts);
	free(plan->texts);
	empty(plan);
}

void plan_describe(struct buf *out, const struct plan *plan)
{
	static const char *const sources[] = {
	    [PLAN_ENVIRONMENT] = "keys of the environment",
	    [PLAN_PROFILE] = "keys of the shared files",
	    [PLAN_PROCESS] = "a credential_process",
	    [PLAN_WEB_IDENTITY] = "a web identity",
	    [PLAN_SSO] = "a session of IAM Identity Center",
	    [PLAN_CONTAINER] = "the container's endpoint",
	    [PLAN_INSTANCE] = "an EC2 instance's role",
	};

	if (plan->profile[0] != '\0')
		buf_addf(out, "profile %s: ", plan->profile);
	if (plan->role_count == 1)
		buf_add_text(out, "role, from ");
	else if (plan->role_count > 1)
		buf_addf(out, "%zu roles, from ", plan->role_count);
	buf_add_text(out, sources[plan->source]);
}
