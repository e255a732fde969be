#include "sharedfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../env.h"
#include "../log.h"

enum {
	LINE_SIZE = 2 * SHAREDFILE_MAX_VALUE, /* a value and its comment */
	SECTION_SIZE = 256                    /* more than any name */
};

struct reader {
	FILE *file;
	size_t total; /* bytes read so far */
	char line[LINE_SIZE];
	size_t len;
	bool cut; /* the line was longer */
};

/* Where in a file the reader is. */
struct place {
	bool config;
	bool nested; /* below a key without a value */
	bool cut;    /* the end of the line is missing */
	enum sharedfile_kind kind;
	char section[SECTION_SIZE];
	size_t section_len;
	sharedfile_take *take;
	void *ctx;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Secrets and tokens may hold the signs themselves. */
static struct slice without_comment(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		bool sign = line.ptr[i] == '#' || line.ptr[i] == ';';

		if (sign && (i == 0 || blank(line.ptr[i - 1])))
			return slice_first(line, i);
	}
	return line;
}

static struct slice unquoted(struct slice s)
{
	if (s.len > 1 && (s.ptr[0] == '"' || s.ptr[0] == '\'') &&
	    s.ptr[s.len - 1] == s.ptr[0])
		return slice_skip(slice_first(s, s.len - 1), 1);
	return s;
}

/* The kind that a header of the config file begins with, and what follows. */
static enum sharedfile_kind kind_of(struct slice *header)
{
	static const struct {
		struct slice word;
		enum sharedfile_kind kind;
	} kinds[] = {
	    {{"profile", 7}, SHAREDFILE_PROFILE},
	    {{"sso-session", 11}, SHAREDFILE_SESSION},
	    {{"services", 8}, SHAREDFILE_SERVICES},
	};

	/* [name] alone is the default or not a profile. */
	if (slice_equal(*header, SLICE("default")))
		return SHAREDFILE_PROFILE;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct slice rest = slice_skip(*header, kinds[i].word.len);

		if (!slice_starts(*header, kinds[i].word) || rest.len == 0 ||
		    !blank(rest.ptr[0]))
			continue;
		*header = slice_trim(rest);
		return kinds[i].kind;
	}
	return SHAREDFILE_OTHER;
}

static void give(struct place *place, struct slice key, struct slice value)
{
	place->take(place->ctx,
	    &(struct sharedfile_entry){
		.kind = place->kind,
		.section = {place->section, place->section_len},
		.key = key,
		.value = slice_first(value, SHAREDFILE_MAX_VALUE),
		.cut = place->cut || value.len > SHAREDFILE_MAX_VALUE,
	    });
}

/* A header without its ] ends the section before it all the same, lest its
 * keys be taken for those of another profile. */
static void enter_section(struct place *place, struct slice line)
{
	struct slice name = {0};

	place->nested = false;
	place->kind = SHAREDFILE_OTHER;
	if (line.len > 1 && slice_ends(line, SLICE("]"))) {
		name = slice_first(line, line.len - 1);
		name = slice_trim(slice_skip(name, 1));
		place->kind =
		    place->config ? kind_of(&name) : SHAREDFILE_PROFILE;
		name = unquoted(name);
	}
	if (name.len == 0 || name.len > SECTION_SIZE)
		place->kind = SHAREDFILE_OTHER;
	if (place->kind == SHAREDFILE_OTHER)
		name.len = 0;
	if (name.len > 0)
		memcpy(place->section, name.ptr, name.len);
	place->section_len = name.len;
	give(place, (struct slice){0}, (struct slice){0});
}

static void take_line(struct place *place, struct slice line)
{
	bool indented = line.len > 0 && blank(line.ptr[0]);
	size_t len = line.len;
	struct slice key;

	line = without_comment(line);
	place->cut = place->cut && line.len == len;
	if (slice_ends(line, SLICE("\r")))
		line.len--;
	line = slice_trim(line);
	if (slice_starts(line, SLICE("["))) {
		enter_section(place, line);
		return;
	}
	if (slice_find(line, SLICE("=")) == line.len)
		return;
	if (place->nested && indented)
		return;
	key = slice_trim(slice_cut(&line, '='));
	line = slice_trim(line);
	place->nested = line.len == 0;
	if (key.len > 0 && line.len > 0)
		give(place, key, line);
}

