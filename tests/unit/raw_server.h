/*
 * raw_server: an HTTP server for tests that sends exactly what it is told.
 *
 * A thread takes one connection after the other.  On each it reads a request
 * and plays the script from its start: pieces of bytes, and the words below.
 * At the script's end the connection is closed.
 */
#ifndef RAW_SERVER_H
#define RAW_SERVER_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/buf.h"

#define RAW_NEXT  "<next>"  /* read another request */
#define RAW_WAIT  "<wait>"  /* until the client closes */
#define RAW_RESET "<reset>" /* close with a TCP reset */
#define RAW_SPLIT "<split>" /* the next piece goes byte by byte */

static struct {
	int fd;
	pthread_t thread;
	const char *const *script;
	char url[64];
	_Atomic size_t accepted, closed;
	struct buf heard; /* all requests; look at it after raw_stop */
} raw;

/* Whether bytes hold a whole request. */
static bool raw_whole(struct slice bytes)
{
	struct slice blank = SLICE("\r\n\r\n"),
		     name = SLICE("Content-Length: ");
	size_t at = slice_find(bytes, blank);
	struct slice head = slice_first(bytes, at), line;
	uint64_t len = 0;

	if (at == bytes.len)
		return false;
	head = slice_skip(head, slice_find(head, name) + name.len);
	line = slice_cut(&head, '\r');
	(void)!slice_to_number(line, 1u << 30, &len);
	return bytes.len >= at + blank.len + len;
}

static bool raw_read(int fd)
{
	size_t start = raw.heard.len;
	char bytes[4096];

	while (!raw_whole(slice_skip(buf_slice(&raw.heard), start))) {
		ssize_t n = read(fd, bytes, sizeof bytes);

		if (n <= 0)
			return false;
		buf_add(&raw.heard, (struct slice){bytes, (size_t)n});
	}
	return true;
}

static void raw_send(int fd, const char *text, size_t step)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += step) {
		size_t n = len - at < step ? len - at : step;

		if (send(fd, text + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			return;
	}
}

static void raw_wait(int fd)
{
	char bytes[256];

	while (read(fd, bytes, sizeof bytes) > 0)
		continue;
}

static void raw_play(int fd)
{
	struct linger now = {.l_onoff = 1};
	size_t step = SIZE_MAX;
	bool alive = raw_read(fd);

	for (size_t i = 0; alive && raw.script[i] != NULL; i++) {
		const char *piece = raw.script[i];

		if (strcmp(piece, RAW_NEXT) == 0)
			alive = raw_read(fd);
		else if (strcmp(piece, RAW_WAIT) == 0)
			raw_wait(fd);
		else if (strcmp(piece, RAW_RESET) == 0)
			(void)setsockopt(
			    fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		else if (strcmp(piece, RAW_SPLIT) == 0)
			step = 1;
		else
			raw_send(fd, piece, step);
	}
	close(fd);
	raw.closed++;
}

static void *raw_serve(void *arg)
{
	int fd, one = 1;

	(void)arg;
	while ((fd = accept(raw.fd, NULL, NULL)) >= 0) {
		raw.accepted++;
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		raw_play(fd);
	}
	return NULL;
}

/* Listen on a port of our own; backlog 0 and no thread: nobody answers. */
static void raw_listen(int backlog)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof at;

	raw.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (raw.fd < 0 ||
	    bind(raw.fd, (struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(raw.fd, backlog) != 0 ||
	    getsockname(raw.fd, (struct sockaddr *)&at, &len) != 0)
		abort();
	(void)snprintf(raw.url, sizeof raw.url, "http://127.0.0.1:%u/p?q=%%41",
	    ntohs(at.sin_port));
}

static void raw_start(const char *const script[])
{
	static const char blank[1024];

	raw_listen(100);
	raw.script = script;
	raw.accepted = raw.closed = 0;
	/* All that it needs now: its thread must not be the one to fail when
	 * a test lets allocations fail. */
	buf_init(&raw.heard, 1u << 16);
	for (size_t n = 0; n < 1u << 16; n += sizeof blank)
		buf_add(&raw.heard, (struct slice){blank, sizeof blank});
	buf_clear(&raw.heard);
	if (pthread_create(&raw.thread, NULL, raw_serve, NULL) != 0)
		abort();
}

/* All clients must have closed; free raw.heard afterwards. */
static void raw_stop(void)
{
	(void)shutdown(raw.fd, SHUT_RDWR);
	(void)pthread_join(raw.thread, NULL);
	close(raw.fd);
}

__attribute__((unused)) static bool raw_heard(const char *text)
{
	struct slice all = buf_slice(&raw.heard);

	return slice_find(all, slice_from(text)) < all.len;
}

#endif
