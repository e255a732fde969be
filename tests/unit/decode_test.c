#include "../../src/decode.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "tap.h"

/* What a decoder has said, written down: for each event its lines, "|" and
 * its end, with "!" if it has data and "@name". */
struct heard {
	struct buf log;
	struct buf data; /* of all events, one behind the other */
	size_t events;
	size_t end_len;     /* of the last event */
	enum status answer; /* what the callback returns */
};

static enum status hear(void *ctx, const struct decode_event *event)
{
	struct heard *heard = ctx;

	heard->events++;
	heard->end_len = event->end.len;
	buf_add(&heard->log, event->lines);
	buf_add_char(&heard->log, '|');
	/* A CRLF cut in two is delivered at its CR. */
	if (slice_equal(event->end, SLICE("\r\n")))
		buf_add_char(&heard->log, '\r');
	else
		buf_add(&heard->log, event->end);
	if (event->has_data)
		buf_add_char(&heard->log, '!');
	if (event->name.len > 0)
		buf_add_char(&heard->log, '@');
	buf_add(&heard->log, event->name);
	decode_add_data(&heard->data, event);
	return heard->answer;
}

static void heard_init(struct heard *heard)
{
	*heard = (struct heard){0};
	buf_init(&heard->log, 64u << 20);
	buf_init(&heard->data, 64u << 20);
}

static void heard_free(struct heard *heard)
{
	buf_free(&heard->log);
	buf_free(&heard->data);
}

/* Feeds a copy of its own, so that a read behind it is seen. */
static enum status feed(struct decode *decode, struct slice bytes)
{
	char *copy = malloc(bytes.len + (bytes.len == 0));
	enum status status;

	if (copy == NULL)
		return STATUS_NO_MEMORY;
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	status =
	    decode_feed(decode, (struct slice){.ptr = copy, .len = bytes.len});
	free(copy);
	return status;
}

/* Feed stream in pieces of a, b and then rest bytes each (0: all). */
static enum status run(struct heard *heard, enum decode_format format,
    struct slice stream, const size_t sizes[3])
{
	struct decode decode;
	enum status status = STATUS_OK;

	heard_init(heard);
	decode_init(&decode, format, hear, heard);
	for (size_t i = 0; status == STATUS_OK && (i < 2 || stream.len > 0);
	     i++) {
		size_t n = sizes[i < 2 ? i : 2];

		status = feed(&decode, slice_first(stream, n));
		stream = slice_skip(stream, n);
	}
	if (status == STATUS_OK)
		status = decode_finish(&decode);
	decode_free(&decode);
	decode_free(&decode);
	return status;
}

static void check_run(enum decode_format format, struct slice stream,
    struct slice wanted, const size_t sizes[3])
{
	struct heard heard;

	CHECK(run(&heard, format, stream, sizes) == STATUS_OK);
	/* Text is cut as it comes: only all of its data is the same. */
	CHECK_SLICE(buf_slice(format == DECODE_TEXT ? &heard.data : &heard.log),
	    wanted);
	heard_free(&heard);
}

/* In any three pieces, and byte by byte. */
static void check(
    enum decode_format format, struct slice stream, struct slice wanted)
{
	for (size_t a = 0; a <= stream.len; a++)
		for (size_t b = 0; a + b <= stream.len; b++)
			check_run(format, stream, wanted,
			    (size_t[]){a, b, stream.len});
	check_run(format, stream, wanted, (size_t[]){1, 1, 1});
}

#define SSE(stream, wanted)   check(DECODE_SSE, SLICE(stream), SLICE(wanted))
#define LINES(stream, wanted) check(DECODE_LINES, SLICE(stream), SLICE(wanted))
#define JSON(stream, wanted)  check(DECODE_JSON, SLICE(stream), SLICE(wanted))
#define TEXT(stream, wanted)  check(DECODE_TEXT, SLICE(stream), SLICE(wanted))

TEST(python_agent)
{
	SSE("data: \"Hello \"\n\ndata: \"\xe4\xb8\x96\"\n\ndata: \"\"\n\n",
	    "data: \"Hello \"\n|\n!data: \"\xe4\xb8\x96\"\n|\n!"
	    "data: \"\"\n|\n!");
	SSE("data: \"one \"\n\n"
	    "data: {\"error\": \"x\", \"error_type\": \"E\"}\n\n",
	    "data: \"one \"\n|\n!"
	    "data: {\"error\": \"x\", \"error_type\": \"E\"}\n|\n!");
}

