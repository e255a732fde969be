#include "profile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../endpoint.h"
#include "../log.h"

/* STS's limits, but the first: the log cuts at a few more. */
enum {
	WORDS_MAX = 512,
	DURATION_MIN_S = 900,
	DURATION_MAX_S = 43200,
	SESSION_NAME_MIN = 2,
	SESSION_NAME_MAX = 64,
	EXTERNAL_ID_MIN = 2,
	EXTERNAL_ID_MAX = 1224
};

static const char *const names[PROFILE_KEY_COUNT] = {
    [PROFILE_KEY_ID] = "aws_access_key_id",
    [PROFILE_SECRET] = "aws_secret_access_key",
    [PROFILE_TOKEN] = "aws_session_token",
    [PROFILE_ROLE_ARN] = "role_arn",
    [PROFILE_SOURCE_PROFILE] = "source_profile",
    [PROFILE_CREDENTIAL_SOURCE] = "credential_source",
    [PROFILE_EXTERNAL_ID] = "external_id",
    [PROFILE_ROLE_SESSION_NAME] = "role_session_name",
    [PROFILE_DURATION] = "duration_seconds",
    [PROFILE_MFA_SERIAL] = "mfa_serial",
    [PROFILE_TOKEN_FILE] = "web_identity_token_file",
    [PROFILE_PROCESS] = "credential_process",
    [PROFILE_SSO_SESSION] = "sso_session",
    [PROFILE_SSO_ACCOUNT] = "sso_account_id",
    [PROFILE_SSO_ROLE] = "sso_role_name",
    [PROFILE_SSO_REGION] = "sso_region",
    [PROFILE_SSO_URL] = "sso_start_url",
    [PROFILE_LOGIN] = "login_session",
    [PROFILE_REGION] = "region",
};

/* What is being looked for. */
struct search {
	struct profile *out;
	enum sharedfile_kind kind;
	struct slice name;
	bool failed; /* a value may not be used; logged */
};

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static void set_value(struct search *search, enum profile_key key,
    const struct sharedfile_entry *entry)
{
	char *to = search->out->values[key];
	const char *wrong = NULL;

	if (entry->cut)
		wrong = "too long";
	else if (has_control(entry->value))
		wrong = "not text, it holds a control character";
	if (wrong != NULL) {
		log_write(LOG_ERROR, "%s %.*s: %s is %s: write it again",
		    search->kind == SHAREDFILE_PROFILE ? "profile"
						       : "sso-session",
		    SLICE_ARG(search->name), names[key], wrong);
		search->failed = true;
		return;
	}
	memcpy(to, entry->value.ptr, entry->value.len);
	to[entry->value.len] = '\0';
}

static void take(void *ctx, const struct sharedfile_entry *entry)
{
	struct search *search = ctx;

	if (entry->kind != search->kind ||
	    !slice_equal(entry->section, search->name))
		return;
	search->out->found = true;
	for (size_t i = 0; i < PROFILE_KEY_COUNT; i++)
		if (slice_equal(entry->key, slice_from(names[i])))
			set_value(search, (enum profile_key)i, entry);
}

/* The credentials file comes last, as it wins; it has nothing but profiles. */
static enum status load_section(struct profile *out, enum sharedfile_kind kind,
    keys_getenv *getenv, const char *name)
{
	struct search search = {
	    .out = out, .kind = kind, .name = slice_from(name)};
	enum status status;

	profile_wipe(out);
	out->name = name;
	status = sharedfile_read(SHAREDFILE_CONFIG, getenv, take, &search);
	if (status == STATUS_OK)
		status = sharedfile_read(
		    SHAREDFILE_CREDENTIALS, getenv, take, &search);
	return search.failed ? STATUS_NO_CREDENTIALS : status;
}

enum status profile_load(
    struct profile *out, keys_getenv *getenv, const char *name)
{
	return load_section(out, SHAREDFILE_PROFILE, getenv, name);
}

static const char *value(const struct profile *profile, enum profile_key key)
{
	return profile->values[key];
}

static bool has(const struct profile *profile, enum profile_key key)
{
	return value(profile, key)[0] != '\0';
}

