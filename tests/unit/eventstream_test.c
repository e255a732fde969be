#include "../../src/eventstream.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "eventstream_frames.h"
#include "tap.h"

#define VECTORS "tests/vectors/eventstream.txt"

enum {
	CEILING = 64 << 20,
	VECTOR_COUNT = 16
};

/* What a decoder has said: "event contentBlockDelta PAYLOAD|" and so on. */
struct heard {
	struct buf log;
	size_t messages;
	const char *from, *to; /* the piece at work */
	size_t views;          /* messages that were not copied */
	enum status answer;    /* what the callback returns */
};

static enum status hear(void *ctx, const struct eventstream_message *message)
{
	static const char *const kinds[] = {"event", "exception", "error"};
	struct heard *heard = ctx;

	heard->messages++;
	heard->views +=
	    message->name.ptr >= heard->from && message->name.ptr < heard->to;
	buf_add_text(&heard->log, kinds[message->kind]);
	buf_add_char(&heard->log, ' ');
	buf_add(&heard->log, message->name);
	buf_add_char(&heard->log, ' ');
	buf_add(&heard->log, message->payload);
	buf_add_char(&heard->log, '|');
	return heard->answer;
}

static void heard_init(struct heard *heard)
{
	*heard = (struct heard){0};
	buf_init(&heard->log, CEILING);
}

/* Feeds a copy of its own, so that a read behind it is seen. */
static enum status feed(
    struct heard *heard, struct eventstream *stream, struct slice bytes)
{
	char *copy = malloc(bytes.len + (bytes.len == 0));
	enum status status;

	if (copy == NULL)
		return STATUS_NO_MEMORY;
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	heard->from = copy;
	heard->to = copy + bytes.len;
	status = eventstream_feed(
	    stream, (struct slice){.ptr = copy, .len = bytes.len});
	free(copy);
	return status;
}

/* Feed bytes in pieces of a, b and then rest bytes each (0: all). */
static enum status run(
    struct heard *heard, struct slice bytes, const size_t sizes[3])
{
	struct eventstream stream;
	enum status status = STATUS_OK;

	heard_init(heard);
	eventstream_init(&stream, hear, heard);
	for (size_t i = 0; status == STATUS_OK && (i < 2 || bytes.len > 0);
	     i++) {
		size_t n = sizes[i < 2 ? i : 2];

		status = feed(heard, &stream, slice_first(bytes, n));
		bytes = slice_skip(bytes, n);
	}
	if (status == STATUS_OK)
		status = eventstream_finish(&stream);
	eventstream_free(&stream);
	eventstream_free(&stream);
	return status;
}

static void check_run(struct slice bytes, const char *wanted,
    enum status status, const size_t sizes[3])
{
	struct heard heard;

	CHECK(run(&heard, bytes, sizes) == status);
	CHECK_SLICE(buf_slice(&heard.log), slice_from(wanted));
	buf_free(&heard.log);
}

/* In any two pieces, in three, and byte by byte. */
static void check(struct slice bytes, const char *wanted, enum status status)
{
	for (size_t a = 0; a <= bytes.len; a++) {
		check_run(bytes, wanted, status, (size_t[]){a, bytes.len, 1});
		for (size_t b = 1; a + b <= bytes.len; b += b < 20 ? 1 : 37)
			check_run(
			    bytes, wanted, status, (size_t[]){a, b, bytes.len});
	}
	check_run(bytes, wanted, status, (size_t[]){1, 1, 1});
	check_run(bytes, wanted, status, (size_t[]){1, 11, 4});
}

/* ---- vectors ---- */

struct vector {
	struct slice name, kind, type, payload;
	struct buf frame;
};

/* The next case; false after the last. */
static bool next_vector(struct slice *rest, struct vector *v)
{
	*v = (struct vector){0};
	while (rest->len > 0) {
		struct slice line = slice_cut(rest, '\n');
		struct slice label = slice_cut(&line, ':');

		line = slice_trim(line);
		if (slice_equal(label, SLICE("name")))
			v->name = line;
		else if (slice_equal(label, SLICE("kind")))
			v->kind = line;
		else if (slice_equal(label, SLICE("type")))
			v->type = line;
		else if (slice_equal(label, SLICE("payload")))
			v->payload = line;
		if (!slice_equal(label, SLICE("frame")))
			continue;
		buf_init(&v->frame, CEILING);
		add_hex(&v->frame, take_lines(rest));
		return true;
	}
	return false;
}

