#include "profile.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>

#include "../log.h"

enum {
	FILE_MAX_BYTES = 256 * 1024, /* thousands of profiles */
	/* A value cut off at this length is too long for any key. */
	LINE_SIZE = 2 * KEYS_MAX_TOKEN,
	PATH_SIZE = PATH_MAX
};

enum value_index {
	ID,
	SECRET,
	TOKEN,
	VALUE_COUNT
};

static const char *const value_names[VALUE_COUNT] = {
    [ID] = "aws_access_key_id",
    [SECRET] = "aws_secret_access_key",
    [TOKEN] = "aws_session_token",
};

/* Settings that get keys from elsewhere. */
enum method {
	ROLE,
	SOURCE_PROFILE,
	SOURCE,
	WEB_IDENTITY,
	PROCESS,
	SSO_SESSION,
	SSO_START_URL,
	LOGIN,
	METHOD_COUNT
};

static const char *const methods[METHOD_COUNT] = {
    [ROLE] = "role_arn",
    [SOURCE_PROFILE] = "source_profile",
    [SOURCE] = "credential_source",
    [WEB_IDENTITY] = "web_identity_token_file",
    [PROCESS] = "credential_process",
    [SSO_SESSION] = "sso_session",
    [SSO_START_URL] = "sso_start_url",
    [LOGIN] = "login_session",
};

struct value {
	char text[LINE_SIZE];
	size_t len;
};

/* What the two files say of one profile.  Holds secrets. */
struct profile {
	struct slice name;
	struct value values[VALUE_COUNT];
	bool found; /* a section has its name */
	bool has_method[METHOD_COUNT];
	bool failed; /* a file may not be used; logged */
};

/* Where in a file the reader is. */
struct place {
	bool config;     /* ~/.aws/config, where sections are [profile x] */
	bool in_profile; /* in the section that is wanted */
	bool nested;     /* below a key without a value */
};

struct reader {
	FILE *file;
	size_t total; /* bytes read so far */
	char line[LINE_SIZE];
	size_t len;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A # or ; begins a comment only at the start or after a blank: secrets and
 * tokens may hold either. */
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

/* Whether what stands between [ and ] means the profile called name. */
static bool names_profile(
    const struct place *place, struct slice header, struct slice name)
{
	struct slice kind = SLICE("profile");

	header = slice_trim(header);
	if (!place->config)
		return slice_equal(unquoted(header), name);
	if (slice_starts(header, kind) && header.len > kind.len &&
	    blank(header.ptr[kind.len]))
		return slice_equal(
		    unquoted(slice_trim(slice_skip(header, kind.len))), name);
	/* [name] alone is the default or not a profile. */
	return slice_equal(header, SLICE("default")) &&
	    slice_equal(name, header);
}

/* A header without its ] ends the section before it all the same, lest its
 * keys be taken for those of another profile. */
static void enter_section(
    struct profile *profile, struct place *place, struct slice line)
{
	place->nested = false;
	place->in_profile = slice_ends(line, SLICE("]")) &&
	    names_profile(place, slice_skip(slice_first(line, line.len - 1), 1),
		profile->name);
	if (place->in_profile)
		profile->found = true;
}

static void set_value(
    struct profile *profile, struct slice name, struct slice text)
{
	for (size_t i = 0; i < VALUE_COUNT; i++) {
		struct value *value = &profile->values[i];

		if (!slice_equal(name, slice_from(value_names[i])))
			continue;
		value->len = slice_first(text, sizeof value->text).len;
		memcpy(value->text, text.ptr, value->len);
	}
	for (size_t i = 0; i < METHOD_COUNT; i++)
		if (slice_equal(name, slice_from(methods[i])))
			profile->has_method[i] = true;
}

static void take_line(
    struct profile *profile, struct place *place, struct slice line)
{
	bool indented = line.len > 0 && blank(line.ptr[0]);
	struct slice name;

	if (slice_ends(line, SLICE("\r")))
		line.len--;
	line = slice_trim(without_comment(line));
	if (slice_starts(line, SLICE("["))) {
		enter_section(profile, place, line);
		return;
	}
	if (!place->in_profile || slice_find(line, SLICE("=")) == line.len)
		return;
	if (place->nested && indented)
		return;
	name = slice_trim(slice_cut(&line, '='));
	line = slice_trim(line);
	place->nested = line.len == 0;
	if (line.len > 0)
		set_value(profile, name, line);
}

/* The next line, without its end and cut off at LINE_SIZE; false after the
 * last and once the file is too large.  Not fgets: a NUL would hide how much
 * was read, and /dev/zero would never end. */
static bool read_line(struct reader *reader)
{
	int c = EOF;

	reader->len = 0;
	while (reader->total <= FILE_MAX_BYTES &&
	    (c = getc(reader->file)) != EOF && c != '\n') {
		reader->total++;
		if (reader->len < LINE_SIZE)
			reader->line[reader->len++] = (char)c;
	}
	reader->total += c == '\n';
	return reader->total <= FILE_MAX_BYTES && (c != EOF || reader->len > 0);
}

/* False if the file is too large. */
static bool take_lines(struct profile *profile, struct place *place, FILE *file)
{
	struct reader reader = {.file = file};

	while (read_line(&reader))
		take_line(profile, place,
		    (struct slice){.ptr = reader.line, .len = reader.len});
	explicit_bzero(reader.line, sizeof reader.line);
	return reader.total <= FILE_MAX_BYTES;
}

/* A file that is missing or unreadable counts as empty. */
static void read_file(struct profile *profile, const char *path, bool config)
{
	struct place place = {.config = config};
	char block[4096]; /* ours, so that it can be wiped */
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		if (errno != ENOENT && errno != ENOTDIR)
			log_write(LOG_WARNING,
			    "cannot open %s: %s: let this process read it",
			    path, strerror(errno));
		return;
	}
	setvbuf(file, block, _IOFBF, sizeof block);
	if (!take_lines(profile, &place, file)) {
		log_write(LOG_ERROR,
		    "%s is larger than %d bytes: name a smaller file", path,
		    FILE_MAX_BYTES);
		profile->failed = true;
	} else if (ferror(file)) {
		log_write(
		    LOG_ERROR, "cannot read %s: %s", path, strerror(errno));
		profile->failed = true;
	}
	fclose(file);
	explicit_bzero(block, sizeof block);
}