/* The next line, without its end and cut off at LINE_SIZE; false after the
 * last and once the file is too large.  Not fgets: a NUL would hide how much
 * was read, and /dev/zero would never end. */
static bool read_line(struct reader *reader)
{
	int c = EOF;

	reader->len = 0;
	reader->cut = false;
	while (reader->total <= SHAREDFILE_MAX_BYTES &&
	    (c = getc(reader->file)) != EOF && c != '\n') {
		reader->total++;
		if (reader->len < LINE_SIZE)
			reader->line[reader->len++] = (char)c;
		else
			reader->cut = true;
	}
	reader->total += c == '\n';
	return reader->total <= SHAREDFILE_MAX_BYTES &&
	    (c != EOF || reader->len > 0);
}

/* False if the file is too large. */
static bool take_lines(struct place *place, FILE *file)
{
	struct reader reader = {.file = file};

	while (read_line(&reader)) {
		place->cut = reader.cut;
		take_line(place,
		    (struct slice){.ptr = reader.line, .len = reader.len});
	}
	explicit_bzero(reader.line, sizeof reader.line);
	return reader.total <= SHAREDFILE_MAX_BYTES;
}

/* A FIFO without a writer would hold up the loop. */
static FILE *open_plain(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && file == NULL)
		(void)close(fd);
	return file;
}

static enum status read_file(struct place *place, const char *path)
{
	enum status status = STATUS_OK;
	char block[4096]; /* ours, so that it can be wiped */
	FILE *file = open_plain(path);

	if (file == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			log_write(LOG_WARNING,
			    "cannot open %s: %s: let this process read it",
			    path, strerror(errno));
		return STATUS_OK;
	}
	setvbuf(file, block, _IOFBF, sizeof block);
	if (!take_lines(place, file)) {
		log_write(LOG_ERROR,
		    "%s is larger than %d bytes: name a smaller file", path,
		    SHAREDFILE_MAX_BYTES);
		status = STATUS_NO_CREDENTIALS;
	} else if (ferror(file)) {
		log_write(
		    LOG_ERROR, "cannot read %s: %s", path, strerror(errno));
		status = STATUS_NO_CREDENTIALS;
	}
	fclose(file);
	explicit_bzero(block, sizeof block);
	return status;
}

bool sharedfile_path(char out[static SHAREDFILE_PATH_SIZE],
    enum sharedfile file, keys_getenv *getenv)
{
	bool config = file == SHAREDFILE_CONFIG;
	struct slice path = slice_from(
	    getenv(config ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE"));
	struct slice home = {0};
	char room[ENV_HOME_SIZE];

	if (path.len == 0)
		path = config ? SLICE("~/.aws/config")
			      : SLICE("~/.aws/credentials");
	(void)snprintf(out, SHAREDFILE_PATH_SIZE, "%.*s", SLICE_ARG(path));
	if (slice_starts(path, SLICE("~/"))) {
		home = env_home(getenv, room);
		if (home.len == 0)
			return false;
		path = slice_skip(path, 1);
	}
	if (home.len + path.len >= SHAREDFILE_PATH_SIZE)
		return false;
	(void)snprintf(out, SHAREDFILE_PATH_SIZE, "%.*s%.*s", SLICE_ARG(home),
	    SLICE_ARG(path));
	return true;
}

enum status sharedfile_read(
    enum sharedfile file, keys_getenv *getenv, sharedfile_take *take, void *ctx)
{
	struct place place = {.config = file == SHAREDFILE_CONFIG,
	    .kind = SHAREDFILE_OTHER,
	    .take = take,
	    .ctx = ctx};
	char path[SHAREDFILE_PATH_SIZE];

	if (!sharedfile_path(path, file, getenv))
		return STATUS_OK;
	return read_file(&place, path);
}
