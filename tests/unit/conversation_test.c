#include "../../src/conversation.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

/* printf 'chat\0s1' | sha256sum */
#define CHAT_S1 \
	"f7be40f60c8c2afbdfa000f9a0ffa59e7e18501ab2eb10a27d6100dec9367bc1"
#define HOUR 3600
#define TURN(n)                                                    \
	"{\"role\":\"user\",\"content\":[{\"text\":\"q" n "\"}]}," \
	"{\"role\":\"assistant\",\"content\":[{\"text\":\"a" n "\"}]}"

static char state_dir[256], kept[300], file[400];
static int64_t now; /* as the file system has it */
static struct conversation_id id = {
    .state_dir = state_dir, .agent = "chat", .session = "s1"};

static size_t count_files(void)
{
	DIR *dir = opendir(kept);
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2;
}

static void clean(void)
{
	DIR *dir = opendir(kept);
	const struct dirent *entry;

	if (dir == NULL) {
		unlink(kept);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	closedir(dir);
	rmdir(kept);
}

/* An empty state directory, and nothing in the log. */
static struct conversations *begin(void)
{
	struct conversations *all = conversation_all_new();

	clean();
	log_forget();
	now = time(NULL);
	if (all == NULL)
		abort();
	return all;
}

static void keep(struct conversations *all, const char *turn)
{
	conversation_keep(all, &id, now, slice_from(turn));
}

#define says(all, wanted) says_at(__LINE__, all, wanted)

static void says_at(int line, struct conversations *all, const char *wanted)
{
	struct buf out;

	buf_init(&out, 2 * CONVERSATION_MAX);
	CHECK(conversation_add(all, &id, now, &out) == STATUS_OK);
	CHECK(buf_status(&out) == STATUS_OK);
	tap_check_slice(__FILE__, line, buf_slice(&out), slice_from(wanted));
	buf_free(&out);
}

/* What another process finds. */
#define others_say(wanted) others_say_at(__LINE__, wanted)

static void others_say_at(int line, const char *wanted)
{
	struct conversations *other = conversation_all_new();

	says_at(line, other, wanted);
	conversation_all_free(other);
}

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *to = fopen(path, "we");

	if (to == NULL || fwrite(text, 1, len, to) != len || fclose(to) != 0)
		abort();
}

/* The file as a crash or somebody else has left it. */
static void given(const char *text)
{
	(void)mkdir(kept, 0700);
	write_file(file, text, strlen(text));
}

static void file_is(const char *wanted)
{
	static char text[2 << 20];
	FILE *from = fopen(file, "re");
	size_t n = from == NULL ? 0 : fread(text, 1, sizeof text, from);

	if (from != NULL)
		fclose(from);
	CHECK_SLICE(
	    ((struct slice){.ptr = text, .len = n}), slice_from(wanted));
}

static void set_age(const char *path, int64_t seconds)
{
	struct timespec times[2] = {
	    {.tv_sec = now - seconds}, {.tv_sec = now - seconds}};

	if (utimensat(AT_FDCWD, path, times, 0) != 0)
		abort();
}

/* A turn of len bytes, which begins with letter. */
static char *long_turn(char letter, size_t len)
{
	char *turn = malloc(len + 1);
	int n;

	if (turn == NULL)
		abort();
	n = snprintf(turn, len, "{\"%c\":\"", letter);
	memset(turn + n, letter, len - (size_t)n);
	memcpy(turn + len - 5, "\"},{}", 6);
	return turn;
}

TEST(nothing_was_said_at_first)
{
	struct conversations *all = begin();

	says(all, "");
	says(all, "");
	CHECK(access(kept, F_OK) != 0);
	conversation_all_free(all);
	conversation_all_free(NULL);
	CHECK(log_text[0] == '\0');
}