TEST(typescript_agent)
{
	SSE("data: two\ndata: lines\n\n: heartbeat\n\n"
	    "id: 7\nevent: named\ndata: {}\nretry: 1500\n\n",
	    "data: two\ndata: lines\n|\n!: heartbeat\n|\n"
	    "id: 7\nevent: named\ndata: {}\nretry: 1500\n|\n!@named");
	SSE("data: crlf\r\ndata: line\n\nevent: error\ndata: {}\n\n",
	    "data: crlf\r\ndata: line\n|\n!"
	    "event: error\ndata: {}\n|\n!@error");
	SSE("data: cr\ronly\n\ndata: \n\n", "data: cr\ronly\n|\n!data: \n|\n!");
}

TEST(every_line_end)
{
	SSE("data: a\n\ndata: b\n\n", "data: a\n|\n!data: b\n|\n!");
	SSE("data: a\r\n\r\ndata: b\r\n\r\n", "data: a\r\n|\r!data: b\r\n|\r!");
	SSE("data: a\r\rdata: b\r\r", "data: a\r|\r!data: b\r|\r!");
	SSE("data: a\r\ndata: b\r\n\ndata: c\n\r\ndata: d\r\n\r",
	    "data: a\r\ndata: b\r\n|\n!data: c\n|\r!data: d\r\n|\r!");
	SSE("\n\r\r\n\ndata: a\n\n\n\r\n\r\n:\r\r\n\n", "data: a\n|\n!:\r|\r");
}

TEST(a_blank_line_is_taken_at_its_cr)
{
	struct decode decode;
	struct heard heard;

	heard_init(&heard);
	decode_init(&decode, DECODE_SSE, hear, &heard);
	CHECK(decode_feed(&decode, SLICE("data: a\r\n\r")) == STATUS_OK);
	CHECK(heard.events == 1 && heard.end_len == 1);
	CHECK(decode_feed(&decode, SLICE("\ndata: b\r\n\r\n")) == STATUS_OK);
	CHECK(heard.events == 2 && heard.end_len == 2);
	CHECK(decode_finish(&decode) == STATUS_OK);
	CHECK(heard.events == 2);
	decode_free(&decode);
	heard_free(&heard);
}

static void check_data(struct slice lines, struct slice wanted)
{
	struct buf data;

	buf_init(&data, 1000);
	decode_add_data(&data, &(struct decode_event){.lines = lines});
	CHECK_SLICE(buf_slice(&data), wanted);
	buf_free(&data);
}

TEST(data_is_what_a_client_would_see)
{
	check_data(SLICE("data: a\ndata:b\n: no\ndata:  c\ndata\n"),
	    SLICE("a\nb\n c\n"));
	check_data(
	    SLICE("data: a\rdata: b\r\nid: 1\rdata: c\n"), SLICE("a\nb\nc"));
	check_data(SLICE("data\n"), SLICE(""));
	check_data(SLICE(":\n"), SLICE(""));
}

TEST(an_unfinished_event_is_completed)
{
	SSE("data: a", "data: a\n|\n!");
	SSE("data: a\n", "data: a\n|\n!");
	SSE("data: a\r", "data: a\r|\n!");
	SSE("data: a\n\nevent: b\r\n", "data: a\n|\n!event: b\r\n|\n@b");
	SSE("", "");
	SSE("\n\n", "");
}

TEST(one_byte_order_mark_is_dropped)
{
	SSE("\xef\xbb\xbf"
	    "data: a\n\n\xef\xbb\xbf"
	    "data: b\n\n",
	    "data: a\n|\n!\xef\xbb\xbf"
	    "data: b\n|\n");
	SSE("\xef\xbb\xbf\xef\xbb\xbf:\n\n", "\xef\xbb\xbf:\n|\n");
	SSE("\xef\xbb:\n\n", "\xef\xbb:\n|\n");
	TEXT("\xef\xbb\xbfhi", "hi");
	TEXT("\xef\xbb", "\xef\xbf\xbd");
}

TEST(fields_are_what_the_standard_says)
{
	SSE("data\n\n", "data\n|\n!");
	SSE("database: x\n data: y\nDATA: z\nevents: e\n\n",
	    "database: x\n data: y\nDATA: z\nevents: e\n|\n");
	SSE("event: a\nevent:b\ndata:x\n\n",
	    "event: a\nevent:b\ndata:x\n|\n!@b");
	SSE("event: a\nevent\n\n", "event: a\nevent\n|\n");
}

TEST(text_becomes_data_lines)
{
	struct heard heard;

	CHECK(run(&heard, DECODE_TEXT, SLICE("a\nb"), (size_t[]){2, 1, 1}) ==
	    STATUS_OK);
	CHECK_SLICE(
	    buf_slice(&heard.log), SLICE("data: a\ndata: \n|\n!data: b\n|\n!"));
	heard_free(&heard);
	TEXT("a\n", "a\n");
	TEXT("\n", "\n");
	TEXT(" a\r\nb\rc\n\n\r\rd", " a\nb\nc\n\n\n\nd");
	TEXT("data: x\r\n\r\n", "data: x\n\n");
	TEXT("\xe4\xb8\x96\xf0\x9f\x8c\x8f\r\n\xc3\xa9",
	    "\xe4\xb8\x96\xf0\x9f\x8c\x8f\n\xc3\xa9");
}

