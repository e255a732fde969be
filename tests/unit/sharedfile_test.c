#include "../../src/credentials/sharedfile.h"

#include <errno.h>
#include <pwd.h>

#include "../../src/buf.h"
#include "aws_files.h"

/* The home of the user, or NULL: nobody knows the user. */
static char *user_home;

/* In place of libc's. */
int getpwuid_r(uid_t uid, struct passwd *user, char *room, size_t size,
    struct passwd **found)
{
	(void)size;
	room[0] = '\0';
	*user = (struct passwd){.pw_uid = uid, .pw_dir = user_home};
	*found = user_home == NULL ? NULL : user;
	return 0;
}

static struct buf heard;

/* "kind|section|key|value\n" for each entry; ! if it was cut. */
static void hear(void *ctx, const struct sharedfile_entry *entry)
{
	CHECK(ctx == &heard);
	buf_addf(&heard, "%d|", (int)entry->kind);
	buf_add(&heard, entry->section);
	buf_add_char(&heard, '|');
	buf_add(&heard, entry->key);
	buf_add_char(&heard, '|');
	buf_add(&heard, entry->value);
	buf_add_text(&heard, entry->cut ? "!\n" : "\n");
}

static enum status read_it(enum sharedfile file)
{
	enum status status;
	FILE *log;
	int saved = log_begin(&log);

	buf_free(&heard);
	buf_init(&heard, 4 << 20);
	status = sharedfile_read(file, fake_getenv, hear, &heard);
	log_end(log, saved);
	return status;
}

static void check(enum sharedfile file, const char *wanted)
{
	CHECK(read_it(file) == STATUS_OK);
	CHECK_SLICE(buf_slice(&heard), slice_from(wanted));
	CHECK(log_text[0] == '\0');
}

static void check_config(const char *text, const char *wanted)
{
	given(text, NULL);
	check(SHAREDFILE_CONFIG, wanted);
}

static void check_credentials(const char *text, const char *wanted)
{
	given(NULL, text);
	check(SHAREDFILE_CREDENTIALS, wanted);
}

TEST(sharedfile_tells_the_kinds_of_sections)
{
	check_config("[default]\na = 1\n[profile work]\nb=2\n"
		     "[sso-session s]\n[services v]\n[work]\nc = 3\n"
		     "[profilework]\n[profile]\n[profile ]\n[]\n[preview x]\n",
	    "0|default||\n0|default|a|1\n0|work||\n0|work|b|2\n"
	    "1|s||\n2|v||\n3|||\n3||c|3\n3|||\n3|||\n3|||\n3|||\n3|||\n");
	check_credentials(
	    "[default]\n[profile work]\n[sso-session s]\n[w]\n[]\n",
	    "0|default||\n0|profile work||\n0|sso-session s||\n0|w||\n3|||\n");
}

TEST(sharedfile_takes_quoted_names)
{
	check_config("[ profile \t'two words' ] # ours\n"
		     "[sso-session \"s\"]\t;x\n[profile \"]\n[profile '']\n"
		     "[profile \"x']\n",
	    "0|two words||\n1|s||\n0|\"||\n3|||\n0|\"x'||\n");
	check_credentials("['a b']\n[\"c]\n", "0|a b||\n0|\"c||\n");
}

TEST(sharedfile_reads_comments_blanks_and_line_ends)
{
	check_credentials("a = before\n# b = 1\r\n; so\r\n\r\n"
			  "[x] ; comment\r\n"
			  "k=AKIAX#1;2 # not this\r\n"
			  "  s\t=\ta=b==\t; nor this\r\n"
			  "no equals sign\r\n#t = no\r\n = nameless\r\n"
			  "t = t",
	    "3||a|before\n0|x||\n0|x|k|AKIAX#1;2\n0|x|s|a=b==\n0|x|t|t\n");
	check_credentials("[x]\r\na = b\r", "0|x||\n0|x|a|b\n");
	check_credentials("", "");
}

