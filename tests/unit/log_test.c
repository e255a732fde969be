#include "../../src/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../src/slice.h"
#include "tap.h"

/* Standard error is a pipe; read(2) gives one line a write as long as the
 * reads are as many as the writes. */
static int from = -1, to_stderr = -1;
static char line[4096];

static void set_up(void)
{
	int fds[2];

	to_stderr = dup(STDERR_FILENO);
	if (to_stderr < 0 || pipe2(fds, O_DIRECT | O_NONBLOCK) != 0 ||
	    dup2(fds[1], STDERR_FILENO) < 0)
		abort();
	close(fds[1]);
	from = fds[0];
}

static void tear_down(void)
{
	dup2(to_stderr, STDERR_FILENO);
	close(to_stderr);
	close(from);
}

/* The bytes of the next write, empty if there was none. */
static struct slice next(void)
{
	ssize_t n = read(from, line, sizeof line);

	if (n < 0 && errno != EAGAIN)
		abort();
	return (struct slice){line, n < 0 ? 0 : (size_t)n};
}

static void check_next(struct slice wanted)
{
	struct slice got = next();

	CHECK_SLICE(got, wanted);
}

/* The same, behind the prefix that every line has. */
static void check_words(struct slice prefix, struct slice wanted)
{
	struct slice got = next();
	size_t at = slice_find(got, prefix);

	CHECK(at < got.len);
	got = slice_skip(got, at + prefix.len);
	CHECK_SLICE(got, wanted);
}

TEST(a_line_says_when_who_and_how_bad)
{
	log_init(LOG_INFO, NULL);
	log_write(LOG_ERROR, "no %s", "way");
	check_words(SLICE("Z agentcgi: error: "), SLICE("no way\n"));
	CHECK(strspn(line, "0123456789-T:") == 19);
	CHECK(line[4] == '-' && line[10] == 'T' && line[13] == ':');
	log_write(LOG_WARNING, "w");
	check_words(SLICE("agentcgi: warning: "), SLICE("w\n"));
	log_write(LOG_INFO, "i");
	check_words(SLICE("agentcgi: info: "), SLICE("i\n"));
}

TEST(the_journal_has_its_own_time)
{
	log_init(LOG_DEBUG, "8:12345");
	log_write(LOG_ERROR, "e");
	check_next(SLICE("<3>agentcgi: e\n"));
	log_write(LOG_WARNING, "w");
	check_next(SLICE("<4>agentcgi: w\n"));
	log_write(LOG_INFO, "i");
	check_next(SLICE("<6>agentcgi: i\n"));
	log_write(LOG_DEBUG, "d");
	check_next(SLICE("<7>agentcgi: d\n"));
	log_init(LOG_DEBUG, "");
	log_write(LOG_DEBUG, "d");
	check_words(SLICE("agentcgi: debug: "), SLICE("d\n"));
}

TEST(a_level_bounds_what_is_written)
{
	log_init(LOG_INFO, "1");
	log_write(LOG_DEBUG, "d");
	CHECK(next().len == 0);
	log_set_level(LOG_ERROR);
	log_write(LOG_WARNING, "w");
	CHECK(next().len == 0);
	log_write(LOG_ERROR, "e");
	CHECK(next().len > 0);
	log_set_level(LOG_DEBUG);
	log_write(LOG_DEBUG, "d");
	check_next(SLICE("<7>agentcgi: d\n"));
}

TEST(nobody_can_forge_a_line)
{
	log_init(LOG_INFO, "1");
	log_write(LOG_INFO, "%s", "a\n<3>agentcgi: b\r\x1b[2J\x7f\\x0a\t\x01");
	check_next(SLICE("<6>agentcgi: a\\x0a<3>agentcgi: b\\x0d\\x1b[2J\\x7f"
			 "\\x5cx0a\\x09\\x01\n"));
	CHECK(next().len == 0);
	log_write(LOG_INFO, "%s", "h\xc3\xa9llo \xe4\xb8\x96");
	check_next(SLICE("<6>agentcgi: h\\xc3\\xa9llo \\xe4\\xb8\\x96\n"));
}

TEST(every_control_character_is_escaped)
{
	log_init(LOG_INFO, "1");
	for (int c = 1; c < 0x20; c++) {
		char wanted[40];

		log_write(LOG_INFO, "[%c]", c);
		(void)snprintf(
		    wanted, sizeof wanted, "<6>agentcgi: [\\x%02x]\n", c);
		check_next(slice_from(wanted));
	}
}

static void check_long(char fill)
{
	static char text[3000];

	for (size_t len = 700; len < sizeof text; len += 7) {
		struct slice got;

		memset(text, fill, len);
		text[len] = '\0';
		log_write(LOG_ERROR, "%s", text);
		got = next();
		CHECK(got.len > 700 && got.len <= 1024);
		CHECK(memchr(got.ptr, '\n', got.len) == got.ptr + got.len - 1);
		CHECK(next().len == 0);
	}
}

TEST(a_line_is_one_write_and_bounded)
{
	log_init(LOG_INFO, "1");
	check_long('a');
	check_long('\n');
	check_long('\\');
	log_init(LOG_INFO, NULL);
	check_long('a');
	check_long('\x01');
}

/* Who takes lines instead. */
static char taken[2048];
static size_t taken_lines;

static void take(void *ctx, const char *text)
{
	CHECK(ctx == &taken_lines);
	taken_lines++;
	(void)snprintf(taken, sizeof taken, "%s", text);
}

TEST(lines_can_be_given_to_somebody_else)
{
	static char text[3000];

	log_init(LOG_INFO, NULL);
	log_divert(take, &taken_lines);
	log_write(LOG_WARNING, "no %s\n", "way");
	CHECK_SLICE(slice_from(taken), SLICE("no way\\x0a"));
	log_write(LOG_DEBUG, "quiet");
	CHECK(taken_lines == 1);
	log_set_level(LOG_DEBUG);
	log_write(LOG_DEBUG, "less quiet");
	CHECK(taken_lines == 2);
	CHECK_SLICE(slice_from(taken), SLICE("less quiet"));
	memset(text, '\n', sizeof text - 1);
	log_write(LOG_ERROR, "%s", text);
	CHECK(strlen(taken) > 700 && strlen(taken) < 1024);
	CHECK(next().len == 0);
	log_divert(NULL, NULL);
	log_init(LOG_INFO, "1");
	log_write(LOG_INFO, "i");
	check_next(SLICE("<6>agentcgi: i\n"));
	CHECK(taken_lines == 3);
}

TEST(a_lost_standard_error_stops_nobody)
{
	int saved = dup(STDERR_FILENO);

	close(STDERR_FILENO);
	log_init(LOG_INFO, NULL);
	log_write(LOG_ERROR, "nobody hears this");
	CHECK(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
	close(saved);
	CHECK(next().len == 0);
}

int main(void)
{
	int result;

	set_up();
	result = tap_run();
	tear_down();
	return result;
}
