/*
 * gateway_web: a gateway and the web server at its other end, for tests of
 * what comes in.
 */
#ifndef GATEWAY_WEB_H
#define GATEWAY_WEB_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/gateway.h"
#include "../../src/table.h"
#include "fake_log.h"
#include "fastcgi.h"
#include "tap.h"

enum {
	MAX_BODY = 1 << 20,
	WAIT_MS = 20000
};

static struct loop *loop;
static struct gateway *gateway;
static int ours, server; /* the web server's end */
static struct buf request, answer;

/* Another connection, in place of the first, which is given back. */
static void dial(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	(void)fcntl(pair[1], F_SETFL, O_NONBLOCK); /* as accept4 makes it */
	server = pair[0];
	ours = pair[1];
	gateway = gateway_open(loop, ours);
	if (gateway == NULL)
		abort();
}

static void begin(void)
{
	loop = loop_new();
	if (loop == NULL)
		abort();
	dial();
	buf_init(&request, 128u << 20);
	buf_init(&answer, 64u << 20);
	log_forget();
}

__attribute__((unused)) static void hang_up(void)
{
	if (server >= 0)
		close(server);
	server = -1;
}

static void finish(void)
{
	gateway_close(gateway);
	gateway = NULL;
	loop_free(loop);
	hang_up();
	buf_free(&request);
	buf_free(&answer);
}

static void say(struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(server, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* a test of the other side will fail */
		bytes = slice_skip(bytes, (size_t)n);
	}
}

/* Read at most max bytes of what has been sent. */
__attribute__((unused)) static void hear(size_t max)
{
	static char bytes[65536];
	ssize_t n;

	while (max > 0) {
		size_t want = max < sizeof bytes ? max : sizeof bytes;

		n = recv(server, bytes, want, MSG_DONTWAIT);
		if (n <= 0)
			return;
		buf_add(&answer, (struct slice){bytes, (size_t)n});
		max -= (size_t)n;
	}
}

/* What has come. */
__attribute__((unused)) static enum status read_some(void)
{
	return gateway_read(gateway, MAX_BODY);
}

/* All that comes, as the loop would. */
__attribute__((unused)) static enum status read_all(size_t max_body)
{
	struct pollfd wait = {.fd = ours, .events = POLLIN};
	enum status status;

	while ((status = gateway_read(gateway, max_body)) == STATUS_MORE)
		if (poll(&wait, 1, WAIT_MS) != 1)
			break;
	CHECK(!gateway_begun(gateway) || status == STATUS_CLIENT_GONE);
	return status;
}

static struct slice param(const char *name)
{
	return table_get(gateway_params(gateway), name);
}

__attribute__((unused)) static void check_hello(void)
{
	CHECK_SLICE(param("REQUEST_METHOD"), SLICE("POST"));
	CHECK_SLICE(param("CONTENT_LENGTH"), SLICE("10"));
	CHECK(table_find(gateway_params(gateway), "EMPTY") != NULL);
	CHECK(param("EMPTY").len == 0);
	CHECK_SLICE(gateway_body(gateway), SLICE("Hello body"));
}

__attribute__((unused)) static void add_hello(void)
{
	fastcgi_add_post(&request, 1, FASTCGI_KEEP, SLICE("Hello body"));
}

static void *say_all(void *arg)
{
	const size_t *step = arg;
	struct slice bytes = buf_slice(&request);

	for (; bytes.len > 0; bytes = slice_skip(bytes, *step))
		say(slice_first(bytes, *step));
	return NULL;
}

/* Read the request while another thread says it, which waits for room. */
__attribute__((unused)) static enum status read_said(
    size_t step, size_t max_body)
{
	pthread_t thread;
	enum status status;

	if (pthread_create(&thread, NULL, say_all, &step) != 0)
		abort();
	status = read_all(max_body);
	/* Whatever was not read. */
	(void)shutdown(ours, SHUT_RD);
	(void)pthread_join(thread, NULL);
	return status;
}

/* Take the answer up to END_REQUEST. */
static bool take(unsigned id, struct buf *body)
{
	bool whole;

	hear(SIZE_MAX);
	whole = fastcgi_take(buf_slice(&answer), id, body);
	buf_clear(&answer);
	return whole;
}

__attribute__((unused)) static void check_answerable(void)
{
	struct buf body;

	buf_init(&body, 1000);
	gateway_write(gateway, SLICE("no"));
	gateway_end(gateway);
	CHECK(gateway_flush(gateway) == STATUS_OK && take(1, &body));
	CHECK_SLICE(buf_slice(&body), SLICE("no"));
	CHECK(!gateway_kept(gateway));
	buf_free(&body);
}

#endif
