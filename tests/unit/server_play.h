/*
 * server_play: a server whose handler answers with the body, and web servers
 * that speak to it from a thread.
 */
#ifndef SERVER_PLAY_H
#define SERVER_PLAY_H

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/gateway.h"
#include "../../src/loop.h"
#include "../../src/server.h"
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
__attribute__((unused)) static void serve(void *(*web_server)(void *))
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

__attribute__((unused)) static void *one_request(void *arg)
{
	int fd = dial();

	(void)arg;
	post(fd, 0, SLICE("Hello"), SIZE_MAX);
	CHECK(hear(fd) == 18 + 5 && is_closed(fd));
	close(fd);
	return tell();
}

static int play_all(void)
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

#endif