TEST(sharedfile_leaves_nested_blocks_out)
{
	check_config("[default]\ns3 =\n  a = nested\n\n\ta = nested\n"
		     "services = # of ours\n  x =\n    a = nested\n"
		     "b = 1\n  c = 2\nd =\n[profile x]\n  e = 3\n",
	    "0|default||\n0|default|b|1\n0|default|c|2\n0|x||\n0|x|e|3\n");
}

TEST(sharedfile_ends_a_section_at_a_broken_header)
{
	char text[1000] = "[w]\na = 1\n[other\nb = 2\n[\nc = 3\n[";

	check_credentials(
	    text, "0|w||\n0|w|a|1\n3|||\n3||b|2\n3|||\n3||c|3\n3|||\n");
	/* A name of 256 bytes is known, one of 257 is not. */
	memset(text, 'n', sizeof text);
	text[0] = '[';
	memcpy(text + 257, "]\n", 3);
	given(NULL, text);
	CHECK(read_it(SHAREDFILE_CREDENTIALS) == STATUS_OK);
	CHECK(heard.len == 2 + 256 + 3 && heard.ptr[0] == '0');
	memcpy(text + 257, "n]\n", 4);
	check_credentials(text, "3|||\n");
}

TEST(sharedfile_passes_a_nul_on)
{
	static const char bytes[] = "[x]\n\0a = b\0c\nd = e\n";
	FILE *file;

	given(NULL, NULL);
	file = fopen(credentials_file, "we");
	if (file == NULL)
		abort();
	fwrite(bytes, 1, sizeof bytes - 1, file);
	fclose(file);
	CHECK(read_it(SHAREDFILE_CREDENTIALS) == STATUS_OK);
	CHECK_SLICE(buf_slice(&heard), SLICE("0|x||\n0|x|\0a|b\0c\n0|x|d|e\n"));
}

/* "k = " and a value of n bytes, then tail. */
static void check_length(size_t n, const char *tail, size_t kept, bool cut)
{
	static char text[20000];
	size_t len = 4;

	memcpy(text, "k = ", len);
	memset(text + len, 'x', n);
	len += n;
	snprintf(text + len, sizeof text - len, "%s\n", tail);
	given(NULL, text);
	CHECK(read_it(SHAREDFILE_CREDENTIALS) == STATUS_OK);
	CHECK(heard.len == strlen("3||k|\n") + kept + cut);
	CHECK((memchr(heard.ptr, '!', heard.len) != NULL) == cut);
}

TEST(sharedfile_cuts_a_value_and_says_so)
{
	static char blanks[9001];

	memset(blanks, ' ', sizeof blanks - 1);
	check_length(4096, "", 4096, false);
	check_length(4096, " # x", 4096, false);
	check_length(4097, "", 4096, true);
	check_length(15000, "", 4096, true);
	/* What is behind the end of the line's buffer may be anything. */
	check_length(10, blanks, 10, true);
	blanks[1] = '#';
	check_length(10, blanks, 10, false);
}

/* A file of n bytes: a comment, then a section. */
static enum status read_long(size_t n)
{
	FILE *file = fopen(credentials_file, "we");

	if (file == NULL)
		abort();
	putc('#', file);
	for (size_t i = 0; i < n - strlen("#\n[x]\n"); i++)
		putc('x', file);
	fputs("\n[x]\n", file);
	fclose(file);
	return read_it(SHAREDFILE_CREDENTIALS);
}

TEST(sharedfile_reads_a_file_up_to_its_limit)
{
	given(NULL, NULL);
	CHECK(read_long(256 * 1024) == STATUS_OK);
	CHECK_SLICE(buf_slice(&heard), SLICE("0|x||\n"));
	CHECK(read_long(256 * 1024 + 1) == STATUS_NO_CREDENTIALS);
	CHECK(logged("is larger than 262144 bytes"));
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", "/dev/zero");
	CHECK(read_it(SHAREDFILE_CONFIG) == STATUS_NO_CREDENTIALS);
	CHECK(logged("/dev/zero is larger than"));
}

