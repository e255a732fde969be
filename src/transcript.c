#include "transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "log.h"

enum {
	SWEEP_S = 3600,    /* between the beginnings of two sweeps */
	SWEEP_LOOK = 1000, /* a millisecond or two of the loop's time */
	HEX_LEN = DIGEST_HEX_LEN - 1,
	TOKEN_LEN = 7 /* of a temporary file's name */
};

/* Each turn is kept with a newline: one more than the commas between. */
#define TEXT_MAX (TRANSCRIPT_MAX + 1)
/* The end of a file that can hold as much, and the byte before it. */
#define TAIL_MAX (TEXT_MAX + 1)
/* A file is made anew beyond this: rarely, and soon enough for a disk. */
#define FILE_MAX (4 * TRANSCRIPT_MAX)

void transcript_dir_free(struct transcript_dir *dir)
{
	if (dir->swept != NULL)
		(void)closedir(dir->swept);
	dir->swept = NULL;
}

void transcript_init(
    struct transcript *transcript, const char hash[static DIGEST_HEX_LEN])
{
	*transcript = (struct transcript){0};
	(void)snprintf(transcript->name, sizeof transcript->name, "%.*s.jsonl",
	    HEX_LEN, hash);
	buf_init(&transcript->text, 2 * TAIL_MAX);
}

void transcript_free(struct transcript *transcript)
{
	buf_free(&transcript->text);
	transcript->saved = false;
}

/* Add a turn in memory; the oldest go for it. */
static enum status add_turn(struct transcript *transcript, struct slice turn)
{
	struct buf *text = &transcript->text;
	struct slice rest;

	buf_add(text, turn);
	buf_add_char(text, '\n');
	if (buf_status(text) != STATUS_OK) {
		transcript_free(transcript);
		return STATUS_NO_MEMORY;
	}
	rest = buf_slice(text);
	while (rest.len > TEXT_MAX)
		(void)slice_cut(&rest, '\n');
	buf_drop(text, text->len - rest.len);
	return STATUS_OK;
}

static void complain(
    struct transcript_dir *dir, const char *state_dir, const char *what)
{
	if (!dir->warned)
		log_write(LOG_WARNING,
		    "cannot keep conversations in %s/conversations: %s: make "
		    "it a directory of this user that no other may write to; "
		    "until then this process alone remembers what was said",
		    state_dir, what);
	dir->warned = true;
}

