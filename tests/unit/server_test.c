#include "../../src/server.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/gateway.h"
#include "../../src/loop.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"
#include "web_server.h"

/* The web server is a thread that speaks to a socket of ours; when it is
 * through, it says so on a pipe, and the loop stops. */
static char directory[] = P_tmpdir "/server_test.XXXXXX";

static struct loop *loop;
static struct server *server;
static struct loop_watch *through;
static struct loop_timer *guard;
static int through_fds[2];
static size_t handled, quiet;
static enum status last_read;
static size_t answer_len;    /* more than the request's body */
static struct gateway *held; /* not answered yet */
static bool hold;
static size_t busy_at_quiet = 1;

static void answer(struct gateway *gateway)
{
	static char bytes[10000];

	gateway_write(gateway, SLICE("Status: 200 OK\r\n\r\n"));
	gateway_write(gateway, gateway_body(gateway));
	for (size_t n = 0; n < answer_len; n += sizeof bytes)
		gateway_write(gateway, (struct slice){bytes, sizeof bytes});
	gateway_end(gateway);
	server_finish(server, gateway, false);
}

static void on_handle(void *ctx, struct gateway *gateway, enum status read)
{
	CHECK(ctx == &handled);
	handled++;
	last_read = read;
	if (hold)
		held = gateway;
	else
		answer(gateway);
}

static size_t on_max_body(void *ctx)
{
	CHECK(ctx == &handled);
	return 100000;
}

static void on_quiet(void *ctx)
{
	CHECK(ctx == &handled);
	quiet++;
	busy_at_quiet = server_busy(server);
}

static void on_through(void *ctx, unsigned events)
{
	char byte;

	(void)ctx;
	(void)events;
	(void)!read(through_fds[0], &byte, 1);
	loop_stop(loop);
}

static void on_guard(void *ctx)
{
	(void)ctx;
	log_write(LOG_ERROR, "the guard");
	loop_stop(loop);
}

static int listen_on(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
	    listen(fd, 100) != 0)
		abort();
	return fd;
}

static void begin(void)
{
	struct server_handler handler = {.handle = on_handle,
	    .max_body = on_max_body,
	    .quiet = on_quiet,
	    .ctx = &handled};

	handled = quiet = answer_len = 0;
	hold = false;
	held = NULL;
	last_read = STATUS_COUNT;
	log_forget();
	loop = loop_new();
	server = server_new(loop, &handler);
	if (server == NULL || pipe2(through_fds, O_CLOEXEC) != 0)
		abort();
	CHECK(server_listen(server, listen_on()) == STATUS_OK);
	through = loop_watch_new(loop, through_fds[0], on_through, NULL);
	loop_watch_set(through, LOOP_READABLE);
	guard = loop_timer_new(loop, on_guard, NULL);
	loop_timer_start(guard, 30000);
}

static void finish(void)
{
	CHECK(!logged("the guard"));
	server_free(server);
	loop_watch_free(through);
	loop_free(loop);
	close(through_fds[0]);
	close(through_fds[1]);
	unlink(name.sun_path);
}

/* Run the loop while web_server does its part. */
static void serve(void *(*web_server)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, web_server, NULL) != 0)
		abort();
	loop_run(loop);
	(void)pthread_join(thread, NULL);
}

/* ---- the web server's side ---- */

static void *tell(void)
{
	(void)!write(through_fds[1], "", 1);
	return NULL;
}

static void *one_request(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, 0, SLICE("Hello"), SIZE_MAX);
	CHECK(hear(fd) == 18 + 5 && is_closed(fd));
	close(fd);
	return tell();
}

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
	int result;

	if (gateway_init() != STATUS_OK || mkdtemp(directory) == NULL)
		return 1;
	(void)snprintf(
	    name.sun_path, sizeof name.sun_path, "%s/socket", directory);
	result = tap_run();
	rmdir(directory);
	return result;
}
