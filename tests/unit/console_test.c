#include "../../src/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "tap.h"

static struct console console;
static int far; /* where what is written can be read */

static void open_pipe(void)
{
	int ends[2];

	CHECK(pipe(ends) == 0);
	far = ends[0];
	console_init(&console, ends[1]);
	CHECK(!console.terminal);
}

/* One that changes nothing itself. */
static void open_terminal(void)
{
	struct termios raw;
	int fd;

	far = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(far >= 0 && grantpt(far) == 0 && unlockpt(far) == 0);
	fd = open(ptsname(far), O_RDWR | O_NOCTTY);
	CHECK(tcgetattr(fd, &raw) == 0);
	cfmakeraw(&raw);
	CHECK(tcsetattr(fd, TCSANOW, &raw) == 0);
	console_init(&console, fd);
	CHECK(console.terminal);
}

static void check_written(struct slice wanted)
{
	char bytes[256];
	struct pollfd there = {.fd = far, .events = POLLIN};
	ssize_t n = 0;

	if (poll(&there, 1, 0) == 1)
		n = read(far, bytes, sizeof bytes);
	CHECK_SLICE(((struct slice){bytes, n > 0 ? (size_t)n : 0}), wanted);
}

static void close_both(void)
{
	(void)close(console.fd);
	(void)close(far);
}

static bool writes(struct slice text)
{
	return console_write(&console, text) == STATUS_OK;
}

#define ODD                         \
	SLICE("a\x1b[1mb\a\xc2\x9b" \
	      "c\x7f\r\td\ne\0f\xff\xe6\x97\xa5\xc2\xa0")

TEST(a_pipe_gets_the_bytes)
{
	open_pipe();
	CHECK(writes(ODD));
	check_written(ODD);
	CHECK(console_end(&console) == STATUS_OK);
	check_written(SLICE(""));
	close_both();
}

TEST(a_terminal_is_not_steered)
{
	open_terminal();
	CHECK(writes(ODD));
	check_written(SLICE("a[1mbc\td\nef\xef\xbf\xbd\xe6\x97\xa5\xc2\xa0"));
	CHECK(writes(SLICE("\x1b\xc2\x80\xc2\x9f")));
	check_written(SLICE(""));
	/* A C1 that is no UTF-8, and half a character. */
	CHECK(writes(SLICE("\x9b\xc2")));
	check_written(SLICE("\xef\xbf\xbd\xef\xbf\xbd"));
	close_both();
}

TEST(a_terminal_gets_its_last_line_ended)
{
	open_terminal();
	CHECK(console_end(&console) == STATUS_OK);
	check_written(SLICE(""));
	CHECK(writes(SLICE("a")) && writes(SLICE("")));
	CHECK(console_end(&console) == STATUS_OK);
	check_written(SLICE("a\n"));
	CHECK(console_end(&console) == STATUS_OK);
	check_written(SLICE(""));
	CHECK(writes(SLICE("b\n\r")) && console_end(&console) == STATUS_OK);
	check_written(SLICE("b\n"));
	close_both();
}

TEST(what_cannot_be_written_is_known)
{
	open_pipe();
	(void)close(console.fd);
	CHECK(console_write(&console, SLICE("a")) == STATUS_CLIENT_GONE);
	CHECK(errno == EBADF);
	(void)close(far);
}

/* A descriptor shared with somebody who made it so; its reader is slow. */
static void *read_slowly(void *all)
{
	char bytes[4096];
	ssize_t n;

	(void)usleep(50000);
	while ((n = read(far, bytes, sizeof bytes)) > 0)
		*(size_t *)all += (size_t)n;
	return NULL;
}

TEST(a_full_descriptor_that_does_not_block_is_waited_for)
{
	static char many[1 << 20];
	size_t all = 0;
	pthread_t reader;

	open_pipe();
	CHECK(fcntl(console.fd, F_SETFL, O_NONBLOCK) == 0);
	CHECK(pthread_create(&reader, NULL, read_slowly, &all) == 0);
	CHECK(writes((struct slice){many, sizeof many}));
	(void)close(console.fd);
	CHECK(pthread_join(reader, NULL) == 0);
	CHECK(all == sizeof many);
	(void)close(far);
}

int main(void)
{
	return tap_run();
}
