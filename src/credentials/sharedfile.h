/*
 * sharedfile: the lines of AWS's two shared files, ~/.aws/config and
 * ~/.aws/credentials.
 *
 * A # or ; begins a comment at the start of a line or after a blank.  A key
 * without a value opens a block: the indented lines below it are left out.
 * What is not understood is passed over, as the SDKs do.  What was read is
 * wiped: it may hold secrets.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#ifndef SHAREDFILE_H
#define SHAREDFILE_H

#include <limits.h>

#include "keys.h"

/* Thousands of profiles. */
#define SHAREDFILE_MAX_BYTES (256 * 1024)

/* Session tokens are the longest values. */
#define SHAREDFILE_MAX_VALUE KEYS_MAX_TOKEN

#define SHAREDFILE_PATH_SIZE PATH_MAX

enum sharedfile {
	SHAREDFILE_CONFIG,
	SHAREDFILE_CREDENTIALS
};

enum sharedfile_kind {
	SHAREDFILE_PROFILE,  /* config: [default], [profile NAME];
			      * credentials: [NAME] */
	SHAREDFILE_SESSION,  /* config: [sso-session NAME] */
	SHAREDFILE_SERVICES, /* config: [services NAME] */
	SHAREDFILE_OTHER     /* without a name */
};

/* A key with its value, or, if the key is empty, the beginning of a section.
 * A value is never empty. */
struct sharedfile_entry {
	enum sharedfile_kind kind;
	struct slice section; /* its NAME, without quotes */
	struct slice key, value;
	bool cut; /* the value was longer than SHAREDFILE_MAX_VALUE */
};

/* Slices are valid during the call.  They may hold any byte but LF. */
typedef void sharedfile_take(void *ctx, const struct sharedfile_entry *entry);

/* Where a file is: what AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE names,
 * else the usual place; a leading ~/ is HOME, or without one the home of the
 * user this process runs as.  False if there is none or the path is too long;
 * *out is then what was asked for, cut off, for people. */
bool sharedfile_path(char out[static SHAREDFILE_PATH_SIZE],
    enum sharedfile file, keys_getenv *getenv);

/* Call take for each entry.  A file that is missing counts as empty, as does,
 * with a warning, one that may not be opened.  STATUS_NO_CREDENTIALS, logged,
 * if it is too large or cannot be read to its end; entries before that have
 * been taken. */
MUST_CHECK enum status sharedfile_read(enum sharedfile file,
    keys_getenv *getenv, sharedfile_take *take, void *ctx);

#endif