/* The directory, or -1 and errno. */
static int open_dir(const char *state_dir, bool make)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/conversations", state_dir);
	int fd;

	errno = ENAMETOOLONG;
	if (n < 0 || (size_t)n >= sizeof path)
		return -1;
	/* What root made in passing would be closed to agentcgi's own user. */
	if (make &&
	    (geteuid() != 0 || (stat(state_dir, &st) == 0 && st.st_uid == 0)))
		(void)mkdir(path, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	/* Who may write there may give one session the words of another. */
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

/* A file that is a file and ours, or -1 and errno. */
static int open_file(int dir, const char *name, int flags, struct stat *st)
{
	/* O_NONBLOCK: nobody may be at the other end of a pipe. */
	int fd = openat(
	    dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid())
		return fd;
	(void)close(fd);
	errno = EPERM;
	return -1;
}

/* The same, after removing one that is at least as old as then_s. */
static int open_young(
    int dir, const char *name, int flags, int64_t then_s, struct stat *st)
{
	int fd = open_file(dir, name, flags, st);

	if (fd < 0 || st->st_mtim.tv_sec > then_s)
		return fd;
	(void)close(fd);
	(void)unlinkat(dir, name, 0);
	return open_file(dir, name, flags, st);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void set_saved(struct transcript *transcript, const struct stat *st)
{
	transcript->saved = true;
	transcript->file = *st;
}

/* Whether a line is two objects: it becomes part of a JSON body. */
static enum status check_turn(struct slice line, struct buf *array, bool *sound)
{
	struct json *json = NULL;
	enum status status;

	buf_clear(array);
	buf_add_char(array, '[');
	buf_add(array, line);
	buf_add_char(array, ']');
	status = buf_status(array);
	if (status == STATUS_OK)
		status = json_parse(buf_slice(array), &json);
	*sound = status == STATUS_OK && json_is_object(json_at(json, 0)) &&
	    json_is_object(json_at(json, 1)) && json_at(json, 2) == NULL;
	json_free(json);
	return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

static enum status take_turns(struct transcript *transcript, struct slice tail)
{
	struct buf array;
	enum status status = STATUS_OK;

	buf_init(&array, TAIL_MAX + 2);
	while (
	    status == STATUS_OK && slice_find(tail, SLICE("\n")) < tail.len) {
		struct slice line = slice_cut(&tail, '\n');
		bool sound;

		status = check_turn(line, &array, &sound);
		if (sound)
			status = add_turn(transcript, line);
	}
	buf_free(&array);
	return status;
}

/* The last turns of the file. */
static enum status load(
    struct transcript *transcript, int fd, const struct stat *st)
{
	bool cut = st->st_size > (off_t)TAIL_MAX;
	off_t at = cut ? st->st_size - (off_t)TAIL_MAX : 0;
	size_t wanted = (size_t)(st->st_size - at);
	char *tail = malloc(TAIL_MAX);
	struct slice read = {.ptr = tail};
	enum status status = STATUS_NO_MEMORY;
	ssize_t n = 1;

	transcript_free(transcript);
	if (tail == NULL)
		return status;
	while (n > 0 && read.len < wanted) {
		n = pread(fd, tail + read.len, wanted - read.len,
		    at + (off_t)read.len);
		if (n > 0)
			read.len += (size_t)n;
	}
	if (cut)
		(void)slice_cut(&read, '\n');
	status = take_turns(transcript, read);
	if (status == STATUS_OK)
		set_saved(transcript, st);
	else
		transcript_free(transcript);
	free(tail);
	return status;
}

enum status transcript_refresh(
    struct transcript *transcript, const char *state_dir, int64_t now_s)
{
	int in = state_dir[0] == '\0' ? -1 : open_dir(state_dir, false);
	enum status status = STATUS_OK;
	int fd = -1;
	struct stat st;

	if (in >= 0)
		fd = open_young(in, transcript->name, O_RDONLY,
		    now_s - TRANSCRIPT_MAX_AGE_S, &st);
	if (fd < 0 && errno == ENOENT && transcript->saved)
		transcript_free(transcript);
	/* What is here and was not saved is newer than the file. */
	else if (fd >= 0 &&
	    (transcript->saved ? !same_file(&transcript->file, &st)
			       : transcript->text.len == 0))
		status = load(transcript, fd, &st);
	if (fd >= 0)
		(void)close(fd);
	if (in >= 0)
		(void)close(in);
	return status;
}

/* Put what memory has in the place of the file. */
static bool rewrite(int dir, struct transcript *transcript)
{
	struct slice rest = buf_slice(&transcript->text);
	char name[TRANSCRIPT_NAME_SIZE];
	struct stat st;
	ssize_t n = 1;
	bool done;
	int fd;

	memcpy(name, transcript->name, HEX_LEN + 1); /* and the dot */
	digest_random_token(name + HEX_LEN + 1, TOKEN_LEN);
	name[HEX_LEN + 1 + TOKEN_LEN] = '\0';
	fd = open_file(dir, name, O_WRONLY | O_CREAT | O_EXCL, &st);
	if (fd < 0)
		return false;
	while (n > 0 && rest.len > 0) {
		n = write(fd, rest.ptr, rest.len);
		rest = slice_skip(rest, n > 0 ? (size_t)n : 0);
	}
	done = rest.len == 0 && fstat(fd, &st) == 0 &&
	    renameat(dir, name, dir, transcript->name) == 0;
	if (done)
		set_saved(transcript, &st);
	else
		(void)unlinkat(dir, name, 0);
	(void)close(fd);
	return done;
}

/* Write the line at the end of fd, which is as *st says, in one piece: other
 * processes may do the same.  *st becomes that after it. */
static bool write_line(int fd, struct slice turn, struct stat *st)
{
	struct buf line;
	char last = '\n';
	ssize_t n = -1;
	bool done;

	if (st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) != 1)
		return false;
	buf_init(&line, turn.len + 2);
	/* Whoever wrote the line before has not come to its end. */
	if (last != '\n')
		buf_add_char(&line, '\n');
	buf_add(&line, turn);
	buf_add_char(&line, '\n');
	errno = ENOSPC; /* a write that falls short does not say why */
	if (buf_status(&line) == STATUS_OK)
		n = write(fd, line.ptr, line.len);
	done = n > 0 && (size_t)n == line.len && fstat(fd, st) == 0;
	buf_free(&line);
	return done;
}

/* False if nothing was saved; what memory has is then as before. */
static bool append(
    int dir, struct transcript *transcript, int64_t then_s, struct slice turn)
{
	struct stat st, before;
	int fd = open_young(
	    dir, transcript->name, O_RDWR | O_APPEND | O_CREAT, then_s, &st);
	bool done, same;

	if (fd < 0)
		return false;
	before = st;
	done = write_line(fd, turn, &st);
	(void)close(fd);
	if (!done)
		return false;
	same = transcript->saved ? same_file(&transcript->file, &before)
				 : before.st_size == 0;
	/* Else others have written, too: it is to be read again. */
	if (!same || (size_t)(st.st_size - before.st_size) > turn.len + 2 ||
	    add_turn(transcript, turn) != STATUS_OK)
		transcript_free(transcript);
	else
		set_saved(transcript, &st);
	if (transcript->saved && st.st_size > (off_t)FILE_MAX)
		(void)rewrite(dir, transcript);
	return true;
}

static bool named_by_us(const char *name)
{
	return strspn(name, "0123456789abcdef") == HEX_LEN &&
	    name[HEX_LEN] == '.';
}

/* Remove what is old, and look at a part of a large directory at a time. */
static void sweep(struct transcript_dir *dir, int in, int64_t now_s)
{
	const struct dirent *entry;
	struct stat st;

	if (dir->swept == NULL) {
		int fd;

		if (now_s < dir->next_sweep_s)
			return;
		dir->next_sweep_s = now_s + SWEEP_S;
		fd = openat(in, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		dir->swept = fd < 0 ? NULL : fdopendir(fd);
		if (dir->swept == NULL) {
			if (fd >= 0)
				(void)close(fd);
			return;
		}
	}
	for (int i = 0; i < SWEEP_LOOK; i++) {
		entry = readdir(dir->swept);
		if (entry == NULL) {
			transcript_dir_free(dir);
			return;
		}
		if (named_by_us(entry->d_name) &&
		    fstatat(dirfd(dir->swept), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtim.tv_sec <= now_s - TRANSCRIPT_MAX_AGE_S)
			(void)unlinkat(dirfd(dir->swept), entry->d_name, 0);
	}
}

enum status transcript_append(struct transcript_dir *dir,
    struct transcript *transcript, const char *state_dir, int64_t now_s,
    struct slice turn)
{
	bool ahead = !transcript->saved && transcript->text.len > 0;
	int in = state_dir[0] == '\0' ? -1 : open_dir(state_dir, true);
	enum status status = STATUS_OK;
	bool done = false;

	if (ahead)
		status = add_turn(transcript, turn);
	if (in >= 0 && status == STATUS_OK)
		done = ahead ? rewrite(in, transcript)
			     : append(in, transcript,
				   now_s - TRANSCRIPT_MAX_AGE_S, turn);
	if (!done && status == STATUS_OK && state_dir[0] != '\0')
		complain(dir, state_dir, strerror(errno));
	if (!done && !ahead) {
		transcript->saved = false;
		status = add_turn(transcript, turn);
	}
	if (in >= 0) {
		sweep(dir, in, now_s);
		(void)close(in);
	}
	return status;
}
