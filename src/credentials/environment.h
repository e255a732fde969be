/*
 * environment: keys from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN of the process (never from request parameters).
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include "keys.h"

/* STATUS_MORE if neither key is set: ask the next source.
 * STATUS_NO_CREDENTIALS, logged, if only one is or one is too long. */
MUST_CHECK enum status environment_read(struct keys *out, keys_getenv *getenv);

#endif
