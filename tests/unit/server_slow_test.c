/* server: requests that come in pieces, and slowly. */
#include "server_play.h"

static void *slow_request(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, 0, SLICE("Hello"), 1);
	CHECK(hear(fd) == 18 + 5 && is_closed(fd));
	close(fd);
	return tell();
}

TEST(a_request_that_comes_slowly)
{
	begin();
	serve(slow_request);
	CHECK(handled == 1 && last_read == STATUS_OK);
	finish();
}

enum {
	MANY = 50,
	LARGE = 60000,
	HALF = LARGE / 2
};

static char large[LARGE];
static size_t handled_before; /* the rest of the slow ones came */

static void *slow_large_ones(void *arg)
{
	struct slice body = {large, sizeof large};
	int fds[MANY];

	for (size_t i = 0; i < MANY; i++) {
		fds[i] = dial();
		post_part(fds[i], 0, body, 0, HALF);
	}
	for (int i = 0; i < 3; i++) {
		int fd = dial();

		post(fd, 0, SLICE("Hello"), SIZE_MAX);
		CHECK(hear(fd) == 18 + 5);
		close(fd);
	}
	handled_before = handled;
	for (size_t i = 0; i < MANY; i++)
		post_part(fds[i], 0, body, HALF, SIZE_MAX);
	for (size_t i = 0; i < MANY; i++) {
		CHECK(hear(fds[i]) == 18 + LARGE && is_closed(fds[i]));
		close(fds[i]);
	}
	(void)arg;
	return tell();
}

TEST(many_slow_requests_delay_nobody)
{
	begin();
	serve(slow_large_ones);
	CHECK(handled_before == 3);
	CHECK(handled == 3 + MANY && last_read == STATUS_OK);
	CHECK(server_busy(server) == 0);
	finish();
}

/* In pieces of which a socket holds several, but never the whole. */
static void *larger_than_the_socket(void *arg)
{
	struct slice body = {large, sizeof large};
	int fd = dial();

	(void)arg;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){16384}, sizeof(int));
	for (int i = 0; i < 3; i++) {
		post(fd, FASTCGI_KEEP, body, 4096);
		CHECK(hear(fd) == 18 + LARGE);
	}
	close(fd);
	return tell();
}

TEST(a_request_larger_than_the_socket_holds)
{
	begin();
	serve(larger_than_the_socket);
	CHECK(handled == 3 && last_read == STATUS_OK);
	finish();
}

static void *breaks_off(void *arg)
{
	int fd = dial();

	(void)arg;
	post_part(fd, FASTCGI_KEEP, (struct slice){large, LARGE}, 0, HALF);
	(void)shutdown(fd, SHUT_WR);
	CHECK(hear(fd) >= 18 && is_closed(fd));
	close(fd);
	return tell();
}

TEST(a_body_that_breaks_off_is_answered)
{
	begin();
	serve(breaks_off);
	CHECK(handled == 1 && last_read == STATUS_REQUEST_CUT);
	CHECK(server_busy(server) == 0);
	finish();
}

static int drained_fds[2]; /* says that server_drain was called */

/* One parked, one kept that has begun again, one new that has begun. */
static void *drained(void *arg)
{
	struct slice body = {large, sizeof large};
	int fds[3];
	char byte;

	(void)arg;
	for (size_t i = 0; i < 3; i++)
		fds[i] = dial();
	for (size_t i = 0; i < 2; i++) {
		post(fds[i], FASTCGI_KEEP, SLICE("Hello"), SIZE_MAX);
		CHECK(hear(fds[i]) == 18 + 5);
	}
	for (size_t i = 1; i < 3; i++)
		post_part(fds[i], FASTCGI_KEEP, body, 0, HALF);
	tell();
	CHECK(read(drained_fds[0], &byte, 1) == 1);
	CHECK(is_closed(fds[0]));
	for (size_t i = 1; i < 3; i++) {
		post_part(fds[i], FASTCGI_KEEP, body, HALF, SIZE_MAX);
		CHECK(hear(fds[i]) == 18 + LARGE && is_closed(fds[i]));
	}
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
	return tell();
}

TEST(a_drain_lets_what_has_begun_finish)
{
	pthread_t thread;

	begin();
	if (pipe2(drained_fds, O_CLOEXEC) != 0 ||
	    pthread_create(&thread, NULL, drained, NULL) != 0)
		abort();
	loop_run(loop);
	CHECK(handled == 2 && server_busy(server) == 2);
	server_drain(server);
	quiet = 0;
	CHECK(write(drained_fds[1], "", 1) == 1);
	loop_run(loop);
	(void)pthread_join(thread, NULL);
	CHECK(handled == 4 && server_busy(server) == 0 && quiet == 1);
	close(drained_fds[0]);
	close(drained_fds[1]);
	finish();
}

int main(void)
{
	return play_all();
}