static bool has_sso(const struct profile *profile)
{
	return has(profile, PROFILE_SSO_SESSION) ||
	    has(profile, PROFILE_SSO_URL) || has(profile, PROFILE_SSO_REGION) ||
	    has(profile, PROFILE_SSO_ACCOUNT) || has(profile, PROFILE_SSO_ROLE);
}

bool profile_has_keys(const struct profile *profile)
{
	return has(profile, PROFILE_KEY_ID) || has(profile, PROFILE_SECRET);
}

enum status profile_refuse(
    const struct profile *profile, const char *format, ...)
{
	char words[WORDS_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(words, sizeof words, format, args);
	va_end(args);
	log_write(LOG_ERROR, "profile %s: %s", profile->name, words);
	return STATUS_NO_CREDENTIALS;
}

enum status profile_refuse_empty(
    const struct profile *profile, keys_getenv *getenv, const char *wanted_by)
{
	char config[SHAREDFILE_PATH_SIZE], credentials[SHAREDFILE_PATH_SIZE];

	if (profile->found)
		return profile_refuse(profile,
		    "it says nothing of credentials: write aws_access_key_id "
		    "and aws_secret_access_key into it, a role, a "
		    "credential_process or an sso_session");
	(void)sharedfile_path(config, SHAREDFILE_CONFIG, getenv);
	(void)sharedfile_path(credentials, SHAREDFILE_CREDENTIALS, getenv);
	log_write(LOG_ERROR,
	    "profile %s%s%s%s is in neither %s nor %s: add it, or check HOME, "
	    "AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
	    profile->name, wanted_by != NULL ? ", the source_profile of " : "",
	    wanted_by != NULL ? wanted_by : "", wanted_by != NULL ? "," : "",
	    credentials, config);
	return STATUS_NO_CREDENTIALS;
}

bool profile_valid_session_name(const char *name)
{
	size_t len = strlen(name);

	return len == 0 ||
	    (len >= SESSION_NAME_MIN && len <= SESSION_NAME_MAX &&
		strspn(name,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789_+=,.@-") == len);
}

/* What goes with any role. */
static enum status check_role(const struct profile *profile)
{
	struct slice duration = slice_from(value(profile, PROFILE_DURATION));
	size_t id_len = strlen(value(profile, PROFILE_EXTERNAL_ID));
	uint64_t number;

	if (!profile_valid_session_name(
		value(profile, PROFILE_ROLE_SESSION_NAME)))
		return profile_refuse(profile,
		    "role_session_name is not 2 to 64 of A-Z, a-z, 0-9 and "
		    "_+=,.@-");
	if (id_len > 0 &&
	    (id_len < EXTERNAL_ID_MIN || id_len > EXTERNAL_ID_MAX))
		return profile_refuse(
		    profile, "external_id is not 2 to 1224 characters");
	if (duration.len > 0 &&
	    (!slice_to_number(duration, DURATION_MAX_S, &number) ||
		number < DURATION_MIN_S))
		return profile_refuse(profile,
		    "duration_seconds is not a number from 900 to 43200");
	return STATUS_OK;
}

static bool known_source(struct slice name)
{
	return name.len == 0 || slice_equal(name, SLICE("Environment")) ||
	    slice_equal(name, SLICE("Ec2InstanceMetadata")) ||
	    slice_equal(name, SLICE("EcsContainer"));
}

static enum status check_assumed(const struct profile *profile)
{
	int sources = has(profile, PROFILE_SOURCE_PROFILE) +
	    has(profile, PROFILE_CREDENTIAL_SOURCE) +
	    has(profile, PROFILE_TOKEN_FILE);

	if (sources != 1)
		return profile_refuse(profile,
		    "role_arn needs one of source_profile, credential_source "
		    "and web_identity_token_file, and only one");
	if (!known_source(
		slice_from(value(profile, PROFILE_CREDENTIAL_SOURCE))))
		return profile_refuse(profile,
		    "credential_source is not Environment, "
		    "Ec2InstanceMetadata or EcsContainer");
	if (has(profile, PROFILE_MFA_SERIAL))
		return profile_refuse(profile,
		    "mfa_serial asks for a code, which nobody is here to "
		    "give: use a role without it");
	return check_role(profile);
}

static enum status check_web_identity(const struct profile *profile)
{
	if (!has(profile, PROFILE_ROLE_ARN))
		return profile_refuse(
		    profile, "web_identity_token_file needs a role_arn");
	return check_role(profile);
}

/* The session's settings count; the profile's own may repeat them. */
static enum status join_session(struct profile *profile, keys_getenv *getenv)
{
	static const enum profile_key shared[] = {
	    PROFILE_SSO_REGION, PROFILE_SSO_URL};
	const char *name = value(profile, PROFILE_SSO_SESSION);
	struct profile session;
	enum status status =
	    load_section(&session, SHAREDFILE_SESSION, getenv, name);

	if (status == STATUS_OK && !session.found)
		status = profile_refuse(profile,
		    "there is no [sso-session %s] in the config file: aws "
		    "configure sso-session writes one",
		    name);
	for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
		char *own = profile->values[shared[i]];

		if (own[0] != '\0' &&
		    strcmp(own, value(&session, shared[i])) != 0)
			status = profile_refuse(profile,
			    "%s is not that of [sso-session %s]: take it out",
			    names[shared[i]], name);
		memcpy(own, session.values[shared[i]],
		    sizeof session.values[shared[i]]);
	}
	profile_wipe(&session);
	return status;
}

static enum status check_sso(struct profile *profile, keys_getenv *getenv)
{
	static const enum profile_key needed[] = {PROFILE_SSO_URL,
	    PROFILE_SSO_REGION, PROFILE_SSO_ACCOUNT, PROFILE_SSO_ROLE};
	enum status status = has(profile, PROFILE_SSO_SESSION)
	    ? join_session(profile, getenv)
	    : STATUS_OK;
	const char *allowed;

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!has(profile, needed[i]))
			return profile_refuse(profile,
			    "%s is missing: aws configure sso writes all that "
			    "IAM Identity Center needs",
			    names[needed[i]]);
	allowed = endpoint_check_region(
	    slice_from(value(profile, PROFILE_SSO_REGION)));
	if (allowed != NULL)
		return profile_refuse(profile, "sso_region is not %s", allowed);
	return STATUS_OK;
}

/* What is left: settings that cannot be followed, or none. */
static enum status check_rest(const struct profile *profile)
{
	if (has(profile, PROFILE_LOGIN))
		return profile_refuse(profile,
		    "login_session is not supported: use another profile, "
		    "with credential_process = aws configure "
		    "export-credentials --profile %s --format process",
		    profile->name);
	if (has(profile, PROFILE_SOURCE_PROFILE) ||
	    has(profile, PROFILE_CREDENTIAL_SOURCE))
		return profile_refuse(profile,
		    "source_profile and credential_source need a role_arn");
	return STATUS_OK;
}

static enum profile_method choose(const struct profile *profile, bool is_source)
{
	bool assumed = has(profile, PROFILE_ROLE_ARN) &&
	    (has(profile, PROFILE_SOURCE_PROFILE) ||
		has(profile, PROFILE_CREDENTIAL_SOURCE) ||
		!has(profile, PROFILE_TOKEN_FILE));

	if (is_source && profile_has_keys(profile))
		return PROFILE_BY_KEYS;
	if (assumed)
		return PROFILE_BY_ROLE;
	if (profile_has_keys(profile))
		return PROFILE_BY_KEYS;
	if (has(profile, PROFILE_TOKEN_FILE))
		return PROFILE_BY_WEB_IDENTITY;
	if (has(profile, PROFILE_PROCESS))
		return PROFILE_BY_PROCESS;
	return has_sso(profile) ? PROFILE_BY_SSO : PROFILE_BY_NOTHING;
}

enum status profile_decide(struct profile *profile, keys_getenv *getenv,
    bool is_source, enum profile_method *method)
{
	*method = choose(profile, is_source);
	switch (*method) {
	case PROFILE_BY_ROLE:
		return check_assumed(profile);
	case PROFILE_BY_WEB_IDENTITY:
		return check_web_identity(profile);
	case PROFILE_BY_SSO:
		return check_sso(profile, getenv);
	case PROFILE_BY_NOTHING:
		return check_rest(profile);
	case PROFILE_BY_KEYS:
	case PROFILE_BY_PROCESS:
		break;
	}
	return STATUS_OK;
}

void profile_wipe(struct profile *profile)
{
	explicit_bzero(profile, sizeof *profile);
}
