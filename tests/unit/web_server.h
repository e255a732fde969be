/*
 * web_server: speaks FastCGI to the socket at name, for tests of those who
 * listen there; it blocks, so it needs a thread.
 */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fastcgi.h"

static struct sockaddr_un name = {.sun_family = AF_UNIX};

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0)
		abort();
	return fd;
}

static void say(int fd, struct slice bytes, size_t step)
{
	for (; bytes.len > 0; bytes = slice_skip(bytes, step))
		(void)!send(
		    fd, bytes.ptr, slice_first(bytes, step).len, MSG_NOSIGNAL);
}

static bool is_end(struct slice bytes)
{
	static const char end[16] = {1, 3, 0, 1, 0, 8};

	return slice_ends(bytes, (struct slice){end, sizeof end});
}

/* Read an answer; its length, or 0 if the connection was closed before. */
static size_t hear(int fd)
{
	static char bytes[65536];
	struct buf all, body;
	size_t len = 0;
	ssize_t n;

	buf_init(&all, 1u << 26);
	buf_init(&body, 1u << 26);
	while (
	    !is_end(buf_slice(&all)) && (n = read(fd, bytes, sizeof bytes)) > 0)
		buf_add(&all, (struct slice){bytes, (size_t)n});
	if (fastcgi_take(buf_slice(&all), 1, &body))
		len = body.len;
	buf_free(&all);
	buf_free(&body);
	return len;
}

static bool is_closed(int fd)
{
	char byte;

	return read(fd, &byte, 1) <= 0;
}

/* The bytes of a POST from one place in it to another. */
__attribute__((unused)) static void post_part(
    int fd, int flags, struct slice body, size_t from, size_t to)
{
	struct buf request;
	struct slice bytes;

	buf_init(&request, 1u << 24);
	fastcgi_add_post(&request, 1, flags, body);
	bytes = slice_skip(slice_first(buf_slice(&request), to), from);
	say(fd, bytes, SIZE_MAX);
	buf_free(&request);
}

static void post(int fd, int flags, struct slice body, size_t step)
{
	struct buf request;

	buf_init(&request, 1u << 24);
	fastcgi_add_post(&request, 1, flags, body);
	say(fd, buf_slice(&request), step);
	buf_free(&request);
}

#endif