static void check_vector(const struct vector *v)
{
	bool refused = slice_equal(v->kind, SLICE("refused"));
	struct slice frame = buf_slice(&v->frame);
	char wanted[1024] = "";

	if (!refused)
		(void)snprintf(wanted, sizeof wanted, "%.*s %.*s %.*s|",
		    SLICE_ARG(v->kind), SLICE_ARG(v->type),
		    SLICE_ARG(v->payload));
	check(frame, wanted, refused ? STATUS_UPSTREAM_ERROR : STATUS_OK);
}

TEST(messages_of_awss_encoder)
{
	struct buf text;
	struct slice rest;
	struct vector v;
	size_t n = 0;

	CHECK(read_vectors(&text, VECTORS));
	rest = buf_slice(&text);
	for (; next_vector(&rest, &v); n++) {
		check_vector(&v);
		if (tap_failed)
			printf("# in %.*s\n", SLICE_ARG(v.name));
		buf_free(&v.frame);
		if (tap_failed)
			break;
	}
	CHECK(n == VECTOR_COUNT);
	buf_free(&text);
}

/* ---- messages of our own ---- */

static struct buf bytes, headers;

static void begin(void)
{
	buf_init(&bytes, CEILING);
	buf_init(&headers, CEILING);
}

static void end(void)
{
	buf_free(&bytes);
	buf_free(&headers);
}

TEST(several_messages)
{
	begin();
	check(buf_slice(&bytes), "", STATUS_OK);
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	add_message(&bytes, "event", SLICE("bb"), SLICE(""));
	add_message(&bytes, "exception", SLICE("c"), SLICE("two\nlines"));
	check(buf_slice(&bytes), "event a 1|event bb |exception c two\nlines|",
	    STATUS_OK);
	end();
}

TEST(whole_messages_are_not_copied)
{
	struct eventstream stream;
	struct heard heard;

	begin();
	heard_init(&heard);
	eventstream_init(&stream, hear, &heard);
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	add_message(&bytes, "event", SLICE("b"), SLICE("2"));
	CHECK(feed(&heard, &stream, buf_slice(&bytes)) == STATUS_OK);
	CHECK(heard.messages == 2 && heard.views == 2);
	CHECK(stream.part.cap == 0);
	/* One in two pieces, another behind it in the second. */
	CHECK(feed(&heard, &stream, slice_first(buf_slice(&bytes), 20)) ==
	    STATUS_OK);
	CHECK(eventstream_finish(&stream) == STATUS_UPSTREAM_CUT);
	CHECK(feed(&heard, &stream, slice_skip(buf_slice(&bytes), 20)) ==
	    STATUS_OK);
	CHECK(heard.messages == 4 && heard.views == 3);
	CHECK(eventstream_finish(&stream) == STATUS_OK);
	eventstream_free(&stream);
	buf_free(&heard.log);
	end();
}

TEST(a_stream_that_is_cut)
{
	size_t first;

	begin();
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	first = bytes.len;
	add_message(&bytes, "event", SLICE("b"), SLICE("2"));
	for (size_t n = 1; n < bytes.len; n++) {
		const char *wanted = n < first ? "" : "event a 1|";
		enum status status =
		    n == first ? STATUS_OK : STATUS_UPSTREAM_CUT;

		check_run(slice_first(buf_slice(&bytes), n), wanted, status,
		    (size_t[]){0, 0, n});
		check_run(slice_first(buf_slice(&bytes), n), wanted, status,
		    (size_t[]){1, 1, 1});
	}
	end();
}

TEST(any_damage_is_seen)
{
	begin();
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	for (size_t n = 0; n < bytes.len; n++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes.ptr[n] = (char)(bytes.ptr[n] ^ 1 << bit);
			check_run(buf_slice(&bytes), "", STATUS_UPSTREAM_ERROR,
			    (size_t[]){0, 0, bytes.len});
			check_run(buf_slice(&bytes), "", STATUS_UPSTREAM_ERROR,
			    (size_t[]){1, 1, 1});
			bytes.ptr[n] = (char)(bytes.ptr[n] ^ 1 << bit);
		}
	}
	check(buf_slice(&bytes), "event a 1|", STATUS_OK);
	end();
}

