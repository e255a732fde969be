/*
 * record: what is framed in any pieces reads back the same.  Each byte of the
 * input is a piece's length, so that few of them fill records.
 */
#include "../../src/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAX_PIECES = 40,
	MAX_OUT = 4 << 20
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* The content of STDOUT records, up to the empty one. */
static void read_back(struct slice records, struct buf *content)
{
	while (records.len >= 8) {
		const uint8_t *head = (const uint8_t *)records.ptr;
		size_t len = (size_t)head[4] << 8 | head[5];

		check(head[0] == 1 && head[6] == 0);
		check(head[2] == 0x12 && head[3] == 0x34);
		if (head[1] == 3) {
			check(records.len == 16);
			return;
		}
		check(head[1] == 6 && records.len >= 8 + len);
		buf_add(content, slice_first(slice_skip(records, 8), len));
		records = slice_skip(records, 8 + len);
	}
	abort();
}

/* Pieces of 1 to 65,536 bytes, some of them with a close behind. */
static void frame_all(struct slice lengths)
{
	static char piece[65536];
	struct record record;
	struct buf out, back, all;

	buf_init(&out, MAX_OUT);
	buf_init(&back, MAX_OUT);
	buf_init(&all, MAX_OUT);
	record = (struct record){.out = &out, .id = 0x1234};
	for (size_t i = 0; i < lengths.len && i < MAX_PIECES; i++) {
		size_t n = (size_t)(uint8_t)lengths.ptr[i];

		memset(piece, (int)i + 1, sizeof piece);
		n = n < 128 ? n + 1 : (n - 127) * 512;
		record_add(&record, (struct slice){.ptr = piece, .len = n});
		buf_add(&all, (struct slice){.ptr = piece, .len = n});
		if (n % 5 == 0)
			record_close(&record);
	}
	record_end(&record);
	check(buf_status(&out) == STATUS_OK);
	read_back(buf_slice(&out), &back);
	check(slice_equal(buf_slice(&back), buf_slice(&all)));
	buf_free(&out);
	buf_free(&back);
	buf_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {.ptr = (const char *)data, .len = size};

	/* Any eight bytes may be an abort, but no fewer. */
	check(!record_is_abort(slice_first(bytes, 7)));
	(void)record_is_abort(bytes);
	frame_all(bytes);
	return 0;
}