TEST(turns_are_kept_in_a_file_of_their_session)
{
	struct conversations *all = begin();
	struct stat st;

	keep(all, TURN("1"));
	file_is(TURN("1") "\n");
	says(all, TURN("1"));
	keep(all, TURN("2"));
	says(all, TURN("1") "," TURN("2"));
	file_is(TURN("1") "\n" TURN("2") "\n");
	CHECK(stat(kept, &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(stat(file, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(count_files() == 1);
	others_say(TURN("1") "," TURN("2"));
	conversation_all_free(all);
	CHECK(log_text[0] == '\0');
}

TEST(sessions_and_agents_are_apart)
{
	struct conversations *all = begin();

	keep(all, TURN("1"));
	id.session = "s2";
	says(all, "");
	keep(all, TURN("2"));
	id.agent = "cha";
	id.session = "ts2";
	says(all, "");
	id.agent = "chat";
	id.session = "s1";
	says(all, TURN("1"));
	CHECK(count_files() == 2);
	conversation_all_free(all);
}

TEST(turns_of_another_process_are_seen)
{
	struct conversations *all = begin(), *other = conversation_all_new();

	keep(all, TURN("1"));
	says(all, TURN("1"));
	keep(other, TURN("2"));
	says(all, TURN("1") "," TURN("2"));
	/* Neither has looked since the other wrote. */
	keep(all, TURN("3"));
	keep(other, TURN("4"));
	keep(all, TURN("5"));
	says(other,
	    TURN("1") "," TURN("2") "," TURN("3") "," TURN("4") "," TURN("5"));
	says(all,
	    TURN("1") "," TURN("2") "," TURN("3") "," TURN("4") "," TURN("5"));
	CHECK(unlink(file) == 0);
	says(all, "");
	keep(other, TURN("6"));
	says(other, TURN("6"));
	conversation_all_free(all);
	conversation_all_free(other);
}

/* Four processes at once in one session: each turn is whole. */
TEST(processes_do_not_mix_their_turns)
{
	struct conversations *all = begin();
	char *turn = long_turn('t', 900);
	struct buf out;
	size_t n = 1;

	for (int i = 0; i < 4; i++) {
		pid_t child = fork();

		if (child < 0)
			abort();
		if (child > 0)
			continue;
		for (int k = 0; k < 50; k++)
			keep(all, turn);
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		int status = 1;

		CHECK(wait(&status) > 0 && status == 0);
	}
	buf_init(&out, CONVERSATION_MAX);
	CHECK(conversation_add(all, &id, now, &out) == STATUS_OK);
	CHECK(out.len == 200 * 901 - 1);
	for (size_t at = 0; at < out.len; at += 901, n++)
		CHECK(memcmp(out.ptr + at, turn, 900) == 0);
	CHECK(n == 201);
	buf_free(&out);
	free(turn);
	conversation_all_free(all);
	CHECK(log_text[0] == '\0');
}

TEST(a_line_that_is_no_turn_is_skipped)
{
	static const char *const lines[] = {"", "x", "{}", "{},", "{},{},{}",
	    "[],{}", "{},1", "{\"a\":1", "],[", "{}],[{}", "{},{}]", "{} {}",
	    "{},{\"a\":\"\xff\"}", TURN("7") TURN("8")};
	struct conversations *all = begin();
	char text[2000];

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		(void)snprintf(text, sizeof text, "%s\n%s\n%s\n%s", TURN("1"),
		    lines[i], TURN("2"), lines[i]);
		given(text);
		others_say(TURN("1") "," TURN("2"));
	}
	given("nothing\nat all\n");
	says(all, "");
	conversation_all_free(all);
}

/* At every cut of the last turn, the next is a line of its own. */
TEST(a_turn_after_a_torn_one_is_not_lost)
{
	struct conversations *all = begin();
	char text[500];

	for (size_t n = 1; n <= strlen(TURN("2")); n++) {
		(void)snprintf(text, sizeof text, "%s\n%.*s", TURN("1"), (int)n,
		    TURN("2"));
		given(text);
		says(all, TURN("1"));
		keep(all, TURN("3"));
		/* Only its newline was missing. */
		others_say(n == strlen(TURN("2"))
			? TURN("1") "," TURN("2") "," TURN("3")
			: TURN("1") "," TURN("3"));
	}
	conversation_all_free(all);
}

/* All of the turns, as far as they fit. */
TEST(the_oldest_turns_are_left_out)
{
	struct conversations *all = begin();
	char *half = long_turn('h', CONVERSATION_MAX / 2);
	char *rest = long_turn('r', CONVERSATION_MAX / 2 - 1);
	char *most = long_turn('m', CONVERSATION_MAX);
	char *wanted = malloc(CONVERSATION_MAX + 1);

	if (wanted == NULL)
		abort();
	(void)snprintf(wanted, CONVERSATION_MAX + 1, "%s,%s", half, rest);
	for (int i = 0; i < 2; i++) {
		keep(all, TURN("1"));
		keep(all, half);
		keep(all, rest);
		says(all, wanted);
		others_say(wanted);
		keep(all, TURN("2"));
		(void)snprintf(
		    wanted, CONVERSATION_MAX + 1, "%s,%s", rest, TURN("2"));
		says(all, wanted);
		others_say(wanted);
		(void)snprintf(
		    wanted, CONVERSATION_MAX + 1, "%s,%s", half, rest);
	}
	keep(all, most);
	says(all, most);
	others_say(most);
	free(half);
	free(rest);
	free(most);
	free(wanted);
	conversation_all_free(all);
}

/* One byte off, at the beginning of what is read of a file. */
TEST(a_long_file_is_read_from_a_whole_line)
{
	for (size_t n = CONVERSATION_MAX - 2; n <= CONVERSATION_MAX + 3; n++) {
		struct conversations *all = begin();
		char *turn = long_turn('t', n);
		char *text = malloc(n + 300);

		if (text == NULL)
			abort();
		(void)snprintf(text, n + 300, "%s\n%s\n", TURN("1"), turn);
		given(text);
		says(all, n <= CONVERSATION_MAX ? turn : "");
		free(turn);
		free(text);
		conversation_all_free(all);
	}
}

TEST(a_turn_that_is_too_long_is_not_kept)
{
	struct conversations *all = begin();
	char *turn = long_turn('t', CONVERSATION_MAX + 1);

	keep(all, TURN("1"));
	keep(all, turn);
	CHECK(logged("262145 bytes") && log_last == LOG_INFO);
	CHECK(!logged("ttt"));
	says(all, TURN("1"));
	file_is(TURN("1") "\n");
	free(turn);
	conversation_all_free(all);
}

TEST(a_file_that_has_grown_is_made_anew)
{
	struct conversations *all = begin();
	char *turn = long_turn('t', CONVERSATION_MAX / 4 - 1);
	struct stat st;
	off_t largest = 0;

	for (int i = 0; i < 40; i++) {
		keep(all, turn);
		CHECK(stat(file, &st) == 0);
		CHECK(st.st_size <= 4 * (off_t)CONVERSATION_MAX);
		CHECK((st.st_mode & 07777) == 0600);
		if (st.st_size > largest)
			largest = st.st_size;
	}
	CHECK(largest == 4 * (off_t)CONVERSATION_MAX);
	CHECK(count_files() == 1);
	keep(all, TURN("1"));
	turn[CONVERSATION_MAX / 8] = 'u';
	keep(all, turn);
	for (int i = 0; i < 2; i++) {
		struct buf out;

		buf_init(&out, CONVERSATION_MAX);
		CHECK(conversation_add(all, &id, now, &out) == STATUS_OK);
		CHECK(slice_ends(buf_slice(&out), slice_from(turn)));
		CHECK(slice_find(buf_slice(&out), SLICE(TURN("1"))) < out.len);
		buf_free(&out);
		conversation_all_free(all);
		all = conversation_all_new();
	}
	free(turn);
	conversation_all_free(all);
}

TEST(an_old_conversation_is_forgotten)
{
	struct conversations *all = begin();

	keep(all, TURN("1"));
	says(all, TURN("1"));
	set_age(file, 8 * HOUR - 60);
	says(all, TURN("1"));
	set_age(file, 8 * HOUR);
	says(all, "");
	CHECK(access(file, F_OK) != 0);
	/* The next turn is the first of another. */
	keep(all, TURN("2"));
	set_age(file, 9 * HOUR);
	keep(all, TURN("3"));
	file_is(TURN("3") "\n");
	says(all, TURN("3"));
	now += 9 * HOUR;
	says(all, "");
	CHECK(count_files() == 0);
	conversation_all_free(all);
}

/* Files of other conversations: "old" if not to be removed. */
static void make_others(size_t n, size_t from)
{
	char path[500];

	for (size_t i = from; i < from + n; i++) {
		(void)snprintf(path, sizeof path, "%s/%064zx.%s", kept, i,
		    i % 2 ? "jsonl" : "abcdefg");
		write_file(path, "", 0);
		set_age(path, 9 * HOUR);
	}
}

TEST(old_files_are_swept_some_at_a_time)
{
	struct conversations *all = begin();
	char path[500];
	size_t left;

	given("");
	(void)snprintf(path, sizeof path, "%s/README", kept);
	write_file(path, "", 0);
	set_age(path, 9 * HOUR);
	make_others(2200, 0);
	keep(all, TURN("1"));
	left = count_files();
	CHECK(left >= 1202 && left < 1400);
	keep(all, TURN("2"));
	left = count_files();
	CHECK(left >= 202 && left < 400);
	/* To the end, and then not for an hour. */
	keep(all, TURN("3"));
	keep(all, TURN("4"));
	CHECK(count_files() == 2);
	make_others(3, 5);
	now += HOUR - 1;
	keep(all, TURN("5"));
	CHECK(count_files() == 5);
	now += 1;
	keep(all, TURN("6"));
	CHECK(count_files() == 2);
	make_others(1500, 5);
	now += HOUR;
	keep(all, TURN("7"));
	conversation_all_free(all); /* in the midst of it */
	CHECK(access(path, F_OK) == 0 && access(file, F_OK) == 0);
	CHECK(log_text[0] == '\0');
}

/* Works on without files, and says so once. */
static void memory_alone(const char *why)
{
	struct conversations *all = conversation_all_new();

	log_forget();
	says(all, "");
	keep(all, TURN("1"));
	if (why != NULL && (!logged(why) || log_last != LOG_WARNING)) {
		printf("# %s\n", log_text);
		CHECK(false);
	}
	CHECK(why == NULL || logged(id.state_dir));
	CHECK((why == NULL) == (log_text[0] == '\0'));
	log_forget();
	says(all, TURN("1"));
	keep(all, TURN("2"));
	says(all, TURN("1") "," TURN("2"));
	CHECK(log_text[0] == '\0');
	now += 7 * HOUR;
	says(all, TURN("1") "," TURN("2"));
	now += 8 * HOUR;
	says(all, "");
	now -= 15 * HOUR;
	conversation_all_free(all);
}

TEST(without_a_directory_memory_serves)
{
	char path[300];
	char longest[5000];

	conversation_all_free(begin());
	id.state_dir = "";
	memory_alone(NULL);
	(void)snprintf(path, sizeof path, "%s/none", state_dir);
	id.state_dir = path;
	memory_alone("/none/conversations: No such file");
	id.state_dir = "/proc/self";
	memory_alone("/proc/self/conversations: ");
	memset(longest, '/', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	id.state_dir = longest;
	memory_alone("name too long");
	(void)snprintf(path, sizeof path, "%s/plain", state_dir);
	write_file(path, "", 0);
	id.state_dir = path;
	memory_alone("Not a directory");
	CHECK(unlink(path) == 0);
	id.state_dir = state_dir;
	write_file(kept, "", 0);
	memory_alone("Not a directory");
	CHECK(unlink(kept) == 0 && symlink("/tmp", kept) == 0);
	memory_alone(": ");
	CHECK(unlink(kept) == 0 && mkdir(kept, 0700) == 0);
	CHECK(chmod(kept, 0720) == 0);
	memory_alone("Operation not permitted");
	CHECK(chmod(kept, 0702) == 0);
	memory_alone("Operation not permitted");
	CHECK(count_files() == 0);
	/* Files of others only root can make. */
	if (geteuid() != 0)
		return;
	CHECK(chmod(kept, 0700) == 0 && chown(kept, 1, 1) == 0);
	memory_alone("Operation not permitted");
}

/* Nor written; our own takes its place once memory has two turns.  That is
 * then old. */
static void replaced(const char *why)
{
	memory_alone(why);
	CHECK(access(file, F_OK) != 0 && count_files() <= 1);
}

TEST(only_a_file_of_our_own_is_read)
{
	char other[400];
	struct stat st;

	conversation_all_free(begin());
	(void)snprintf(other, sizeof other, "%s/other", kept);
	CHECK(mkdir(kept, 0700) == 0);
	write_file(other, TURN("9") "\n", strlen(TURN("9")) + 1);
	CHECK(symlink("other", file) == 0);
	replaced(": ");
	CHECK(stat(other, &st) == 0 &&
	    st.st_size == (off_t)strlen(TURN("9")) + 1);
	CHECK(mkfifo(file, 0600) == 0);
	replaced("Operation not permitted");
	CHECK(mkdir(file, 0700) == 0);
	memory_alone("directory");
	CHECK(rmdir(file) == 0);
	if (geteuid() != 0)
		return;
	given(TURN("9") "\n");
	CHECK(chown(file, 1, 1) == 0);
	replaced("Operation not permitted");
}

TEST(what_memory_has_gets_into_the_file_once_it_can)
{
	struct conversations *all = begin();

	keep(all, TURN("1"));
	says(all, TURN("1"));
	CHECK(chmod(kept, 0702) == 0);
	keep(all, TURN("2"));
	CHECK(logged("conversations: Operation not permitted"));
	says(all, TURN("1") "," TURN("2"));
	CHECK(chmod(kept, 0700) == 0);
	file_is(TURN("1") "\n");
	says(all, TURN("1") "," TURN("2"));
	keep(all, TURN("3"));
	file_is(TURN("1") "\n" TURN("2") "\n" TURN("3") "\n");
	keep(all, TURN("4"));
	says(all, TURN("1") "," TURN("2") "," TURN("3") "," TURN("4"));
	others_say(TURN("1") "," TURN("2") "," TURN("3") "," TURN("4"));
	CHECK(count_files() == 1);
	conversation_all_free(all);
}

/* The least recently used go first. */
TEST(memory_has_its_limit)
{
	struct conversations *all = begin();
	char *turn = long_turn('t', CONVERSATION_MAX);
	char name[8];

	id.state_dir = "";
	id.session = "first";
	keep(all, TURN("1"));
	id.session = "used";
	keep(all, TURN("2"));
	/* Each takes at least a quarter of a MiB, and at most half of one. */
	for (int i = 0; i < 120; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		id.session = name;
		keep(all, turn);
		id.session = "used";
		says(all, TURN("2"));
	}
	for (int i = 120; i < 260; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		id.session = name;
		keep(all, turn);
	}
	says(all, turn);
	id.session = "258";
	says(all, turn);
	id.session = "0";
	says(all, "");
	id.session = "first";
	says(all, "");
	conversation_all_free(all);
	all = begin();
	id.session = "used";
	keep(all, TURN("1"));
	keep(all, TURN("2"));
	now += 8 * HOUR;
	id.session = "another";
	keep(all, TURN("3"));
	id.session = "used";
	says(all, "");
	id.session = "s1";
	id.state_dir = state_dir;
	free(turn);
	conversation_all_free(all);
}

/* What is kept in spite of it is whole. */
static void out_of_memory(struct conversations *all, size_t n)
{
	struct buf out;
	enum status status;

	buf_init(&out, 4096);
	alloc_fail_at(n);
	status = conversation_add(all, &id, now, &out);
	(void)alloc_failed();
	CHECK(status == STATUS_OK || status == STATUS_NO_MEMORY);
	if (status == STATUS_OK && buf_status(&out) == STATUS_OK)
		CHECK_SLICE(buf_slice(&out), SLICE(TURN("1")));
	buf_free(&out);
	alloc_fail_at(n);
	keep(all, TURN("2"));
	if (!alloc_failed())
		CHECK(log_text[0] == '\0');
}

TEST(without_memory_it_says_so_and_leaks_nothing)
{
	struct conversations *all = begin();

	alloc_fail_at(0);
	CHECK(conversation_all_new() == NULL);
	CHECK(alloc_failed());
	for (size_t n = 0; n < 12; n++) {
		given(TURN("1") "\n");
		log_forget();
		out_of_memory(all, n);
		CHECK(n > 0 || logged("no memory is left"));
		conversation_all_free(all);
		all = conversation_all_new();
	}
	CHECK(log_text[0] == '\0');
	says(all, TURN("1") "," TURN("2"));
	conversation_all_free(all);
}

TEST(no_word_gets_into_the_log)
{
	struct conversations *all = begin();

	given("secret\n");
	says(all, "");
	CHECK(mkdir(file, 0700) != 0);
	keep(all, TURN("secret"));
	CHECK(!logged("secret"));
	conversation_all_free(all);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	int result;

	(void)snprintf(state_dir, sizeof state_dir, "%s/conversation.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(state_dir) == NULL)
		return 1;
	(void)snprintf(kept, sizeof kept, "%s/conversations", state_dir);
	(void)snprintf(file, sizeof file, "%s/%s.jsonl", kept, CHAT_S1);
	result = tap_run();
	clean();
	(void)rmdir(state_dir);
	return result;
}
