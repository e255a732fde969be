#include "ssotoken.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../buf.h"
#include "../digest.h"
#include "../env.h"
#include "../json.h"
#include "../log.h"
#include "../timestamp.h"
#include "tokenfile.h"

enum {
	DATE_SIZE = 32,
	/* A new token may be longer than the old one was. */
	WRITTEN_MAX = SSOTOKEN_MAX_FILE + 4 * KEYS_MAX_TOKEN
};

/* Those that a renewal replaces, and their ends. */
static const char *const replaced[] = {
    "accessToken", "expiresAt", "refreshToken"};

enum {
	REPLACED_COUNT = sizeof replaced / sizeof replaced[0]
};

bool ssotoken_path(char out[static SSOTOKEN_PATH_LEN], keys_getenv *getenv,
    struct slice session)
{
	char name[DIGEST_SHA1_HEX_LEN], room[ENV_HOME_SIZE];
	struct slice home = env_home(getenv, room);
	int len;

	if (home.len == 0)
		return false;
	digest_sha1_hex(name, session);
	len = snprintf(out, SSOTOKEN_PATH_LEN, "%.*s/.aws/sso/cache/%s.json",
	    SLICE_ARG(home), name);
	return len > 0 && len < SSOTOKEN_PATH_LEN;
}

/* ---- reading ---- */

static bool keep(char out[static KEYS_MAX_TOKEN + 1], struct slice text)
{
	if (text.len > KEYS_MAX_TOKEN || !tokenfile_clean(text))
		return false;
	memcpy(out, text.len > 0 ? text.ptr : "", text.len);
	out[text.len] = '\0';
	return true;
}

/* A text that may be missing: then *out is empty. */
static bool keep_member(char out[static KEYS_MAX_TOKEN + 1],
    const struct json *json, const char *name)
{
	struct slice text = {0};

	(void)!json_string(json_get(json, name), &text);
	return keep(out, text);
}

/* Seconds since 1970; early versions of the AWS CLI wrote UTC for Z. */
static bool read_time(const struct json *json, int64_t *unix_s)
{
	struct slice text;
	char copy[DATE_SIZE];

	if (!json_string(json, &text))
		return false;
	if (!slice_ends(text, SLICE("UTC")))
		return timestamp_parse(text, unix_s);
	(void)snprintf(
	    copy, sizeof copy, "%.*sZ", (int)(text.len - 3), text.ptr);
	return timestamp_parse(slice_from(copy), unix_s);
}

static const char *take(struct ssotoken *token, const struct json *json)
{
	if (!keep_member(token->access, json, "accessToken") ||
	    token->access[0] == '\0')
		return "it has no accessToken";
	if (!read_time(json_get(json, "expiresAt"), &token->expires_s))
		return "its expiresAt is no time";
	/* Without these it is a token all the same. */
	(void)!keep_member(token->refresh, json, "refreshToken");
	(void)!keep_member(token->client_id, json, "clientId");
	(void)!keep_member(token->client_secret, json, "clientSecret");
	if (!read_time(json_get(json, "registrationExpiresAt"),
		&token->registration_expires_s))
		token->registration_expires_s = 0;
	return NULL;
}

const char *ssotoken_parse(
    struct ssotoken *token, struct slice text, enum status *status)
{
	const char *wrong = "it is no JSON";
	struct json *json;

	/* The text may be in the token already. */
	if (text.len > sizeof token->text) {
		*status = STATUS_NO_CREDENTIALS;
		return "it is too large";
	}
	memmove(token->text, text.len > 0 ? text.ptr : "", text.len);
	token->len = text.len;
	token->access[0] = token->refresh[0] = '\0';
	token->client_id[0] = token->client_secret[0] = '\0';
	*status = json_parse((struct slice){token->text, token->len}, &json);
	if (*status == STATUS_NO_MEMORY)
		return "memory is out";
	if (*status == STATUS_OK)
		wrong = take(token, json);
	json_wipe(json);
	*status = wrong == NULL ? STATUS_OK : STATUS_NO_CREDENTIALS;
	return wrong;
}

