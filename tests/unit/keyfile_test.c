#include "../../src/credentials/keyfile.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

/* printf role | sha256sum | cut -c 1-32 */
#define ROLE "4b168d88dc872a7753c2bc35b36a2d42"
/* date -ud 2030-01-31T23:59:59Z +%s */
#define EXPIRES 1896134399
#define DOCUMENT                                                             \
	"{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"s\\\"e/c\"," \
	"\"SessionToken\":\"t==\","                                          \
	"\"Expiration\":\"2030-01-31T23:59:59Z\"}\n"

static char dir[256], path[300];
static const struct slice role = {.ptr = "role", .len = 4};

static struct keys make_keys(void)
{
	struct keys keys = {0};

	CHECK(keys_set(
	    &keys, SLICE("AKIDEXAMPLE"), SLICE("s\"e/c"), SLICE("t==")));
	keys.expires_s = EXPIRES;
	return keys;
}

static void clean(void)
{
	DIR *files = opendir(dir);
	const struct dirent *entry;

	while (files != NULL && (entry = readdir(files)) != NULL)
		if (entry->d_name[0] != '.' &&
		    unlinkat(dirfd(files), entry->d_name, 0) != 0)
			(void)rmdir(path);
	if (files != NULL)
		closedir(files);
}

static size_t count_files(void)
{
	DIR *files = opendir(dir);
	size_t n = 0;

	while (files != NULL && readdir(files) != NULL)
		n++;
	if (files != NULL)
		closedir(files);
	return n - 2;
}

static void write_file(const char *text, size_t len, mode_t mode)
{
	FILE *file;

	clean();
	file = fopen(path, "we");
	if (file == NULL || fwrite(text, 1, len, file) != len ||
	    fclose(file) != 0 || chmod(path, mode) != 0)
		abort();
}