/* The twelve bytes are enough: nothing is waited for. */
static void check_lengths(
    uint32_t len, uint32_t headers_len, enum status status)
{
	struct eventstream stream;
	struct heard heard;

	begin();
	heard_init(&heard);
	add_frame_of(&bytes, len, headers_len, (struct slice){0}, SLICE("xx"));
	eventstream_init(&stream, hear, &heard);
	CHECK(eventstream_feed(&stream, slice_first(buf_slice(&bytes), 11)) ==
	    STATUS_OK);
	CHECK(eventstream_feed(&stream,
		  slice_first(slice_skip(buf_slice(&bytes), 11), 1)) == status);
	CHECK(stream.part.cap <= 256);
	eventstream_free(&stream);
	eventstream_init(&stream, hear, &heard);
	CHECK(eventstream_feed(&stream, slice_first(buf_slice(&bytes), 12)) ==
	    status);
	eventstream_free(&stream);
	CHECK(heard.messages == 0);
	buf_free(&heard.log);
	end();
}

TEST(lengths_that_cannot_be)
{
	check_lengths(16, 0, STATUS_OK);
	check_lengths(15, 0, STATUS_UPSTREAM_ERROR);
	check_lengths(0, 0, STATUS_UPSTREAM_ERROR);
	check_lengths(12, 0xffffffff, STATUS_UPSTREAM_ERROR);
	check_lengths(20, 4, STATUS_OK);
	check_lengths(20, 5, STATUS_UPSTREAM_ERROR);
	check_lengths(100, 0xffffffff, STATUS_UPSTREAM_ERROR);
	check_lengths(0xffffffff, 0, STATUS_TOO_LARGE);
	check_lengths(EVENTSTREAM_MAX_MESSAGE, 0, STATUS_OK);
	check_lengths(EVENTSTREAM_MAX_MESSAGE + 1, 0, STATUS_TOO_LARGE);
	check_lengths(1 << 20, EVENTSTREAM_MAX_HEADERS, STATUS_OK);
	check_lengths(1 << 20, EVENTSTREAM_MAX_HEADERS + 1, STATUS_TOO_LARGE);
	check_lengths(0xffffffff, 0xffffffff, STATUS_UPSTREAM_ERROR);
}

/* A damaged length is not believed, even one that a message could have. */
TEST(a_length_without_its_checksum)
{
	begin();
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	bytes.ptr[2] = 1;
	check_run(slice_first(buf_slice(&bytes), 12), "", STATUS_UPSTREAM_ERROR,
	    (size_t[]){0, 0, 12});
	check_run(slice_first(buf_slice(&bytes), 12), "", STATUS_UPSTREAM_ERROR,
	    (size_t[]){1, 1, 1});
	end();
}

/* Headers, then what makes the message a good one. */
static void check_headers(char type, struct slice value, bool good)
{
	begin();
	add_header(&headers, SLICE("x"), type, value);
	add_string(&headers, SLICE(":event-type"), SLICE("a"));
	add_string(&headers, SLICE(":message-type"), SLICE("event"));
	add_frame(&bytes, buf_slice(&headers), SLICE("1"));
	check(buf_slice(&bytes), good ? "event a 1|" : "",
	    good ? STATUS_OK : STATUS_UPSTREAM_ERROR);
	end();
}

#define GOOD(type, value) check_headers(type, SLICE(value), true)
#define BAD(type, value)  check_headers(type, SLICE(value), false)

TEST(every_type_of_header)
{
	GOOD(0, "");
	GOOD(1, "");
	GOOD(2, "1");
	GOOD(3, "12");
	GOOD(4, "1234");
	GOOD(5, "12345678");
	GOOD(6, "\0\0");
	GOOD(6, "\0\3abc");
	GOOD(7, "\0\0");
	GOOD(7, "\0\3abc");
	GOOD(8, "12345678");
	GOOD(9, "1234567890123456");
	BAD(10, "");
	BAD(10, "1234567890123456");
	BAD((char)-1, "");
	BAD(7, "\xff\xff");
	BAD(6, "\xff\xff");
}

