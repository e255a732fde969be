/*
 * profile: static keys of a profile in AWS's shared files.
 *
 * ~/.aws/config and ~/.aws/credentials, or AWS_CONFIG_FILE and
 * AWS_SHARED_CREDENTIALS_FILE; the credentials file wins key by key.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#ifndef PROFILE_H
#define PROFILE_H

#include "keys.h"

/* name NULL: AWS_PROFILE, else "default".  STATUS_MORE if no profile was
 * asked for by name and the default is missing or says nothing of credentials:
 * ask the next source.  STATUS_NO_CREDENTIALS, logged, if the named profile is
 * missing, or any has no usable static keys (role_arn, sso_session and the
 * like are told as not supported yet) or cannot be read to its end. */
MUST_CHECK enum status profile_read(
    struct keys *out, keys_getenv *getenv, const char *name);

#endif