TEST(sharedfile_cannot_read_a_directory)
{
	given(NULL, NULL);
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", directory);
	CHECK(read_it(SHAREDFILE_CONFIG) == STATUS_NO_CREDENTIALS);
	CHECK(logged("cannot read"));
}

TEST(sharedfile_warns_of_a_file_it_may_not_open)
{
	char loop[160];

	given(NULL, NULL);
	check(SHAREDFILE_CONFIG, "");
	memset(variables, 0, sizeof variables);
	snprintf(loop, sizeof loop, "%s/loop", directory);
	/* A link to itself cannot be opened, not even by root. */
	CHECK(symlink(loop, loop) == 0);
	set("AWS_CONFIG_FILE", loop);
	CHECK(read_it(SHAREDFILE_CONFIG) == STATUS_OK);
	CHECK(logged("warning: cannot open") && heard.len == 0);
	unlink(loop);
	memset(variables, 0, sizeof variables);
	write_file(config_file, "");
	snprintf(loop, sizeof loop, "%s/x", config_file);
	set("AWS_CONFIG_FILE", loop);
	check(SHAREDFILE_CONFIG, "");
}

static void check_path(enum sharedfile file, bool wanted, const char *path)
{
	char out[SHAREDFILE_PATH_SIZE];

	CHECK(sharedfile_path(out, file, fake_getenv) == wanted);
	CHECK_SLICE(slice_from(out), slice_from(path));
}

TEST(sharedfile_finds_the_home)
{
	static char home[] = "/srv/www";

	memset(variables, 0, sizeof variables);
	user_home = NULL;
	check_path(SHAREDFILE_CONFIG, false, "~/.aws/config");
	check_path(SHAREDFILE_CREDENTIALS, false, "~/.aws/credentials");
	CHECK(read_it(SHAREDFILE_CONFIG) == STATUS_OK);
	user_home = home;
	check_path(SHAREDFILE_CONFIG, true, "/srv/www/.aws/config");
	set("HOME", "");
	check_path(SHAREDFILE_CREDENTIALS, true, "/srv/www/.aws/credentials");
	memset(variables, 0, sizeof variables);
	set("HOME", "/srv/x");
	check_path(SHAREDFILE_CONFIG, true, "/srv/x/.aws/config");
	set("AWS_CONFIG_FILE", "~/c");
	set("AWS_SHARED_CREDENTIALS_FILE", "~c");
	check_path(SHAREDFILE_CONFIG, true, "/srv/x/c");
	check_path(SHAREDFILE_CREDENTIALS, true, "~c");
}

TEST(sharedfile_refuses_a_path_that_is_too_long)
{
	static char text[PATH_MAX + 100];
	char out[SHAREDFILE_PATH_SIZE];

	memset(variables, 0, sizeof variables);
	memset(text, 'p', sizeof text - 1);
	set("AWS_CONFIG_FILE", text);
	CHECK(!sharedfile_path(out, SHAREDFILE_CONFIG, fake_getenv));
	CHECK(strlen(out) == PATH_MAX - 1);
	text[PATH_MAX] = '\0';
	CHECK(!sharedfile_path(out, SHAREDFILE_CONFIG, fake_getenv));
	text[PATH_MAX - 1] = '\0';
	CHECK(sharedfile_path(out, SHAREDFILE_CONFIG, fake_getenv));
	memcpy(text, "~/", 2);
	set("HOME", "/h");
	CHECK(!sharedfile_path(out, SHAREDFILE_CONFIG, fake_getenv));
	text[PATH_MAX - 2] = '\0';
	CHECK(sharedfile_path(out, SHAREDFILE_CONFIG, fake_getenv));
	CHECK(strlen(out) == PATH_MAX - 1);
}

int main(void)
{
	int result = aws_files_run();

	buf_free(&heard);
	return result;
}
