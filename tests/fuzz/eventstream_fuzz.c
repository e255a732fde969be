/*
 * eventstream: however a stream is cut, the messages are the same.
 *
 * The first byte picks how to cut and whether checksums are made right first,
 * as no fuzzer guesses them; the rest is the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/crc.h"
#include "../../src/eventstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum {
	PRELUDE = 8, /* before its checksum */
	LEAST = 16
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static enum status hear(void *ctx, const struct eventstream_message *message)
{
	struct buf *log = ctx;

	check(message->kind <= EVENTSTREAM_ERROR && message->name.len > 0);
	buf_addf(log, "%d %zu %zu ", (int)message->kind, message->name.len,
	    message->payload.len);
	buf_add(log, message->name);
	buf_add(log, message->payload);
	return STATUS_OK;
}

static uint32_t number(const char *at)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

static void put_crc(char *begin, size_t len)
{
	uint32_t crc = crc_update(0, (struct slice){.ptr = begin, .len = len});

	for (int i = 0; i < 4; i++)
		begin[len + (size_t)i] = (char)(crc >> (24 - 8 * i) & 255);
}

/* Make the checksums of all messages right whose lengths allow it. */
static void repair(char *stream, size_t len)
{
	while (len >= LEAST) {
		size_t message = number(stream);

		put_crc(stream, PRELUDE);
		if (message < LEAST || message > len)
			return;
		put_crc(stream, message - 4);
		stream += message;
		len -= message;
	}
}

/* Cuts of changing length, from 1 byte on; step 0: in one piece. */
static enum status run(struct buf *log, struct slice rest, size_t step)
{
	struct eventstream stream;
	enum status status = STATUS_OK;

	buf_init(log, EVENTSTREAM_MAX_MESSAGE);
	eventstream_init(&stream, hear, log);
	for (size_t n = 1; status == STATUS_OK && rest.len > 0;
	     n = step == 0 ? n : (n * 7 + step) % step + 1) {
		size_t len = step == 0 || n > rest.len ? rest.len : n;
		/* A copy, so that a read behind it is seen. */
		char *piece = malloc(len);

		check(piece != NULL);
		memcpy(piece, rest.ptr, len);
		status = eventstream_feed(
		    &stream, (struct slice){.ptr = piece, .len = len});
		free(piece);
		rest = slice_skip(rest, len);
	}
	if (status == STATUS_OK)
		status = eventstream_finish(&stream);
	eventstream_free(&stream);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf whole, cut;
	enum status status;
	char *copy;

	if (len < 2)
		return 0;
	copy = malloc(len - 1);
	check(copy != NULL);
	memcpy(copy, bytes + 1, len - 1);
	if (bytes[0] % 2 == 1)
		repair(copy, len - 1);
	status = run(&whole, (struct slice){.ptr = copy, .len = len - 1}, 0);
	check(status ==
	    run(&cut, (struct slice){.ptr = copy, .len = len - 1},
		(size_t)bytes[0] / 2 + 1));
	check(status == STATUS_OK || status == STATUS_UPSTREAM_ERROR ||
	    status == STATUS_UPSTREAM_CUT || status == STATUS_TOO_LARGE);
	check(slice_equal(buf_slice(&whole), buf_slice(&cut)));
	buf_free(&whole);
	buf_free(&cut);
	free(copy);
	return 0;
}
