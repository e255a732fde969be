/*
 * profile: what AWS's two shared files say of one profile, and which of its
 * settings decide where its keys come from.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include "sharedfile.h"

/* The settings that are known; the rest is passed over. */
enum profile_key {
	PROFILE_KEY_ID,
	PROFILE_SECRET,
	PROFILE_TOKEN,
	PROFILE_ROLE_ARN, /* from here on nothing is secret */
	PROFILE_SOURCE_PROFILE,
	PROFILE_CREDENTIAL_SOURCE,
	PROFILE_EXTERNAL_ID,
	PROFILE_ROLE_SESSION_NAME,
	PROFILE_DURATION,
	PROFILE_MFA_SERIAL,
	PROFILE_TOKEN_FILE,
	PROFILE_PROCESS,
	PROFILE_SSO_SESSION,
	PROFILE_SSO_ACCOUNT,
	PROFILE_SSO_ROLE,
	PROFILE_SSO_REGION,
	PROFILE_SSO_URL,
	PROFILE_LOGIN,
	PROFILE_REGION,
	PROFILE_KEY_COUNT
};

/* Holds secrets: wipe it with profile_wipe on every path. */
struct profile {
	const char *name; /* borrowed */
	bool found;       /* a section has its name */
	/* "": not set. */
	char values[PROFILE_KEY_COUNT][SHAREDFILE_MAX_VALUE + 1];
};

enum profile_method {
	PROFILE_BY_NOTHING, /* it says nothing of credentials */
	PROFILE_BY_KEYS,
	PROFILE_BY_ROLE, /* with source_profile or credential_source */
	PROFILE_BY_WEB_IDENTITY,
	PROFILE_BY_PROCESS,
	PROFILE_BY_SSO
};

/* Fill *out; of two values the last one wins, and the credentials file wins
 * key by key.  A profile that is nowhere is STATUS_OK and not found.
 * STATUS_NO_CREDENTIALS, logged, if a file cannot be used, or a known key's
 * value is too long or holds a control character. */
MUST_CHECK enum status profile_load(
    struct profile *out, keys_getenv *getenv, const char *name);

/* Which settings decide: those of a role go before keys, as in the SDKs,
 * unless another profile has named this one as its source_profile.  They are
 * then complete and within STS's limits; sso_region and sso_start_url have
 * been filled in from the [sso-session].  STATUS_NO_CREDENTIALS, logged, if
 * they contradict each other, something is missing or wrong, or what they
 * want is not supported. */
MUST_CHECK enum status profile_decide(struct profile *profile,
    keys_getenv *getenv, bool is_source, enum profile_method *method);

/* Whether it has aws_access_key_id or aws_secret_access_key. */
bool profile_has_keys(const struct profile *profile);

/* Whether STS takes name for a role's session; it may be empty. */
bool profile_valid_session_name(const char *name);

/* Log what is wrong with the profile.  Always STATUS_NO_CREDENTIALS. */
__attribute__((format(printf, 2, 3))) MUST_CHECK enum status profile_refuse(
    const struct profile *profile, const char *format, ...);

/* The same for one that is nowhere or says nothing of credentials.
 * wanted_by names the profile whose source_profile it is, or is NULL. */
MUST_CHECK enum status profile_refuse_empty(
    const struct profile *profile, keys_getenv *getenv, const char *wanted_by);

void profile_wipe(struct profile *profile);

#endif