static bool wiped(const struct keys *keys)
{
	const unsigned char *bytes = (const unsigned char *)keys;

	for (size_t i = 0; i < sizeof *keys; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

#define read_at(now_s) read_of(__LINE__, now_s)

/* Whether there are the keys of DOCUMENT; else none are left. */
static bool read_of(int line, int64_t now_s)
{
	struct keys keys, wanted = make_keys();
	bool found;

	memset(&keys, 'x', sizeof keys);
	found = keyfile_read(&keys, dir, role, now_s);
	if (found ? strcmp(keys.id, wanted.id) || strcmp(keys.token, "t==") ||
		    strcmp(keys.secret, wanted.secret) ||
		    keys.expires_s != EXPIRES
		  : !wiped(&keys)) {
		tap_failed = true;
		printf("# line %d: other keys\n", line);
	}
	return found;
}

static bool reads(const char *text)
{
	write_file(text, strlen(text), 0600);
	return read_at(0);
}

TEST(what_is_written_is_read)
{
	struct keys keys = make_keys();
	struct stat st;
	char text[1024];
	FILE *file;
	size_t n;

	CHECK(!read_at(0));
	keyfile_write(dir, role, &keys);
	CHECK(read_at(0));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	file = fopen(path, "re");
	n = file == NULL ? 0 : fread(text, 1, sizeof text, file);
	CHECK(file != NULL && fclose(file) == 0);
	CHECK_SLICE(((struct slice){.ptr = text, .len = n}), SLICE(DOCUMENT));
	CHECK(!keyfile_read(&keys, dir, SLICE("roles"), 0));
	CHECK(log_text[0] == '\0');
}

TEST(another_set_takes_its_place)
{
	struct keys keys = make_keys(), read;

	keyfile_write(dir, role, &keys);
	CHECK(keys_set(&keys, SLICE("B"), SLICE("c"), SLICE("")));
	keys.expires_s = 4102444800; /* 2100 */
	keyfile_write(dir, role, &keys);
	CHECK(keyfile_read(&read, dir, role, EXPIRES));
	CHECK(strcmp(read.id, "B") == 0 && strcmp(read.secret, "c") == 0);
	CHECK(read.token[0] == '\0' && read.expires_s == 4102444800);
	CHECK(count_files() == 1);
}

TEST(the_longest_keys_fit)
{
	struct keys keys = {.expires_s = EXPIRES}, read;

	memset(keys.id, '"', KEYS_MAX_ID);
	memset(keys.secret, '\\', KEYS_MAX_SECRET);
	memset(keys.token, '"', KEYS_MAX_TOKEN);
	keyfile_write(dir, role, &keys);
	CHECK(keyfile_read(&read, dir, role, 0));
	CHECK(strcmp(read.id, keys.id) == 0);
	CHECK(strcmp(read.secret, keys.secret) == 0);
	CHECK(strcmp(read.token, keys.token) == 0);
}

TEST(keys_that_expire_are_not_there)
{
	write_file(DOCUMENT, strlen(DOCUMENT), 0600);
	CHECK(read_at(EXPIRES - 61));
	CHECK(!read_at(EXPIRES - 60));
	CHECK(!read_at(EXPIRES + 60));
}

TEST(keys_without_an_expiry_are_not_kept)
{
	struct keys keys = make_keys();

	clean();
	keys.expires_s = 0;
	keyfile_write(dir, role, &keys);
	CHECK(count_files() == 0);
	CHECK(!reads("{\"AccessKeyId\":\"AKIDEXAMPLE\","
		     "\"SecretAccessKey\":\"s\\\"e/c\","
		     "\"SessionToken\":\"t==\"}"));
}

/* They would be read as others. */
TEST(keys_that_are_no_text_are_not_kept)
{
	struct keys keys = make_keys();

	clean();
	keys.secret[0] = '\xff';
	keyfile_write(dir, role, &keys);
	CHECK(count_files() == 0);
	CHECK(logged("cannot be written as JSON") && !logged("AKID"));
	log_forget();
}

TEST(what_is_no_such_document_is_not_there)
{
	static const char *const texts[] = {"", "{", "[]", "null", "{}",
	    "{\"AccessKeyId\":1}", DOCUMENT "x", DOCUMENT DOCUMENT,
	    "{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"s\","
	    "\"Expiration\":\"soon\"}",
	    "{\"AccessKeyId\":\"a b\",\"SecretAccessKey\":\"s\","
	    "\"Expiration\":\"2030-01-31T23:59:59Z\"}"};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		CHECK(!reads(texts[i]));
	CHECK(reads(DOCUMENT));
	for (size_t n = 0; n < strlen(DOCUMENT) - 1; n++) {
		write_file(DOCUMENT, n, 0600);
		CHECK(!read_at(0));
	}
}

TEST(a_file_has_its_limit)
{
	char text[16385];

	memset(text, ' ', sizeof text);
	memcpy(text, DOCUMENT, strlen(DOCUMENT));
	write_file(text, 16384, 0600);
	CHECK(read_at(0));
	write_file(text, 16385, 0600);
	CHECK(!read_at(0));
}

TEST(a_file_that_others_may_touch_is_refused)
{
	for (mode_t bit = 1; bit <= 040; bit *= 2) {
		write_file(DOCUMENT, strlen(DOCUMENT), 0600 | bit);
		CHECK(!read_at(0));
	}
	write_file(DOCUMENT, strlen(DOCUMENT), 0600);
	CHECK(read_at(0));
	/* Only root can give a file away. */
	if (geteuid() == 0) {
		CHECK(chown(path, 1, (gid_t)-1) == 0);
		CHECK(!read_at(0));
	}
}

TEST(what_is_no_plain_file_is_refused)
{
	struct keys keys = make_keys();
	char other[300];

	(void)snprintf(other, sizeof other, "%s/other", dir);
	write_file(DOCUMENT, strlen(DOCUMENT), 0600);
	CHECK(rename(path, other) == 0 && symlink("other", path) == 0);
	CHECK(!read_at(0));
	/* The link goes, not what it points to. */
	CHECK(truncate(other, 0) == 0);
	keyfile_write(dir, role, &keys);
	CHECK(read_at(0) && truncate(other, 0) == 0 && read_at(0));
	clean();
	CHECK(mkfifo(path, 0600) == 0);
	CHECK(!read_at(0));
	clean();
	CHECK(mkdir(path, 0700) == 0);
	CHECK(!read_at(0));
	keyfile_write(dir, role, &keys);
	CHECK(logged("irectory") && log_last == LOG_WARNING);
	log_forget();
	CHECK(count_files() == 1);
	clean();
}

/* Neither read nor written, and told when written. */
static void refused(const char *where, const char *why)
{
	struct keys keys = make_keys();

	log_forget();
	CHECK(!keyfile_read(&keys, where, role, 0));
	CHECK(wiped(&keys) && log_text[0] == '\0');
	keys = make_keys();
	keyfile_write(where, role, &keys);
	CHECK(logged(why) && log_last == LOG_WARNING);
	CHECK(!logged("AKID") && !logged("role"));
	if (!logged(why))
		printf("# %s\n", log_text);
	log_forget();
}

TEST(a_directory_that_others_may_write_to_is_refused)
{
	write_file(DOCUMENT, strlen(DOCUMENT), 0600);
	CHECK(chmod(dir, 0702) == 0);
	refused(dir, "others may write to it");
	CHECK(chmod(dir, 0720) == 0);
	refused(dir, "others may write to it");
	CHECK(chmod(dir, 01777) == 0);
	CHECK(read_at(0));
	CHECK(chmod(dir, 0755) == 0);
	CHECK(read_at(0));
	if (geteuid() == 0) {
		CHECK(chown(dir, 1, (gid_t)-1) == 0);
		refused(dir, "belongs to another user");
		CHECK(chown(dir, 0, (gid_t)-1) == 0);
	}
	CHECK(chmod(dir, 0700) == 0);
	clean();
}

TEST(where_nothing_can_be_written_it_says_so)
{
	struct keys keys = make_keys();
	char longest[5000];

	write_file("", 0, 0600);
	refused(path, "Not a directory");
	refused("/proc/none", "No such file");
	refused("/proc", ": ");
	memset(longest, '/', sizeof longest);
	longest[4095 - 1] = '\0'; /* PATH_MAX, less the NUL; then no room */
	refused(longest, "name too long");
	keyfile_write("", role, &keys);
	CHECK(!keyfile_read(&keys, "", role, 0));
	CHECK(log_text[0] == '\0');
	clean();
}

TEST(without_memory_there_is_nothing)
{
	struct keys keys = make_keys();
	bool done = false;

	for (size_t n = 0; !done && n < 100; n++) {
		clean();
		log_forget();
		alloc_fail_at(n);
		keyfile_write(dir, role, &keys);
		done = !alloc_failed();
		CHECK(count_files() == (log_text[0] == '\0'));
		CHECK(!logged("AKID"));
	}
	CHECK(done && log_text[0] == '\0');
	CHECK(read_at(0));
	clean();
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	int result;

	(void)snprintf(
	    dir, sizeof dir, "%s/keyfile.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof path, "%s/keys-%s", dir, ROLE);
	result = tap_run();
	clean();
	(void)rmdir(dir);
	return result;
}