/* The last header, cut anywhere, with a right checksum over it. */
static void check_cut_header(char type, struct slice value)
{
	for (size_t n = 1; n < 3 + value.len; n++) {
		size_t from;

		begin();
		add_string(&headers, SLICE(":event-type"), SLICE("a"));
		add_string(&headers, SLICE(":message-type"), SLICE("event"));
		from = headers.len;
		add_header(&headers, SLICE("x"), type, value);
		add_frame(&bytes, slice_first(buf_slice(&headers), from + n),
		    SLICE(""));
		check_run(buf_slice(&bytes), "", STATUS_UPSTREAM_ERROR,
		    (size_t[]){0, 0, bytes.len});
		end();
	}
}

TEST(headers_that_are_cut)
{
	check_cut_header(0, SLICE(""));
	check_cut_header(2, SLICE("1"));
	check_cut_header(3, SLICE("12"));
	check_cut_header(4, SLICE("1234"));
	check_cut_header(5, SLICE("12345678"));
	check_cut_header(6, SLICE("\0\3abc"));
	check_cut_header(7, SLICE("\0\3abc"));
	check_cut_header(8, SLICE("12345678"));
	check_cut_header(9, SLICE("1234567890123456"));
}

TEST(a_type_that_is_empty)
{
	begin();
	add_message(&bytes, "event", SLICE(""), SLICE("1"));
	check(buf_slice(&bytes), "", STATUS_UPSTREAM_ERROR);
	end();
}

TEST(what_the_callback_returns_ends_it)
{
	static const enum status answers[] = {
	    STATUS_MORE, STATUS_CLIENT_GONE, STATUS_NO_MEMORY};
	struct eventstream stream;
	struct heard heard;

	begin();
	add_message(&bytes, "event", SLICE("a"), SLICE("1"));
	add_message(&bytes, "event", SLICE("b"), SLICE("2"));
	for (size_t i = 0; i < 3; i++) {
		heard_init(&heard);
		heard.answer = answers[i];
		eventstream_init(&stream, hear, &heard);
		CHECK(
		    eventstream_feed(&stream, buf_slice(&bytes)) == answers[i]);
		CHECK(heard.messages == 1);
		CHECK(eventstream_feed(&stream,
			  slice_first(buf_slice(&bytes), 30)) == STATUS_OK);
		CHECK(eventstream_feed(&stream,
			  slice_skip(buf_slice(&bytes), 30)) == answers[i]);
		CHECK(heard.messages == 2);
		eventstream_free(&stream);
		buf_free(&heard.log);
	}
	end();
}

TEST(large_messages)
{
	static char payload[300000];
	struct eventstream stream;
	struct heard heard;
	struct slice rest;

	memset(payload, 'x', sizeof payload);
	begin();
	heard_init(&heard);
	add_message(&bytes, "event", SLICE("a"),
	    (struct slice){payload, sizeof payload});
	eventstream_init(&stream, hear, &heard);
	rest = buf_slice(&bytes);
	for (; rest.len > 0; rest = slice_skip(rest, 16384))
		CHECK(eventstream_feed(&stream, slice_first(rest, 16384)) ==
		    STATUS_OK);
	CHECK(heard.messages == 1);
	CHECK(heard.log.len == sizeof payload + strlen("event a |"));
	/* Memory for it is not kept. */
	CHECK(stream.part.cap == 0);
	eventstream_free(&stream);
	buf_free(&heard.log);
	end();
}

TEST(no_memory)
{
	/* More than a buffer's first allocation. */
	static const char payload[1000];
	size_t n = 0;

	begin();
	add_message(&bytes, "event", SLICE("a"),
	    (struct slice){.ptr = payload, .len = sizeof payload});
	for (;; n++) {
		struct eventstream stream;
		struct heard heard;
		enum status status;

		heard_init(&heard);
		buf_add(&heard.log, buf_slice(&bytes)); /* its own memory */
		buf_clear(&heard.log);
		eventstream_init(&stream, hear, &heard);
		alloc_fail_at(n);
		status = eventstream_feed(
		    &stream, slice_first(buf_slice(&bytes), 100));
		if (status == STATUS_OK)
			status = eventstream_feed(
			    &stream, slice_skip(buf_slice(&bytes), 100));
		eventstream_free(&stream);
		buf_free(&heard.log);
		if (!alloc_failed()) {
			CHECK(status == STATUS_OK);
			break;
		}
		CHECK(status == STATUS_NO_MEMORY);
	}
	CHECK(n >= 2);
	end();
}

int main(void)
{
	return tap_run();
}