enum status ssotoken_read(struct ssotoken *token, const char *path)
{
	struct slice text;
	const char *wrong;
	enum status status =
	    tokenfile_read(token->text, sizeof token->text, path, &text);

	if (status != STATUS_OK)
		return status;
	wrong = ssotoken_parse(token, text, &status);
	if (wrong != NULL)
		log_write(LOG_ERROR, "%s holds no token: %s", path, wrong);
	return status;
}

bool ssotoken_renewable(const struct ssotoken *token, int64_t now_s)
{
	return token->refresh[0] != '\0' && token->client_id[0] != '\0' &&
	    token->client_secret[0] != '\0' &&
	    (token->registration_expires_s == 0 ||
		token->registration_expires_s > now_s);
}

/* ---- writing ---- */

bool ssotoken_renew(struct ssotoken *token, struct slice access,
    int64_t expires_s, struct slice refresh)
{
	if (access.len == 0 || access.len > KEYS_MAX_TOKEN ||
	    refresh.len > KEYS_MAX_TOKEN || !tokenfile_clean(access) ||
	    !tokenfile_clean(refresh))
		return false;
	(void)!keep(token->access, access);
	if (refresh.len > 0)
		(void)!keep(token->refresh, refresh);
	token->expires_s = expires_s;
	return true;
}

static enum status drop_member(struct buf *text, const char *name)
{
	struct buf less;
	struct json *json;
	enum status status = json_parse(buf_slice(text), &json);

	if (status != STATUS_OK)
		return status;
	buf_init_secret(&less, text->ceiling);
	json_add_without(&less, json, buf_slice(text), name);
	json_wipe(json);
	status = buf_status(&less);
	buf_wipe(text);
	*text = less;
	return status;
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	buf_add_char(out, ',');
	json_add_string(out, slice_from(name));
	buf_add_char(out, ':');
	json_add_string(out, slice_from(value));
}

enum status ssotoken_add(struct buf *out, const struct ssotoken *token)
{
	char date[DATE_SIZE];
	time_t t = (time_t)token->expires_s;
	enum status status;
	struct tm tm;

	buf_add(out, (struct slice){token->text, token->len});
	status = buf_status(out);
	for (size_t i = 0; status == STATUS_OK && i < REPLACED_COUNT; i++)
		status = drop_member(out, replaced[i]);
	if (status != STATUS_OK)
		return status;
	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return STATUS_TOO_LARGE;
	out->len--; /* its brace */
	add_member(out, replaced[0], token->access);
	add_member(out, replaced[1], date);
	add_member(out, replaced[2], token->refresh);
	buf_add_char(out, '}');
	/* An object of nothing else, and the comma of the first. */
	if (out->len > 1 && out->ptr[1] == ',')
		out->ptr[1] = ' ';
	return buf_status(out);
}

static bool write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno != EINTR)
			return false;
		text = slice_skip(text, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd) == 0;
}

/* Beside the file, and then in its place. */
static bool replace(const char *path, struct slice text)
{
	char beside[SSOTOKEN_PATH_LEN + 8];
	int saved, fd;
	bool ok;

	(void)snprintf(beside, sizeof beside, "%s.XXXXXX", path);
	fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return false;
	ok = write_all(fd, text);
	ok = close(fd) == 0 && ok && rename(beside, path) == 0;
	if (!ok) {
		saved = errno;
		(void)unlink(beside);
		errno = saved;
	}
	return ok;
}

enum status ssotoken_write(const struct ssotoken *token, const char *path)
{
	struct buf text;
	enum status status;

	buf_init_secret(&text, WRITTEN_MAX);
	status = ssotoken_add(&text, token);
	if (status == STATUS_OK && !replace(path, buf_slice(&text))) {
		log_write(LOG_WARNING,
		    "cannot keep the renewed token in %s: %s: let this "
		    "process write there, or aws sso login will be needed "
		    "sooner",
		    path, strerror(errno));
		status = STATUS_NO_CREDENTIALS;
	}
	buf_wipe(&text);
	return status;
}

void ssotoken_wipe(struct ssotoken *token)
{
	explicit_bzero(token, sizeof *token);
}
