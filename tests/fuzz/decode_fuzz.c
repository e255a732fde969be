/*
 * decode: however a stream is cut, the events are the same.
 *
 * The first byte picks the format, the second how to cut; the rest is the
 * stream.  Text is cut as it comes, so there only the data is compared.
 */
#include "../../src/decode.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct heard {
	enum decode_format format;
	struct buf log;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

static enum status hear(void *ctx, const struct decode_event *event)
{
	struct heard *heard = ctx;
	struct slice lines = event->lines, end = event->end;

	check(lines.len > 0 && is_line_end(lines.ptr[lines.len - 1]));
	check(!is_line_end(lines.ptr[0]));
	check(slice_equal(end, SLICE("\n")) || slice_equal(end, SLICE("\r")) ||
	    slice_equal(end, SLICE("\r\n")));
	check(heard->format == DECODE_SSE || event->has_data);
	if (heard->format == DECODE_TEXT) {
		decode_add_data(&heard->log, event);
		return STATUS_OK;
	}
	buf_add(&heard->log, lines);
	/* A CRLF cut in two is delivered at its CR. */
	buf_add(&heard->log, slice_first(end, 1));
	return STATUS_OK;
}

/* Cuts of changing length, from 1 byte on; step 0: in one piece. */
static void run(struct heard *heard, struct slice stream, size_t step)
{
	struct decode decode;

	buf_init(&heard->log, DECODE_MAX_EVENT);
	decode_init(&decode, heard->format, hear, heard);
	for (size_t n = 1; stream.len > 0; n = (n * 7 + step) % step + 1) {
		size_t len = step == 0 || n > stream.len ? stream.len : n;
		/* A copy, so that a read behind it is seen. */
		char *piece = malloc(len);

		check(piece != NULL);
		for (size_t i = 0; i < len; i++)
			piece[i] = stream.ptr[i];
		check(
		    decode_feed(&decode,
			(struct slice){.ptr = piece, .len = len}) == STATUS_OK);
		free(piece);
		stream = slice_skip(stream, len);
		if (step == 0)
			break;
	}
	check(decode_finish(&decode) == STATUS_OK);
	check(decode_finish(&decode) == STATUS_OK);
	decode_free(&decode);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const enum decode_format formats[] = {
	    DECODE_SSE, DECODE_JSON, DECODE_LINES, DECODE_TEXT};
	struct slice stream = {.ptr = (const char *)bytes, .len = len};
	struct heard whole, cut;

	if (len < 2)
		return 0;
	whole.format = cut.format = formats[bytes[0] % 4];
	stream = slice_skip(stream, 2);
	run(&whole, stream, 0);
	run(&cut, stream, (size_t)bytes[1] % 32 + 1);
	check(slice_equal(buf_slice(&whole.log), buf_slice(&cut.log)));
	buf_free(&whole.log);
	buf_free(&cut.log);
	check(decode_format_of(stream, &whole.format) <= STATUS_COUNT);
	return 0;
}