/* The file that variable names, or usual; ~/ is $HOME.  False if there is no
 * HOME or the path is too long. */
static bool find_path(char out[static PATH_SIZE], keys_getenv *getenv,
    const char *variable, const char *usual)
{
	struct slice path = slice_from(getenv(variable));
	struct slice home = {0};
	int len;

	if (path.len == 0)
		path = slice_from(usual);
	if (slice_starts(path, SLICE("~/"))) {
		home = slice_from(getenv("HOME"));
		if (home.len == 0)
			return false;
		path = slice_skip(path, 1);
	}
	len = snprintf(
	    out, PATH_SIZE, "%.*s%.*s", SLICE_ARG(home), SLICE_ARG(path));
	return len > 0 && len < PATH_SIZE;
}

/* The credentials file last, as it wins key by key. */
static void read_files(struct profile *profile, keys_getenv *getenv)
{
	char path[PATH_SIZE];

	if (find_path(path, getenv, "AWS_CONFIG_FILE", "~/.aws/config"))
		read_file(profile, path, true);
	if (find_path(path, getenv, "AWS_SHARED_CREDENTIALS_FILE",
		"~/.aws/credentials"))
		read_file(profile, path, false);
}

/* The setting that decides instead of static keys, or NULL.  A role to assume
 * goes before keys that stand beside it, as in the SDKs: they would be those
 * of somebody else. */
static const char *other_method(const struct profile *profile)
{
	const bool *has = profile->has_method;

	if (has[ROLE] && (has[SOURCE_PROFILE] || has[SOURCE]))
		return methods[ROLE];
	if (profile->values[ID].len > 0 || profile->values[SECRET].len > 0)
		return NULL;
	for (size_t i = 0; i < METHOD_COUNT; i++)
		if (has[i])
			return methods[i];
	return NULL;
}

static struct slice value_of(const struct profile *profile, enum value_index i)
{
	const struct value *value = &profile->values[i];

	return (struct slice){.ptr = value->text, .len = value->len};
}

/* STATUS_MORE if the profile says nothing of credentials. */
static enum status take_keys(struct keys *out, const struct profile *profile)
{
	struct slice id = value_of(profile, ID);
	struct slice secret = value_of(profile, SECRET);
	const char *method = other_method(profile);

	if (profile->failed)
		return STATUS_NO_CREDENTIALS;
	if (method != NULL) {
		log_write(LOG_ERROR,
		    "profile %.*s uses %s, which is not "
		    "supported yet: give it static keys (aws configure "
		    "export-credentials prints some)",
		    SLICE_ARG(profile->name), method);
		return STATUS_NO_CREDENTIALS;
	}
	if (id.len == 0 && secret.len == 0)
		return STATUS_MORE;
	if (keys_set(out, id, secret, value_of(profile, TOKEN)))
		return STATUS_OK;
	log_write(LOG_ERROR,
	    "profile %.*s lacks aws_access_key_id or "
	    "aws_secret_access_key, or one of them or aws_session_token is "
	    "too long or holds a blank: write them again",
	    SLICE_ARG(profile->name));
	return STATUS_NO_CREDENTIALS;
}

enum status profile_read(
    struct keys *out, keys_getenv *getenv, const char *name)
{
	struct profile profile = {0};
	bool asked_for;
	enum status status;

	profile.name = slice_from(name != NULL ? name : getenv("AWS_PROFILE"));
	asked_for = profile.name.len > 0;
	if (!asked_for)
		profile.name = SLICE("default");
	read_files(&profile, getenv);
	status = take_keys(out, &profile);
	if (status == STATUS_MORE && asked_for) {
		log_write(LOG_ERROR,
		    profile.found
			? "profile %.*s has no static keys: write "
			  "aws_access_key_id and aws_secret_access_key into it"
			: "profile %.*s is in neither ~/.aws/credentials nor "
			  "~/.aws/config (or the files that "
			  "AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE "
			  "name): add it, and check HOME",
		    SLICE_ARG(profile.name));
		status = STATUS_NO_CREDENTIALS;
	}
	explicit_bzero(&profile, sizeof profile);
	return status;
}
