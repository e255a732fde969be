/*
 * record: a request that is whole stays whole whatever follows, what is no
 * FastCGI stays so; and what is framed in any pieces reads back the same.
 */
#include "../../src/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void scan_all(struct slice bytes)
{
	enum status whole = record_scan(bytes), part;
	size_t step = bytes.len / 64 + 1;

	check(whole == STATUS_OK || whole == STATUS_MORE ||
	    whole == STATUS_CLIENT_GONE);
	for (size_t n = 0; n < bytes.len; n += step) {
		part = record_scan(slice_first(bytes, n));
		check(part == whole || part == STATUS_MORE);
	}
	/* Any eight bytes may be an abort, but no fewer. */
	check(!record_is_abort(slice_first(bytes, 7)));
	(void)record_is_abort(bytes);
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

static void frame_all(struct slice bytes)
{
	struct slice rest = bytes;
	struct record record;
	struct buf out, back;

	buf_init(&out, 1u << 24);
	buf_init(&back, 1u << 24);
	record = (struct record){.out = &out, .id = 0x1234};
	while (rest.len > 0) {
		size_t n = (size_t)(uint8_t)rest.ptr[0] * 3 + 1;

		record_add(&record, slice_first(rest, n));
		if (n % 5 == 0)
			record_close(&record);
		rest = slice_skip(rest, n);
	}
	record_end(&record);
	check(buf_status(&out) == STATUS_OK);
	read_back(buf_slice(&out), &back);
	check(slice_equal(buf_slice(&back), bytes));
	buf_free(&out);
	buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {.ptr = (const char *)data, .len = size};

	scan_all(bytes);
	frame_all(bytes);
	return 0;
}
