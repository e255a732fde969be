#include "intake.h"

#include <string.h>

enum {
	VERSION_1 = 1,
	HEADER_LEN = 8,
	TYPE_BEGIN_REQUEST = 1,
	TYPE_ABORT_REQUEST = 2,
	TYPE_PARAMS = 4,
	TYPE_STDIN = 5
};

void intake_init(struct intake *intake, size_t max_body)
{
	*intake = (struct intake){0};
	buf_init(&intake->head, INTAKE_MAX_HEAD);
	buf_init(&intake->body, max_body);
}

void intake_free(struct intake *intake)
{
	buf_free(&intake->head);
	buf_free(&intake->body);
}

static unsigned id_of(const struct intake *intake)
{
	return (unsigned)intake->record[2] << 8 | intake->record[3];
}

static bool is_ours(const struct intake *intake)
{
	return intake->begun && id_of(intake) == intake->id;
}

static void keep(struct intake *intake, const void *bytes, size_t len)
{
	buf_add(&intake->head, (struct slice){.ptr = bytes, .len = len});
}

/* A record begins.  What is neither of our request nor expected of a web
 * server is passed over. */
static enum status begin_record(struct intake *intake)
{
	uint8_t *record = intake->record;

	if (record[0] != VERSION_1 || record[1] == TYPE_ABORT_REQUEST)
		return STATUS_CLIENT_GONE;
	intake->left = (size_t)record[4] << 8 | record[5];
	intake->padding = record[6];
	switch (record[1]) {
	case TYPE_BEGIN_REQUEST:
		if (intake->begun)
			return STATUS_CLIENT_GONE;
		intake->begun = true;
		intake->id = id_of(intake);
		break;
	case TYPE_PARAMS:
		if (!is_ours(intake) || intake->params)
			return STATUS_CLIENT_GONE;
		intake->params = intake->left == 0;
		break;
	case TYPE_STDIN:
		return is_ours(intake) && intake->params ? STATUS_OK
							 : STATUS_CLIENT_GONE;
	default:
		return STATUS_OK;
	}
	record[6] = 0;
	keep(intake, record, HEADER_LEN);
	return STATUS_OK;
}

static void take_content(struct intake *intake, struct slice bytes)
{
	uint8_t type = intake->record[1];

	if (type == TYPE_STDIN) {
		buf_add(&intake->body, bytes);
		intake->body_len += bytes.len;
	} else if (type == TYPE_BEGIN_REQUEST || type == TYPE_PARAMS) {
		keep(intake, bytes.ptr, bytes.len);
	}
}

/* Cut up to n bytes off the front of bytes, and count them down. */
static struct slice cut(struct slice *bytes, size_t *n)
{
	struct slice front = slice_first(*bytes, *n);

	*bytes = slice_skip(*bytes, front.len);
	*n -= front.len;
	return front;
}

/* The rest of a record's header. */
static enum status take_header(struct intake *intake, struct slice *bytes)
{
	size_t wanted = HEADER_LEN - intake->have;
	struct slice front = cut(bytes, &wanted);

	memcpy(intake->record + intake->have, front.ptr, front.len);
	intake->have += front.len;
	return intake->have < HEADER_LEN ? STATUS_MORE : begin_record(intake);
}

/* Whether the record that has just ended is the empty STDIN, the last. */
static bool is_last(const struct intake *intake)
{
	return intake->record[1] == TYPE_STDIN && intake->record[4] == 0 &&
	    intake->record[5] == 0;
}

enum status intake_add(struct intake *intake, struct slice *bytes)
{
	while (bytes->len > 0) {
		enum status status = STATUS_OK;

		if (intake->have < HEADER_LEN)
			status = take_header(intake, bytes);
		if (status != STATUS_OK)
			return status;
		take_content(intake, cut(bytes, &intake->left));
		if (intake->left == 0)
			(void)cut(bytes, &intake->padding);
		if (intake->left > 0 || intake->padding > 0)
			break;
		intake->have = 0;
		if (is_last(intake))
			return STATUS_OK;
	}
	return buf_status(&intake->head) == STATUS_OK ? STATUS_MORE
						      : STATUS_CLIENT_GONE;
}

/* ---- parameters, across the records they came in ---- */

struct cursor {
	struct slice records;
	size_t here; /* bytes to come of the record it is in */
};

/* Go to the next content, if this record has no more. */
static bool enter(struct cursor *cursor)
{
	while (cursor->here == 0 && cursor->records.len >= HEADER_LEN) {
		const uint8_t *head = (const uint8_t *)cursor->records.ptr;
		size_t len = (size_t)head[4] << 8 | head[5];
		bool params = head[1] == TYPE_PARAMS;

		cursor->here = params ? len : 0;
		cursor->records = slice_skip(
		    cursor->records, HEADER_LEN + (params ? 0 : len));
	}
	return cursor->here > 0;
}

static bool pass(struct cursor *cursor, size_t n)
{
	while (n > 0) {
		size_t some;

		if (!enter(cursor))
			return false;
		some = n < cursor->here ? n : cursor->here;
		cursor->records = slice_skip(cursor->records, some);
		cursor->here -= some;
		n -= some;
	}
	return true;
}

/* One byte below 128, or four of which the first is not. */
static bool take_length(struct cursor *cursor, size_t *len)
{
	size_t more = 0;

	*len = 0;
	do {
		uint8_t byte;

		if (!enter(cursor))
			return false;
		byte = (uint8_t)cursor->records.ptr[0];
		if (*len == 0 && more == 0 && byte >= 0x80) {
			more = 4;
			byte &= 0x7f;
		}
		*len = *len << 8 | byte;
		(void)pass(cursor, 1);
	} while (more > 0 && --more > 0);
	return true;
}

/* Whether every name and value is as long as it says.  libfcgi allocates what
 * it is told, and aborts the process if it cannot. */
static bool lengths_are_true(const struct intake *intake)
{
	struct cursor cursor = {.records = buf_slice(&intake->head)};

	while (enter(&cursor)) {
		size_t name, value;

		if (!take_length(&cursor, &name) ||
		    !take_length(&cursor, &value) || !pass(&cursor, name) ||
		    !pass(&cursor, value))
			return false;
	}
	return true;
}

struct slice intake_head(struct intake *intake)
{
	const uint8_t end[HEADER_LEN] = {VERSION_1, TYPE_STDIN,
	    (uint8_t)(intake->id >> 8), (uint8_t)intake->id};

	if (buf_status(&intake->head) != STATUS_OK || !lengths_are_true(intake))
		return (struct slice){0};
	keep(intake, end, sizeof end);
	if (buf_status(&intake->head) != STATUS_OK)
		return (struct slice){0};
	return buf_slice(&intake->head);
}
