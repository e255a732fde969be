#include "alloc.h"
#include "server_play.h"

TEST(one_request_one_answer)
{
	begin();
	serve(one_request);
	CHECK(handled == 1 && last_read == STATUS_OK && quiet > 0);
	CHECK(busy_at_quiet == 0 && server_busy(server) == 0);
	finish();
}

static void *kept_requests(void *arg)
{
	int fd = dial();

	(void)arg;
	for (int i = 0; i < 5; i++) {
		post(fd, FASTCGI_KEEP, SLICE("Hello"), i == 3 ? 1 : SIZE_MAX);
		CHECK(hear(fd) == 18 + 5);
	}
	tell();
	CHECK(is_closed(fd));
	close(fd);
	return NULL;
}

TEST(a_connection_is_kept_until_it_is_drained)
{
	pthread_t thread;

	begin();
	if (pthread_create(&thread, NULL, kept_requests, NULL) != 0)
		abort();
	loop_run(loop);
	CHECK(handled == 5 && server_busy(server) == 0);
	server_drain(server);
	(void)pthread_join(thread, NULL);
	finish();
}

static void *broken_ones(void *arg)
{
	static const char *const wrong[] = {
	    "GET / HTTP/1.1\r\n\r\n", "\1\1", "\2", "\1\5\0\1\0\0\0"};

	(void)arg;
	for (size_t i = 0; i < 4; i++) {
		int fd = dial();

		say(fd, slice_from(wrong[i]), SIZE_MAX);
		(void)shutdown(fd, SHUT_WR);
		CHECK(is_closed(fd));
		close(fd);
	}
	close(dial());
	return one_request(NULL);
}

TEST(what_is_no_request_is_closed)
{
	begin();
	serve(broken_ones);
	CHECK(handled == 1 && last_read == STATUS_OK);
	finish();
}

static void *broken_while_parked(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, FASTCGI_KEEP, SLICE("Hello"), SIZE_MAX);
	CHECK(hear(fd) == 18 + 5);
	say(fd, SLICE("\1\1\0\1"), SIZE_MAX);
	(void)shutdown(fd, SHUT_WR);
	CHECK(is_closed(fd));
	close(fd);
	return tell();
}

TEST(a_kept_connection_that_breaks)
{
	begin();
	serve(broken_while_parked);
	CHECK(handled == 1 && server_busy(server) == 0);
	finish();
}

static void *large_body(void *arg)
{
	static char body[200000];
	int fd = dial();

	(void)arg;
	post(fd, 0, (struct slice){body, sizeof body}, SIZE_MAX);
	CHECK(hear(fd) > 18 && is_closed(fd));
	close(fd);
	return tell();
}

TEST(a_body_that_is_too_large_is_answered)
{
	begin();
	serve(large_body);
	CHECK(handled == 1 && last_read == STATUS_TOO_LARGE);
	finish();
}

static void *long_answer(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, FASTCGI_KEEP, SLICE("Hello"), SIZE_MAX);
	CHECK(hear(fd) == 18 + 5 + answer_len);
	close(fd);
	return tell();
}

TEST(a_long_answer_is_sent_to_its_end)
{
	begin();
	answer_len = 5000000;
	serve(long_answer);
	CHECK(handled == 1);
	finish();
}

static void *leave_early(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, 0, SLICE("Hello"), SIZE_MAX);
	tell();
	CHECK(is_closed(fd));
	close(fd);
	return NULL;
}

/* The handler takes its time; then its client has gone. */
TEST(an_answer_that_comes_later)
{
	pthread_t thread;

	begin();
	hold = true;
	if (pthread_create(&thread, NULL, leave_early, NULL) != 0)
		abort();
	while (held == NULL)
		loop_run(loop);
	CHECK(handled == 1 && quiet == 0);
	server_finish(server, held, true);
	(void)pthread_join(thread, NULL);
	CHECK(quiet == 1 && server_busy(server) == 0);
	finish();
}

TEST(no_memory)
{
	struct server_handler handler = {.quiet = on_quiet, .ctx = &handled};
	size_t n = 0;

	loop = loop_new();
	for (;; n++) {
		enum status status = STATUS_NO_MEMORY;

		alloc_fail_at(n);
		server = server_new(loop, &handler);
		if (server != NULL)
			status = server_listen(server, listen_on());
		CHECK((status == STATUS_OK) == !alloc_failed());
		server_free(server);
		unlink(name.sun_path);
		if (status == STATUS_OK)
			break;
	}
	CHECK(n > 2);
	server_free(NULL);
	loop_free(loop);
}

int main(void)
{
	return play_all();
}
