/*
 * ssotoken: the file in which aws sso login keeps the token of a session, and
 * in which a renewed token is kept for the next who comes.
 *
 * https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html
 */
#ifndef SSOTOKEN_H
#define SSOTOKEN_H

#include "keys.h"

struct buf;

/* The largest file, and the longest name of one. */
#define SSOTOKEN_MAX_FILE (32 << 10)
#define SSOTOKEN_PATH_LEN 1024

/* Holds secrets: ssotoken_wipe on every path. */
struct ssotoken {
	char text[SSOTOKEN_MAX_FILE]; /* of the file */
	size_t len;
	char access[KEYS_MAX_TOKEN + 1];
	int64_t expires_s;
	/* What renews it; renewable only if all three are there. */
	char refresh[KEYS_MAX_TOKEN + 1];
	char client_id[KEYS_MAX_TOKEN + 1];
	char client_secret[KEYS_MAX_TOKEN + 1];
	int64_t registration_expires_s; /* of the client; 0: not said */
};

/* The file of a session, or of a start URL, below HOME or the home of our
 * user.  False if there is no home or the name is too long. */
MUST_CHECK bool ssotoken_path(char out[static SSOTOKEN_PATH_LEN],
    keys_getenv *getenv, struct slice session);

/* Take what a file says.  What is wrong, in words for the log, or NULL;
 * *status is then STATUS_OK, else STATUS_NO_CREDENTIALS or STATUS_NO_MEMORY. */
MUST_CHECK const char *ssotoken_parse(
    struct ssotoken *token, struct slice text, enum status *status);

/* Read the file.  STATUS_NOT_FOUND, or as tokenfile_read and, logged, for one
 * that ssotoken_parse refuses. */
MUST_CHECK enum status ssotoken_read(struct ssotoken *token, const char *path);

bool ssotoken_renewable(const struct ssotoken *token, int64_t now_s);

/* Take a new token; refresh may be empty: the old one stays good.  False, with
 * the old one untouched, if something is too long or fit for no header. */
MUST_CHECK bool ssotoken_renew(struct ssotoken *token, struct slice access,
    int64_t expires_s, struct slice refresh);

/* Append what the file shall say: the token, and all else that it said.
 * STATUS_TOO_LARGE, STATUS_NO_MEMORY. */
MUST_CHECK enum status ssotoken_add(
    struct buf *out, const struct ssotoken *token);

/* Write that back: wholly or not at all, and readable by us alone.
 * STATUS_NO_CREDENTIALS, logged, or as ssotoken_add. */
MUST_CHECK enum status ssotoken_write(
    const struct ssotoken *token, const char *path);

void ssotoken_wipe(struct ssotoken *token);

#endif
