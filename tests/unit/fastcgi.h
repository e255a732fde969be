/*
 * fastcgi: the web server's side, for tests: requests as bytes, and the
 * records of an answer.
 */
#ifndef FASTCGI_H
#define FASTCGI_H

#include <stdlib.h>
#include <string.h>

#include "../../src/buf.h"

enum {
	FASTCGI_KEEP = 1 /* flag: the connection is kept */
};

static void fastcgi_add(
    struct buf *out, unsigned type, unsigned id, struct slice content)
{
	const unsigned char head[8] = {1, (unsigned char)type,
	    (unsigned char)(id >> 8), (unsigned char)id,
	    (unsigned char)(content.len >> 8), (unsigned char)content.len};

	buf_add(out, (struct slice){(const char *)head, sizeof head});
	buf_add(out, content);
}

/* Content of any length, as records of up to 65,535 bytes, and an empty one
 * that ends it. */
static void fastcgi_add_all(
    struct buf *out, unsigned type, unsigned id, struct slice content)
{
	for (; content.len > 0; content = slice_skip(content, 65535))
		fastcgi_add(out, type, id, slice_first(content, 65535));
	fastcgi_add(out, type, id, content);
}

static void fastcgi_add_begin(struct buf *out, unsigned id, int flags)
{
	char body[8] = {0, 1, (char)flags};

	fastcgi_add(out, 1, id, (struct slice){body, sizeof body});
}

static void fastcgi_add_length(struct buf *out, size_t n)
{
	if (n > 127) {
		buf_add_char(out, (char)(0x80 | n >> 24));
		buf_add_char(out, (char)(n >> 16 & 255));
		buf_add_char(out, (char)(n >> 8 & 255));
	}
	buf_add_char(out, (char)(n & 255));
}

/* A parameter, into the content of PARAMS records. */
static void fastcgi_add_param(
    struct buf *params, struct slice name, struct slice value)
{
	fastcgi_add_length(params, name.len);
	fastcgi_add_length(params, value.len);
	buf_add(params, name);
	buf_add(params, value);
}

/* A whole POST. */
__attribute__((unused)) static void fastcgi_add_post(
    struct buf *out, unsigned id, int flags, struct slice body)
{
	struct buf params, digits;

	buf_init(&params, 1000);
	buf_init(&digits, 20);
	buf_add_number(&digits, body.len);
	fastcgi_add_param(&params, SLICE("REQUEST_METHOD"), SLICE("POST"));
	fastcgi_add_param(&params, SLICE("CONTENT_LENGTH"), buf_slice(&digits));
	fastcgi_add_param(&params, SLICE("EMPTY"), SLICE(""));
	fastcgi_add_begin(out, id, flags);
	fastcgi_add_all(out, 4, id, buf_slice(&params));
	fastcgi_add_all(out, 5, id, body);
	buf_free(&params);
	buf_free(&digits);
}

/* Take the STDOUT of request id out of an answer's records.  True once
 * END_REQUEST with status 0 has come, as the last. */
__attribute__((unused)) static bool fastcgi_take(
    struct slice records, unsigned id, struct buf *stdout_bytes)
{
	bool closed = false;

	while (records.len >= 8) {
		const unsigned char *head = (const unsigned char *)records.ptr;
		size_t len = (size_t)head[4] << 8 | head[5];
		struct slice content = slice_first(slice_skip(records, 8), len);

		if (head[0] != 1 || ((unsigned)head[2] << 8 | head[3]) != id ||
		    records.len < 8 + len + head[6])
			return false;
		records = slice_skip(records, 8 + len + head[6]);
		if (head[1] == 3)
			return closed && records.len == 0 &&
			    slice_equal(content, SLICE("\0\0\0\0\0\0\0\0"));
		if (head[1] != 6 || closed)
			return false;
		closed = len == 0;
		buf_add(stdout_bytes, content);
	}
	return false;
}

#endif
