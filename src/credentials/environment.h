/*
 * environment: what the environment of the process (never a request's
 * parameters) says of keys.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "keys.h"

/* From AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and
 * AWS_CREDENTIAL_EXPIRATION (RFC 3339).  STATUS_MORE if neither key is set:
 * ask the next source.  STATUS_NO_CREDENTIALS, logged, if only one is, one is
 * too long, or the expiration is no time. */
MUST_CHECK enum status environment_read(struct keys *out, keys_getenv *getenv);

/* As EKS sets it for a service account.  Texts live as long as the process. */
struct environment_web {
	const char *token_file;   /* AWS_WEB_IDENTITY_TOKEN_FILE */
	const char *arn;          /* AWS_ROLE_ARN */
	const char *session_name; /* AWS_ROLE_SESSION_NAME; may be "" */
};

/* STATUS_MORE if neither of the first two is set.  STATUS_NO_CREDENTIALS,
 * logged, if only one is. */
MUST_CHECK enum status environment_web(
    struct environment_web *out, keys_getenv *getenv);

#endif
