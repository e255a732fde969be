#include "eventstream.h"

#include "crc.h"

enum {
	PRELUDE_LEN = 12,
	CRC_LEN = 4,
	MIN_LEN = PRELUDE_LEN + CRC_LEN, /* neither headers nor payload */
	/* Memory kept between messages: most of a model's are shorter. */
	KEEP = 2048
};

/* Types of header values; the others have no length of their own. */
enum {
	BYTES = 6,
	STRING = 7
};

/* What the headers say of their message. */
struct headers {
	struct slice message_type, event_type, exception_type;
	struct slice error_code, error_message;
};

/* An unsigned number of len bytes, big-endian. */
static uint32_t number(const char *at, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

static uint32_t number_at(struct slice bytes, size_t at)
{
	return number(bytes.ptr + at, sizeof(uint32_t));
}

/* Cut n bytes off *rest; false if there are not so many. */
static bool take(struct slice *rest, size_t n, struct slice *taken)
{
	if (rest->len < n)
		return false;
	*taken = slice_first(*rest, n);
	*rest = slice_skip(*rest, n);
	return true;
}

/* Cut off a length of len_bytes and as many bytes as it says. */
static bool take_counted(
    struct slice *rest, size_t len_bytes, struct slice *taken)
{
	struct slice len;

	return take(rest, len_bytes, &len) &&
	    take(rest, number(len.ptr, len_bytes), taken);
}

static bool take_value(struct slice *rest, size_t type, struct slice *value)
{
	/* true, false, int8, int16, int32, int64, bytes, string, timestamp,
	 * UUID */
	static const size_t lens[] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

	if (type == BYTES || type == STRING)
		return take_counted(rest, 2, value);
	return type < sizeof lens / sizeof lens[0] &&
	    take(rest, lens[type], value);
}

static void keep_header(
    struct headers *headers, struct slice name, struct slice value)
{
	const struct {
		struct slice name;
		struct slice *place;
	} wanted[] = {
	    {SLICE(":message-type"), &headers->message_type},
	    {SLICE(":event-type"), &headers->event_type},
	    {SLICE(":exception-type"), &headers->exception_type},
	    {SLICE(":error-code"), &headers->error_code},
	    {SLICE(":error-message"), &headers->error_message},
	};

	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (slice_equal(name, wanted[i].name))
			*wanted[i].place = value;
}

/* False for what are no headers. */
static bool read_headers(struct headers *headers, struct slice rest)
{
	while (rest.len > 0) {
		struct slice name, type, value;

		if (!take_counted(&rest, 1, &name) || !take(&rest, 1, &type) ||
		    !take_value(&rest, number(type.ptr, 1), &value))
			return false;
		if (type.ptr[0] == STRING)
			keep_header(headers, name, value);
	}
	return true;
}

/* Pass on a message, which is whole and whose prelude is right. */
static enum status deliver(
    const struct eventstream *stream, struct slice message)
{
	struct slice body = slice_first(message, message.len - CRC_LEN);
	struct eventstream_message out = {0};
	struct headers headers = {0};
	struct slice rest, lines;

	if (crc_update(0, body) != number_at(message, body.len))
		return STATUS_UPSTREAM_ERROR;
	rest = slice_skip(body, PRELUDE_LEN);
	if (!take(&rest, number_at(message, 4), &lines) ||
	    !read_headers(&headers, lines))
		return STATUS_UPSTREAM_ERROR;
	out.payload = rest;
	if (slice_equal(headers.message_type, SLICE("event"))) {
		out.kind = EVENTSTREAM_EVENT;
		out.name = headers.event_type;
	} else if (slice_equal(headers.message_type, SLICE("exception"))) {
		out.kind = EVENTSTREAM_EXCEPTION;
		out.name = headers.exception_type;
	} else if (slice_equal(headers.message_type, SLICE("error"))) {
		out.kind = EVENTSTREAM_ERROR;
		out.name = headers.error_code;
		out.payload = headers.error_message;
	}
	if (out.name.len == 0)
		return STATUS_UPSTREAM_ERROR;
	return stream->callback(stream->ctx, &out);
}

/* How long the message is that begins so; STATUS_MORE if too little of it is
 * there to tell.  A length is believed only under its checksum: a wrong one
 * would make us wait for bytes that never come. */
static enum status measure(struct slice begin, size_t *len)
{
	uint32_t headers_len;

	if (begin.len < PRELUDE_LEN)
		return STATUS_MORE;
	if (crc_update(0, slice_first(begin, 8)) != number_at(begin, 8))
		return STATUS_UPSTREAM_ERROR;
	*len = number_at(begin, 0);
	headers_len = number_at(begin, 4);
	if (*len < MIN_LEN || headers_len > *len - MIN_LEN)
		return STATUS_UPSTREAM_ERROR;
	if (*len > EVENTSTREAM_MAX_MESSAGE ||
	    headers_len > EVENTSTREAM_MAX_HEADERS)
		return STATUS_TOO_LARGE;
	return STATUS_OK;
}

/* Move bytes into part until it holds len; STATUS_MORE if there were fewer. */
static enum status fill(struct buf *part, struct slice *bytes, size_t len)
{
	struct slice more = slice_first(*bytes, len - part->len);

	buf_add(part, more);
	*bytes = slice_skip(*bytes, more.len);
	if (buf_status(part) != STATUS_OK)
		return buf_status(part);
	return part->len < len ? STATUS_MORE : STATUS_OK;
}

/* Go on with the message that has begun in part. */
static enum status feed_part(struct eventstream *stream, struct slice *bytes)
{
	struct buf *part = &stream->part;
	enum status status = STATUS_OK;
	size_t len = 0;

	if (part->len < PRELUDE_LEN)
		status = fill(part, bytes, PRELUDE_LEN);
	if (status == STATUS_OK)
		status = measure(buf_slice(part), &len);
	if (status == STATUS_OK)
		status = fill(part, bytes, len);
	if (status != STATUS_OK)
		return status == STATUS_MORE ? STATUS_OK : status;
	status = deliver(stream, buf_slice(part));
	buf_reset(part, KEEP);
	return status;
}

/* Take the message that bytes begin with as it is, or all that there is of
 * it into part. */
static enum status feed_whole(struct eventstream *stream, struct slice *bytes)
{
	struct buf *part = &stream->part;
	struct slice message;
	size_t len = 0;
	enum status status = measure(*bytes, &len);

	if (status == STATUS_OK && take(bytes, len, &message))
		return deliver(stream, message);
	if (status != STATUS_OK && status != STATUS_MORE)
		return status;
	buf_add(part, *bytes);
	*bytes = (struct slice){0};
	return buf_status(part);
}

enum status eventstream_feed(struct eventstream *stream, struct slice bytes)
{
	enum status status = STATUS_OK;

	while (status == STATUS_OK && bytes.len > 0) {
		if (stream->part.len > 0)
			status = feed_part(stream, &bytes);
		else
			status = feed_whole(stream, &bytes);
	}
	return status;
}

enum status eventstream_finish(const struct eventstream *stream)
{
	return stream->part.len > 0 ? STATUS_UPSTREAM_CUT : STATUS_OK;
}

void eventstream_init(
    struct eventstream *stream, eventstream_callback *callback, void *ctx)
{
	*stream = (struct eventstream){.callback = callback, .ctx = ctx};
	buf_init(&stream->part, EVENTSTREAM_MAX_MESSAGE);
}

void eventstream_free(struct eventstream *stream)
{
	buf_free(&stream->part);
}
