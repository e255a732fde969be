#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../buf.h"
#include "../digest.h"
#include "../json.h"
#include "../log.h"
#include "../utf8.h"
#include "keydoc.h"

enum {
	FILE_SIZE = 16 * 1024, /* the longest keys, all of it escaped: 9 KiB */
	NAME_DIGITS = 32,      /* 128 bits of the hash: no two names meet */
	PATH_SIZE = PATH_MAX,
	TIME_SIZE = 32
};

static const struct keydoc_names names = {.id = "AccessKeyId",
    .secret = "SecretAccessKey",
    .token = "SessionToken",
    .expiration = "Expiration"};

/* DIR/keys-END; false if it is too long. */
static bool make_path(
    char out[static PATH_SIZE], const char *dir, const char *end)
{
	int n = snprintf(out, PATH_SIZE, "%s/keys-%s", dir, end);

	return n > 0 && n < PATH_SIZE;
}

static bool file_path(
    char out[static PATH_SIZE], const char *dir, struct slice name)
{
	uint8_t digest[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];

	digest_sha256(digest, name);
	digest_hex(hex, digest);
	hex[NAME_DIGITS] = '\0';
	return make_path(out, dir, hex);
}

/* Why keys may not be kept in dir, or NULL. */
static const char *refuse_dir(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return strerror(errno);
	if (!S_ISDIR(st.st_mode))
		return strerror(ENOTDIR);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return "it belongs to another user";
	/* In a directory like /tmp nobody can replace what is ours. */
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st.st_mode & S_ISVTX) == 0)
		return "others may write to it: chmod go-w";
	return NULL;
}

static bool private_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0 &&
	    st.st_size <= FILE_SIZE;
}

/* The file's text in space, or nothing. */
static struct slice read_file(const char *path, char space[static FILE_SIZE])
{
	/* O_NONBLOCK: nobody may be at the other end of a pipe. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct slice text = {.ptr = space};
	ssize_t n = 1;

	if (fd < 0)
		return text;
	if (!private_file(fd))
		n = 0;
	while (n > 0 && text.len < FILE_SIZE) {
		n = read(fd, space + text.len, FILE_SIZE - text.len);
		text.len += n > 0 ? (size_t)n : 0;
	}
	(void)close(fd);
	return text;
}

bool keyfile_read(
    struct keys *out, const char *dir, struct slice name, int64_t now_s)
{
	char path[PATH_SIZE], space[FILE_SIZE];
	struct json *json = NULL;
	struct slice text;
	bool done = false;

	if (dir[0] != '\0' && refuse_dir(dir) == NULL &&
	    file_path(path, dir, name)) {
		text = read_file(path, space);
		done = json_parse(text, &json) == STATUS_OK &&
		    keydoc_read(out, json, &names) == NULL &&
		    out->expires_s > now_s + KEYFILE_LEFT_S;
		json_wipe(json);
		explicit_bzero(space, sizeof space);
	}
	if (!done)
		keys_wipe(out);
	return done;
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	json_add_string(out, slice_from(name));
	buf_add_char(out, ':');
	json_add_string(out, slice_from(value));
}

/* False if they cannot be read back as they are. */
static bool add_document(struct buf *out, const struct keys *keys)
{
	char when[TIME_SIZE];
	struct tm tm;
	time_t expires = (time_t)keys->expires_s;

	if (!utf8_valid(slice_from(keys->id)) ||
	    !utf8_valid(slice_from(keys->secret)) ||
	    !utf8_valid(slice_from(keys->token)) ||
	    gmtime_r(&expires, &tm) == NULL ||
	    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return false;
	buf_add_char(out, '{');
	add_member(out, names.id, keys->id);
	buf_add_char(out, ',');
	add_member(out, names.secret, keys->secret);
	buf_add_char(out, ',');
	add_member(out, names.token, keys->token);
	buf_add_char(out, ',');
	add_member(out, names.expiration, when);
	buf_add_text(out, "}\n");
	return buf_status(out) == STATUS_OK;
}

/* NULL once text is the file's content, or what failed. */
static const char *replace(const char *path, const char *dir, struct slice text)
{
	char temporary[PATH_SIZE];
	const char *wrong = NULL;
	int fd;

	if (!make_path(temporary, dir, "XXXXXX"))
		return strerror(ENAMETOOLONG);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return strerror(errno);
	errno = ENOSPC; /* a write that falls short does not say why */
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len ||
	    rename(temporary, path) < 0) {
		wrong = strerror(errno);
		(void)unlink(temporary);
	}
	(void)close(fd);
	return wrong;
}

void keyfile_write(const char *dir, struct slice name, const struct keys *keys)
{
	static const char room[FILE_SIZE];
	char path[PATH_SIZE];
	const char *wrong;
	struct buf text;

	if (dir[0] == '\0' || keys->expires_s == 0)
		return;
	buf_init_secret(&text, FILE_SIZE);
	/* A buffer that grew later would leave copies behind. */
	buf_add(&text, (struct slice){.ptr = room, .len = sizeof room});
	buf_clear(&text);
	wrong = refuse_dir(dir);
	if (wrong == NULL && !file_path(path, dir, name))
		wrong = strerror(ENAMETOOLONG);
	if (wrong == NULL && !add_document(&text, keys))
		wrong = "they cannot be written as JSON";
	if (wrong == NULL)
		wrong = replace(path, dir, buf_slice(&text));
	buf_wipe(&text);
	if (wrong != NULL)
		log_write(LOG_WARNING,
		    "cannot keep keys for the next request in %s: %s: make it "
		    "a directory that this user alone may write to; until "
		    "then each process asks for keys of its own",
		    dir, wrong);
}
