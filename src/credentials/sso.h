/*
 * sso: keys of a permission set, for a session that aws sso login has begun
 * (IAM Identity Center).
 *
 * The session's token is in ~/.aws/sso/cache/SHA1(session or start URL).json.
 * With five minutes left or less it is renewed, if it can be, and written
 * back; then the portal is asked for the role's keys.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
 */
#ifndef SSO_H
#define SSO_H

#include "source.h"

struct sso;

/* Copied by sso_start. */
struct sso_profile {
	const char *session; /* name of the [sso-session], or "": legacy */
	const char
	    *start_url;     /* https://..., what the legacy form is named by */
	const char *region; /* of the session */
	const char *account_id, *role_name;
};

MUST_CHECK struct sso *sso_start(const struct source_context *context,
    const struct sso_profile *profile, source_done *done, void *ctx);
void sso_cancel(struct sso *sso); /* NULL is fine */

#endif
