/*
 * eventstream_frames: messages of AWS's event stream, made without the code
 * under test, and the files of vectors that hold some in hex.
 */
#ifndef EVENTSTREAM_FRAMES_H
#define EVENTSTREAM_FRAMES_H

#include <stdio.h>
#include <stdlib.h>

#include "../../src/buf.h"

/* CRC-32 by its definition, bit by bit. */
static uint32_t frame_crc(struct slice bytes)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (unsigned char)bytes.ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void add_number(struct buf *out, uint32_t n, int bytes)
{
	while (bytes-- > 0)
		buf_add_char(out, (char)(n >> 8 * bytes & 255));
}

/* The value with whatever length belongs before it. */
static void add_header(
    struct buf *headers, struct slice name, char type, struct slice value)
{
	add_number(headers, (uint32_t)name.len, 1);
	buf_add(headers, name);
	buf_add_char(headers, type);
	buf_add(headers, value);
}

static void add_string(
    struct buf *headers, struct slice name, struct slice value)
{
	add_header(headers, name, 7, (struct slice){0});
	add_number(headers, (uint32_t)value.len, 2);
	buf_add(headers, value);
}

/* A message whose lengths may lie; its checksums are right. */
static void add_frame_of(struct buf *out, uint32_t len, uint32_t headers_len,
    struct slice headers, struct slice payload)
{
	size_t at = out->len;

	add_number(out, len, 4);
	add_number(out, headers_len, 4);
	add_number(out, frame_crc(slice_skip(buf_slice(out), at)), 4);
	buf_add(out, headers);
	buf_add(out, payload);
	add_number(out, frame_crc(slice_skip(buf_slice(out), at)), 4);
}

static void add_frame(
    struct buf *out, struct slice headers, struct slice payload)
{
	add_frame_of(out, (uint32_t)(16 + headers.len + payload.len),
	    (uint32_t)headers.len, headers, payload);
}

/* A message as Bedrock sends them: kind is "event" or "exception". */
__attribute__((unused)) static void add_message(
    struct buf *out, const char *kind, struct slice type, struct slice payload)
{
	struct buf headers;
	char name[32];

	buf_init(&headers, 1 << 20);
	(void)snprintf(name, sizeof name, ":%s-type", kind);
	add_string(&headers, slice_from(name), type);
	add_string(&headers, SLICE(":content-type"), SLICE("application/json"));
	add_string(&headers, SLICE(":message-type"), slice_from(kind));
	add_frame(out, buf_slice(&headers), payload);
	buf_free(&headers);
}

/* False if it cannot be read. */
__attribute__((unused)) static bool read_vectors(
    struct buf *out, const char *path)
{
	FILE *file = fopen(path, "re");
	char block[4096];
	size_t n;

	buf_init(out, 1 << 20);
	if (file == NULL)
		return false;
	while ((n = fread(block, 1, sizeof block, file)) > 0)
		buf_add(out, (struct slice){.ptr = block, .len = n});
	fclose(file);
	return buf_status(out) == STATUS_OK;
}

/* Cut the lines up to the one that is a dot alone. */
__attribute__((unused)) static struct slice take_lines(struct slice *rest)
{
	size_t len = slice_find(*rest, SLICE("\n.\n"));
	struct slice lines = slice_first(*rest, len + 1);

	*rest = slice_skip(*rest, len + 3);
	return lines;
}

__attribute__((unused)) static void add_hex(struct buf *out, struct slice hex)
{
	char digits[3] = "";
	size_t n = 0;

	for (; hex.len > 0; hex = slice_skip(hex, 1)) {
		if (hex.ptr[0] == '\n')
			continue;
		digits[n++] = hex.ptr[0];
		if (n == 2)
			buf_add_char(out, (char)strtoul(digits, NULL, 16));
		n %= 2;
	}
}

#endif
