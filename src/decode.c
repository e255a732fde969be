#include "decode.h"

#include <string.h>

#include "utf8.h"

enum {
	/* Memory kept between events: most are shorter, and a gateway may
	 * hold thousands of idle streams. */
	KEEP = 2048,
	/* data: lines made of text are longer than it: by 6 bytes a line. */
	MAX_LINES = 2 * DECODE_MAX_EVENT
};

/* Goes over the lines of a text.  The next LF and CR are remembered, so that
 * no byte is searched twice whatever ends the lines. */
struct walk {
	struct slice text;
	size_t at;
	size_t lf; /* the first LF not before at, or text.len */
	size_t cr;
};

static size_t find(struct slice text, size_t from, char c)
{
	const char *hit = from >= text.len
	    ? NULL
	    : memchr(text.ptr + from, c, text.len - from);

	return hit == NULL ? text.len : (size_t)(hit - text.ptr);
}

static struct walk walk_begin(struct slice text)
{
	return (struct walk){
	    .text = text,
	    .lf = find(text, 0, '\n'),
	    .cr = find(text, 0, '\r'),
	};
}

/* Where the line that begins at walk->at ends: its line end, or text.len. */
static size_t walk_end(struct walk *walk)
{
	if (walk->lf < walk->at)
		walk->lf = find(walk->text, walk->at, '\n');
	if (walk->cr < walk->at)
		walk->cr = find(walk->text, walk->at, '\r');
	return walk->lf < walk->cr ? walk->lf : walk->cr;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* How long the line end at `at` is: 0 only at the end of text. */
static size_t line_end_len(struct slice text, size_t at)
{
	if (at >= text.len)
		return 0;
	if (text.ptr[at] == '\r' && at + 1 < text.len &&
	    text.ptr[at + 1] == '\n')
		return 2;
	return 1;
}

static struct slice part_of(struct slice text, size_t from, size_t to)
{
	return slice_first(slice_skip(text, from), to - from);
}

/* The next line without its line end; false after the last.  A text that
 * ends in a line end has no empty line behind it. */
static bool walk_next(struct walk *walk, struct slice *line)
{
	size_t end;

	if (walk->at >= walk->text.len)
		return false;
	end = walk_end(walk);
	*line = part_of(walk->text, walk->at, end);
	walk->at = end + line_end_len(walk->text, end);
	return true;
}

/* True if line has this field; *value is then what follows the colon. */
static bool field(struct slice line, struct slice name, struct slice *value)
{
	if (!slice_starts(line, name))
		return false;
	line = slice_skip(line, name.len);
	if (line.len > 0 && line.ptr[0] != ':')
		return false;
	line = slice_skip(line, 1);
	*value = slice_skip(line, slice_starts(line, SLICE(" ")));
	return true;
}

static enum status deliver(
    struct decode *decode, struct slice lines, struct slice end)
{
	struct decode_event event = {.lines = lines, .end = end};
	struct walk walk = walk_begin(lines);
	struct slice line, value;

	while (walk_next(&walk, &line)) {
		if (field(line, SLICE("data"), &value))
			event.has_data = true;
		else if (field(line, SLICE("event"), &value))
			event.name = value;
	}
	return decode->callback(decode->ctx, &event);
}

/* Go on to the blank line that ends the event; false if it has not come.
 * before is the event's byte in front of walk->at, or 0. */
static bool walk_blank(struct walk *walk, char before)
{
	struct slice text = walk->text;

	if (before == '\r' && text.ptr[walk->at] == '\n')
		walk->at++;
	if (is_line_end(before) && walk->at < text.len &&
	    is_line_end(text.ptr[walk->at]))
		return true;
	while (walk->at < text.len) {
		size_t end = walk_end(walk);

		walk->at = end + line_end_len(text, end);
		if (walk->at < text.len && is_line_end(text.ptr[walk->at]))
			return true;
	}
	return false;
}

/* Everything in part has been searched: its last byte tells where the search
 * stands.  A blank line is taken at its CR, a live stream must not wait; a
 * LF that comes later is then a blank line outside of an event. */
static enum status feed_sse(struct decode *decode, struct slice bytes)
{
	struct walk walk = walk_begin(bytes);
	struct buf *part = &decode->part;

	while (walk.at < bytes.len) {
		size_t begin = walk.at;
		struct slice lines, end;
		enum status status;
		bool found;

		if (part->len == 0 && is_line_end(bytes.ptr[begin])) {
			walk.at++;
			continue;
		}
		found = walk_blank(
		    &walk, part->len > 0 ? part->ptr[part->len - 1] : '\0');
		lines = part_of(bytes, begin, walk.at);
		if (!found || part->len > 0) {
			buf_add(part, lines);
			lines = buf_slice(part);
		}
		if (!found || buf_status(part) != STATUS_OK)
			break;
		if (lines.len > DECODE_MAX_EVENT)
			return STATUS_TOO_LARGE;
		end = part_of(
		    bytes, walk.at, walk.at + line_end_len(bytes, walk.at));
		walk.at += end.len;
		status = deliver(decode, lines, end);
		buf_reset(part, KEEP);
		if (status != STATUS_OK)
			return status;
	}
	return buf_status(part);
}

/* One event whose data is text: a line end at its end makes one more, empty
 * data: line. */
static enum status deliver_text(struct decode *decode, struct slice text)
{
	struct walk walk = walk_begin(text);
	struct buf *lines = &decode->lines;
	enum status status;
	size_t end;

	if (text.len > DECODE_MAX_EVENT)
		return STATUS_TOO_LARGE;
	do {
		end = walk_end(&walk);
		buf_add(lines, SLICE("data: "));
		utf8_add_clean(lines, part_of(text, walk.at, end));
		buf_add_char(lines, '\n');
		walk.at = end + line_end_len(text, end);
	} while (end < text.len);
	status = buf_status(lines);
	if (status == STATUS_OK)
		status = deliver(decode, buf_slice(lines), SLICE("\n"));
	buf_reset(lines, KEEP);
	return status;
}

/* part holds the beginning of a character, if anything. */
static enum status feed_text(struct decode *decode, struct slice bytes)
{
	struct buf *part = &decode->part;
	struct slice text = bytes;
	enum status status = STATUS_OK;
	size_t held;

	if (decode->after_cr && bytes.ptr[0] == '\n')
		text = bytes = slice_skip(bytes, 1);
	decode->after_cr = bytes.len > 0 && bytes.ptr[bytes.len - 1] == '\r';
	if (part->len > 0) {
		buf_add(part, bytes);
		text = buf_slice(part);
	}
	if (buf_status(part) != STATUS_OK)
		return buf_status(part);
	held = utf8_unfinished(text);
	if (text.len > held)
		status =
		    deliver_text(decode, slice_first(text, text.len - held));
	if (part->len > 0)
		buf_drop(part, part->len - held);
	else
		buf_add(part, slice_skip(text, text.len - held));
	return status == STATUS_OK ? buf_status(part) : status;
}

static bool is_blank(struct slice text)
{
	while (text.len > 0 && memchr(" \t\r\n", text.ptr[0], 4) != NULL)
		text = slice_skip(text, 1);
	return text.len == 0;
}

static enum status deliver_line(struct decode *decode, struct slice line)
{
	if (is_blank(line))
		return STATUS_OK;
	if (slice_ends(line, SLICE("\r")))
		line.len--;
	return deliver_text(decode, line);
}

/* NDJSON ends its lines with LF; a CR inside of one is JSON's white space. */
static enum status feed_lines(struct decode *decode, struct slice bytes)
{
	struct buf *part = &decode->part;

	for (;;) {
		size_t end = find(bytes, 0, '\n');
		struct slice line = slice_first(bytes, end);
		enum status status;

		if (end == bytes.len || part->len > 0) {
			buf_add(part, line);
			line = buf_slice(part);
		}
		if (end == bytes.len || buf_status(part) != STATUS_OK)
			return buf_status(part);
		status = deliver_line(decode, line);
		buf_reset(part, KEEP);
		if (status != STATUS_OK)
			return status;
		bytes = slice_skip(bytes, end + 1);
	}
}

/* Collect a byte order mark in part, and drop it if it is one: *bytes is what
 * follows.  Bytes that only began like one stay in part. */
static enum status skip_mark(struct decode *decode, struct slice *bytes)
{
	const struct slice mark = SLICE("\xef\xbb\xbf");
	struct buf *part = &decode->part;

	while (!decode->started && bytes->len > 0) {
		if (bytes->ptr[0] != mark.ptr[part->len]) {
			decode->started = true;
			break;
		}
		buf_add(part, slice_first(*bytes, 1));
		if (buf_status(part) != STATUS_OK)
			return buf_status(part);
		*bytes = slice_skip(*bytes, 1);
		if (part->len == mark.len) {
			decode->started = true;
			buf_clear(part);
		}
	}
	return STATUS_OK;
}

enum status decode_feed(struct decode *decode, struct slice bytes)
{
	enum status status = skip_mark(decode, &bytes);

	if (status != STATUS_OK || bytes.len == 0)
		return status;
	switch (decode->format) {
	case DECODE_SSE:
		return feed_sse(decode, bytes);
	case DECODE_TEXT:
		return feed_text(decode, bytes);
	case DECODE_LINES:
		return feed_lines(decode, bytes);
	case DECODE_JSON:
		break;
	}
	buf_add(&decode->part, bytes);
	return buf_status(&decode->part);
}

/* JSON is passed on whatever it is: AWS's TypeScript SDK sends plain text
 * under that name. */
enum status decode_finish(struct decode *decode)
{
	struct buf *part = &decode->part;
	enum status status = buf_status(part);

	if (status != STATUS_OK || part->len == 0)
		return status;
	if (decode->format != DECODE_SSE) {
		status = deliver_line(decode, buf_slice(part));
	} else {
		if (!is_line_end(part->ptr[part->len - 1]))
			buf_add_char(part, '\n');
		status = buf_status(part);
		if (status == STATUS_OK)
			status = deliver(decode, buf_slice(part), SLICE("\n"));
	}
	buf_reset(part, KEEP);
	return status;
}

void decode_add_data(struct buf *out, const struct decode_event *event)
{
	struct walk walk = walk_begin(event->lines);
	struct slice line, value;
	bool first = true;

	while (walk_next(&walk, &line)) {
		if (!field(line, SLICE("data"), &value))
			continue;
		if (!first)
			buf_add_char(out, '\n');
		buf_add(out, value);
		first = false;
	}
}

enum status decode_format_of(
    struct slice content_type, enum decode_format *format)
{
	static const struct {
		const char *type;
		enum decode_format format;
	} exact[] = {
	    {"text/event-stream", DECODE_SSE},
	    {"application/json", DECODE_JSON},
	    {"application/x-ndjson", DECODE_LINES},
	    {"application/ndjson", DECODE_LINES},
	    {"application/jsonl", DECODE_LINES},
	    {"application/jsonlines", DECODE_LINES},
	    {"application/octet-stream", DECODE_TEXT},
	    {"", DECODE_TEXT},
	};
	struct slice type = slice_trim(slice_cut(&content_type, ';'));

	for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++) {
		if (slice_equal_nocase(type, slice_from(exact[i].type))) {
			*format = exact[i].format;
			return STATUS_OK;
		}
	}
	if (type.len > 5 &&
	    slice_equal_nocase(slice_skip(type, type.len - 5), SLICE("+json")))
		*format = DECODE_JSON;
	else if (slice_equal_nocase(slice_first(type, 5), SLICE("text/")) &&
	    !slice_equal_nocase(type, SLICE("text/html")))
		*format = DECODE_TEXT;
	else
		return STATUS_UPSTREAM_ERROR;
	return STATUS_OK;
}

void decode_init(struct decode *decode, enum decode_format format,
    decode_callback *callback, void *ctx)
{
	*decode =
	    (struct decode){.format = format, .callback = callback, .ctx = ctx};
	buf_init(&decode->part, DECODE_MAX_EVENT);
	buf_init(&decode->lines, MAX_LINES);
}

void decode_free(struct decode *decode)
{
	buf_free(&decode->part);
	buf_free(&decode->lines);
}