TEST(text_is_made_valid)
{
	TEXT("a\xff"
	     "b",
	    "a\xef\xbf\xbd"
	    "b");
	TEXT("\xe4\xb8\n", "\xef\xbf\xbd\n");
	TEXT("\xf0\x9f\x8c", "\xef\xbf\xbd");
	TEXT("\xe0\x80", "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(ndjson_gives_an_event_a_line)
{
	check(DECODE_LINES,
	    SLICE("{\"a\":1}\n\n \t\r\n{\"b\":\xc3\xa9}\r\n[\r2]"),
	    SLICE("data: {\"a\":1}\n|\n!data: {\"b\":\xc3\xa9}\n|\n!"
		  "data: [\ndata: 2]\n|\n!"));
	LINES("", "");
	LINES("\n \n", "");
}

TEST(json_is_one_event_at_its_end)
{
	struct decode decode;
	struct heard heard;

	check(DECODE_JSON, SLICE("{\n\"a\":\r\n1}"),
	    SLICE("data: {\ndata: \"a\":\ndata: 1}\n|\n!"));
	JSON("hello", "data: hello\n|\n!");
	JSON(" \r\n\t", "");
	JSON("", "");
	heard_init(&heard);
	decode_init(&decode, DECODE_JSON, hear, &heard);
	CHECK(decode_feed(&decode, SLICE("{}\n")) == STATUS_OK);
	CHECK(heard.events == 0);
	CHECK(decode_finish(&decode) == STATUS_OK);
	CHECK(decode_finish(&decode) == STATUS_OK);
	CHECK(heard.events == 1);
	decode_free(&decode);
	heard_free(&heard);
}

/* Feed n bytes of c in pieces of 64 KiB. */
static enum status feed_many(struct decode *decode, char c, size_t n)
{
	static char piece[1 << 16];
	enum status status = STATUS_OK;

	memset(piece, c, sizeof piece);
	for (; n > 0 && status == STATUS_OK;
	     n -= n < sizeof piece ? n : sizeof piece)
		status = decode_feed(decode,
		    slice_first(
			(struct slice){.ptr = piece, .len = sizeof piece}, n));
	return status;
}

TEST(an_event_has_a_ceiling)
{
	static const enum decode_format formats[] = {
	    DECODE_SSE, DECODE_JSON, DECODE_LINES};
	struct decode decode;
	struct heard heard;

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		heard_init(&heard);
		decode_init(&decode, formats[i], hear, &heard);
		CHECK(
		    feed_many(&decode, 'x', DECODE_MAX_EVENT - 1) == STATUS_OK);
		CHECK(decode_finish(&decode) == STATUS_OK);
		CHECK(heard.events == 1);
		CHECK(decode.part.cap == 0 && decode.lines.cap == 0);
		CHECK(feed_many(&decode, 'x', DECODE_MAX_EVENT + 1) ==
		    STATUS_TOO_LARGE);
		CHECK(decode_feed(&decode, SLICE("\n\n")) == STATUS_TOO_LARGE);
		CHECK(decode_finish(&decode) == STATUS_TOO_LARGE);
		CHECK(heard.events == 1);
		decode_free(&decode);
		heard_free(&heard);
	}
}

static enum status ignore(void *ctx, const struct decode_event *event)
{
	*(size_t *)ctx += event->lines.len;
	return STATUS_OK;
}

TEST(whole_events_need_no_memory)
{
	struct decode decode;
	size_t bytes = 0;

	decode_init(&decode, DECODE_SSE, ignore, &bytes);
	alloc_fail_at(0);
	CHECK(decode_feed(&decode, SLICE("data: a\n\ndata: b\r\n\r\n")) ==
	    STATUS_OK);
	CHECK(decode_feed(&decode, SLICE(":\n\n")) == STATUS_OK);
	CHECK(decode_finish(&decode) == STATUS_OK);
	CHECK(!alloc_failed());
	CHECK(bytes == 19);
	CHECK(decode.part.cap == 0);
	decode_free(&decode);
}

TEST(small_memory_is_kept)
{
	struct decode decode;
	size_t bytes = 0;

	decode_init(&decode, DECODE_SSE, ignore, &bytes);
	CHECK(decode_feed(&decode, SLICE("data: ")) == STATUS_OK);
	CHECK(decode_feed(&decode, SLICE("a\n\n")) == STATUS_OK);
	CHECK(decode.part.cap > 0 && decode.part.len == 0);
	alloc_fail_at(0);
	CHECK(decode_feed(&decode, SLICE("data: ")) == STATUS_OK);
	CHECK(!alloc_failed());
	decode_free(&decode);
}

TEST(the_callback_stops_it)
{
	static const enum decode_format formats[] = {
	    DECODE_SSE, DECODE_LINES, DECODE_TEXT};
	struct decode decode;
	struct heard heard;

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		heard_init(&heard);
		heard.answer = STATUS_CLIENT_GONE;
		decode_init(&decode, formats[i], hear, &heard);
		CHECK(decode_feed(&decode, SLICE("data: a\n\ndata: b\n\n")) ==
		    STATUS_CLIENT_GONE);
		CHECK(heard.events == 1);
		decode_free(&decode);
		heard_free(&heard);
	}
	heard_init(&heard);
	heard.answer = STATUS_CLIENT_GONE;
	decode_init(&decode, DECODE_JSON, hear, &heard);
	CHECK(decode_feed(&decode, SLICE("{}")) == STATUS_OK);
	CHECK(decode_finish(&decode) == STATUS_CLIENT_GONE);
	decode_free(&decode);
	heard_free(&heard);
}

