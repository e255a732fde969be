#include "record.h"

#include <string.h>

enum {
	VERSION_1 = 1,
	HEADER_LEN = 8,
	TYPE_ABORT_REQUEST = 2,
	TYPE_END_REQUEST = 3,
	TYPE_STDOUT = 6
};

bool record_is_abort(struct slice bytes)
{
	return bytes.len >= HEADER_LEN && bytes.ptr[0] == VERSION_1 &&
	    bytes.ptr[1] == TYPE_ABORT_REQUEST;
}

static void put_header(
    char *at, const struct record *record, unsigned type, size_t len)
{
	const uint8_t head[HEADER_LEN] = {VERSION_1, (uint8_t)type,
	    (uint8_t)(record->id >> 8), (uint8_t)record->id,
	    (uint8_t)(len >> 8), (uint8_t)len};

	memcpy(at, head, sizeof head);
}

static void add_header(struct record *record, unsigned type, size_t len)
{
	char head[HEADER_LEN];

	put_header(head, record, type, len);
	buf_add(record->out, (struct slice){.ptr = head, .len = sizeof head});
}

static size_t open_len(const struct record *record)
{
	return record->out->len - record->start - HEADER_LEN;
}

void record_add(struct record *record, struct slice bytes)
{
	while (bytes.len > 0 && buf_status(record->out) == STATUS_OK) {
		size_t room;

		if (record->open && open_len(record) == RECORD_MAX)
			record_close(record);
		if (!record->open) {
			record->start = record->out->len;
			record->open = true;
			add_header(record, TYPE_STDOUT, 0);
			continue;
		}
		room = RECORD_MAX - open_len(record);
		buf_add(record->out, slice_first(bytes, room));
		bytes = slice_skip(bytes, room);
	}
}

void record_close(struct record *record)
{
	/* The length of a record is known only now. */
	if (record->open && buf_status(record->out) == STATUS_OK)
		put_header(record->out->ptr + record->start, record,
		    TYPE_STDOUT, open_len(record));
	record->open = false;
}

void record_end(struct record *record)
{
	static const char complete[8]; /* status 0, FCGI_REQUEST_COMPLETE */

	record_close(record);
	add_header(record, TYPE_STDOUT, 0);
	add_header(record, TYPE_END_REQUEST, sizeof complete);
	buf_add(record->out,
	    (struct slice){.ptr = complete, .len = sizeof complete});
}