/* Two pieces and the end, without a buffer of the test's own. */
static enum status in_two(enum decode_format format, struct slice stream)
{
	struct decode decode;
	size_t bytes = 0, half = stream.len / 2;
	enum status status;

	decode_init(&decode, format, ignore, &bytes);
	status = decode_feed(&decode, slice_first(stream, half));
	if (status == STATUS_OK)
		status = decode_feed(&decode, slice_skip(stream, half));
	if (status == STATUS_OK)
		status = decode_finish(&decode);
	decode_free(&decode);
	return status;
}

TEST(out_of_memory_is_told)
{
	static const struct {
		enum decode_format format;
		const char *stream;
	} cases[] = {
	    {DECODE_SSE, "data: a\n\ndata: b\n\ndata: c"},
	    {DECODE_SSE, "\xef\xbb\xbf"},
	    {DECODE_JSON, "{\"a\":1}"},
	    {DECODE_LINES, "1\n2\n3"},
	    {DECODE_TEXT, "a\xf0\x9f\x8c\x8fz\xc3"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice stream = slice_from(cases[i].stream);
		enum status status;
		size_t n = 0;

		for (;; n++) {
			alloc_fail_at(n);
			status = in_two(cases[i].format, stream);
			if (!alloc_failed())
				break;
			CHECK(status == STATUS_NO_MEMORY);
		}
		CHECK(n > 0);
		CHECK(status == STATUS_OK);
	}
}

TEST(many_short_lines_take_linear_time)
{
	struct decode decode;
	size_t bytes = 0;

	/* Minutes if each CR looked for the next LF again. */
	decode_init(&decode, DECODE_SSE, ignore, &bytes);
	for (size_t i = 0; i < DECODE_MAX_EVENT / 8; i++)
		CHECK(decode_feed(&decode, SLICE("data:ab\r")) == STATUS_OK);
	CHECK(decode_feed(&decode, SLICE("\r")) == STATUS_OK);
	CHECK(bytes == DECODE_MAX_EVENT);
	decode_free(&decode);
}

static int format_of(const char *content_type)
{
	enum decode_format format = DECODE_SSE;

	if (decode_format_of(slice_from(content_type), &format) != STATUS_OK)
		return -1;
	return (int)format;
}

TEST(content_types)
{
	static const struct {
		const char *type;
		int format;
	} cases[] = {
	    {"text/event-stream", DECODE_SSE},
	    {"Text/Event-Stream ; charset=utf-8", DECODE_SSE},
	    {"application/json; charset=utf-8", DECODE_JSON},
	    {"application/vnd.x+JSON", DECODE_JSON},
	    {"application/x-ndjson", DECODE_LINES},
	    {"application/jsonl", DECODE_LINES},
	    {"application/jsonlines", DECODE_LINES},
	    {"text/plain", DECODE_TEXT},
	    {"text/markdown;x=text/html", DECODE_TEXT},
	    {"application/octet-stream", DECODE_TEXT},
	    {"", DECODE_TEXT},
	    {NULL, DECODE_TEXT},
	    {"TEXT/HTML", -1},
	    {"text/html; charset=utf-8", -1},
	    {"application/xhtml+xml", -1},
	    {"application/xml", -1},
	    {"image/png", -1},
	    {"text", -1},
	    {"+json", -1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(format_of(cases[i].type) == cases[i].format);
}

int main(void)
{
	return tap_run();
}
