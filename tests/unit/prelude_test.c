#include "../../src/prelude.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "tap.h"

#define NULS "\0\0\0\0\0\0\0\0"

enum {
	CEILING = 1 << 20
};

/* What is to come of a stream. */
struct wanted {
	enum prelude_state state; /* at its end */
	unsigned status;
	const char *type;
	struct slice out;
};

/* Feeds a copy of its own, so that a read behind it is seen. */
static enum status feed(
    struct prelude *prelude, struct slice bytes, struct buf *all)
{
	char *copy = malloc(bytes.len + (bytes.len == 0));
	struct slice out;
	enum status status;

	if (copy == NULL)
		return STATUS_NO_MEMORY;
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	status = prelude_feed(
	    prelude, (struct slice){.ptr = copy, .len = bytes.len}, &out);
	if (status == STATUS_OK) {
		CHECK(prelude->state != PRELUDE_LOOKING || out.len == 0);
		buf_add(all, out);
	}
	free(copy);
	return status;
}

/* Feed bytes in pieces of a, b and then rest bytes each. */
static void check_run(
    struct slice bytes, const struct wanted *wanted, const size_t sizes[3])
{
	struct prelude prelude;
	struct buf all;

	buf_init(&all, CEILING);
	prelude_init(&prelude);
	for (size_t i = 0; i < 2 || bytes.len > 0; i++) {
		size_t n = sizes[i < 2 ? i : 2];

		CHECK(feed(&prelude, slice_first(bytes, n), &all) == STATUS_OK);
		bytes = slice_skip(bytes, n);
	}
	buf_add(&all, prelude_finish(&prelude));
	CHECK(prelude_finish(&prelude).len == 0);
	CHECK_SLICE(buf_slice(&all), wanted->out);
	CHECK(prelude.state == wanted->state);
	CHECK(prelude.status == wanted->status);
	CHECK_SLICE(slice_from(prelude.content_type), slice_from(wanted->type));
	prelude_free(&prelude);
	prelude_free(&prelude);
	buf_free(&all);
}

/* In any three pieces, and byte by byte. */
static void check(struct slice bytes, const struct wanted *wanted)
{
	for (size_t a = 0; a <= bytes.len; a++)
		for (size_t b = 0; a + b <= bytes.len; b++)
			check_run(bytes, wanted,
			    (size_t[]){a, b, bytes.len - a - b + 1});
	check_run(bytes, wanted, (size_t[]){1, 1, 1});
}

/* A stream with a prelude, its body, and what the prelude says. */
static void check_found(
    struct slice bytes, const char *body, unsigned status, const char *type)
{
	check(bytes,
	    &(struct wanted){.state = PRELUDE_FOUND,
		.status = status,
		.type = type,
		.out = slice_from(body)});
}

static void check_none(struct slice bytes)
{
	check(bytes,
	    &(struct wanted){.state = PRELUDE_NONE,
		.status = 200,
		.type = "",
		.out = bytes});
}

#define FOUND(bytes, body, status, type) \
	check_found(SLICE(bytes), body, status, type)
#define NONE(bytes) check_none(SLICE(bytes))

TEST(preludes)
{
	FOUND("{\"statusCode\":200,\"headers\":{\"Content-Type\":"
	      "\"text/event-stream\",\"X-A\":\"b\"}}" NULS "data: 1\n\n",
	    "data: 1\n\n", 200, "text/event-stream");
	FOUND("{}" NULS "body", "body", 200, "");
	FOUND("{}" NULS, "", 200, "");
	FOUND("{ \"statusCode\" : 404 }" NULS "no", "no", 404, "");
	FOUND("{\"statusCode\":\"502\"}" NULS "no", "no", 502, "");
	FOUND("{\"cookies\":[\"a={\"],\"headers\":{}}" NULS "x", "x", 200, "");
}

TEST(names_in_any_case)
{
	FOUND("{\"headers\":{\"content-type\":\"text/plain\"}}" NULS "x", "x",
	    200, "text/plain");
	FOUND("{\"headers\":{\"CONTENT-TYPE\":\"Text/Plain; A=B\"}}" NULS "x",
	    "x", 200, "text/plain; a=b");
	FOUND("{\"headers\":{\"a\":\"\\\\\",\"CoNtEnT-tYpE\":\"a/B\"}}" NULS,
	    "", 200, "a/b");
}

TEST(strings_may_hold_anything)
{
	FOUND("{\"a\":\"}\\\"}\\\\\",\"b\":{\"c\":\"{{\\u007b\"}}" NULS "x",
	    "x", 200, "");
	FOUND("{\"a}\":\"\\\\\\\"{\"}" NULS "x", "x", 200, "");
}

/* NULs and objects of its own. */
TEST(the_body_is_left_alone)
{
	check(SLICE("{}" NULS "\0{}" NULS),
	    &(struct wanted){.state = PRELUDE_FOUND,
		.status = 200,
		.type = "",
		.out = SLICE("\0{}" NULS)});
}

TEST(statuses_that_are_none)
{
	FOUND("{\"statusCode\":99}" NULS, "", 200, "");
	FOUND("{\"statusCode\":600}" NULS, "", 200, "");
	FOUND("{\"statusCode\":-404}" NULS, "", 200, "");
	FOUND("{\"statusCode\":599.5}" NULS, "", 200, "");
	FOUND("{\"statusCode\":\"600\"}" NULS, "", 200, "");
	FOUND("{\"statusCode\":\"99\"}" NULS, "", 200, "");
	FOUND("{\"statusCode\":\"404 \"}" NULS, "", 200, "");
	FOUND("{\"statusCode\":1e99}" NULS, "", 200, "");
	FOUND("{\"statusCode\":null}" NULS, "", 200, "");
	FOUND("{\"statusCode\":[404]}" NULS, "", 200, "");
	FOUND("{\"statusCode\":\"\"}" NULS, "", 200, "");
	FOUND("{\"statusCode\":100}" NULS, "", 100, "");
	FOUND("{\"statusCode\":599}" NULS, "", 599, "");
}

TEST(content_types_that_are_none)
{
	FOUND("{\"headers\":[\"content-type\"]}" NULS, "", 200, "");
	FOUND("{\"headers\":{\"content-type\":7}}" NULS, "", 200, "");
	FOUND("{\"headers\":null,\"content-type\":\"a/b\"}" NULS, "", 200, "");
}

TEST(streams_without_one)
{
	NONE("");
	NONE("data: {\"a\":1}\n\n");
	NONE(" {}" NULS "x");
	NONE("[]" NULS "x");
	NONE("\0{}");
	NONE("{\"text\":\"whole answer\"}");
	NONE("{\"text\":\"whole answer\"}\n");
	NONE("{\"a\":1}\n{\"b\":2}\n");
	NONE("{}\0\0\0\0\0\0\0x");
	NONE("{}\0\0\0\0\0\0\0");
	NONE("{\"a\":\"unfinished");
	NONE("{{{");
	NONE("}");
}

TEST(objects_that_are_none)
{
	NONE("{\"a\"}" NULS "x");
	NONE("{a:1}" NULS "x");
	NONE("{\"a\":[}" NULS "x");
	NONE("{\"a\":TRUE}" NULS "x");
	NONE("{\"a\":\"\xff\"}" NULS "x");
	NONE("{\"a\":\"\\N\"}" NULS "x");
	NONE("{\"a\":\"\0\"}" NULS "x");
}

/* An object of len bytes, NULs and a body. */
static void make_long(struct buf *out, size_t len)
{
	buf_clear(out);
	buf_add_text(out, "{\"a\":\"");
	while (out->len < len - 2)
		buf_add_char(out, 'x');
	buf_add_text(out, "\"}");
	buf_add(out, SLICE(NULS "body"));
}

TEST(a_prelude_has_a_ceiling)
{
	static const size_t steps[] = {1, 7, 1000, PRELUDE_MAX, CEILING};
	struct wanted wanted = {.status = 200, .type = ""};
	struct buf bytes;

	buf_init(&bytes, CEILING);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		size_t step = steps[i];

		make_long(&bytes, PRELUDE_MAX - 8);
		wanted.state = PRELUDE_FOUND;
		wanted.out = SLICE("body");
		check_run(
		    buf_slice(&bytes), &wanted, (size_t[]){step, step, step});
		make_long(&bytes, PRELUDE_MAX - 7);
		wanted.state = PRELUDE_NONE;
		wanted.out = buf_slice(&bytes);
		check_run(
		    buf_slice(&bytes), &wanted, (size_t[]){step, step, step});
	}
	buf_free(&bytes);
}

TEST(no_more_than_the_ceiling_is_held)
{
	struct prelude prelude;
	struct slice out;

	prelude_init(&prelude);
	CHECK(prelude_feed(&prelude, SLICE("{\""), &out) == STATUS_OK);
	for (size_t n = 2; n < PRELUDE_MAX - 1; n++) {
		CHECK(prelude_feed(&prelude, SLICE("x"), &out) == STATUS_OK);
		CHECK(out.len == 0);
	}
	CHECK(prelude_feed(&prelude, SLICE("x"), &out) == STATUS_OK);
	CHECK(out.len == PRELUDE_MAX && prelude.state == PRELUDE_NONE);
	CHECK(prelude_feed(&prelude, SLICE("x"), &out) == STATUS_OK);
	CHECK_SLICE(out, SLICE("x"));
	CHECK(prelude.held.cap == 0);
	prelude_free(&prelude);
}

TEST(what_is_no_prelude_is_not_copied)
{
	struct slice bytes = SLICE("data: 1\n\n"), out;
	struct prelude prelude;

	prelude_init(&prelude);
	CHECK(prelude_feed(&prelude, bytes, &out) == STATUS_OK);
	CHECK(out.ptr == bytes.ptr && out.len == bytes.len);
	CHECK(prelude_feed(&prelude, bytes, &out) == STATUS_OK);
	CHECK(out.ptr == bytes.ptr && prelude.held.cap == 0);
	prelude_free(&prelude);
}

TEST(a_long_content_type)
{
	struct prelude prelude;
	struct buf bytes;
	struct slice out;

	buf_init(&bytes, CEILING);
	buf_add_text(&bytes, "{\"headers\":{\"content-type\":\"");
	for (int i = 0; i < 200; i++)
		buf_add_char(&bytes, 'x');
	buf_add(&bytes, SLICE("\"}}" NULS "body"));
	prelude_init(&prelude);
	CHECK(prelude_feed(&prelude, buf_slice(&bytes), &out) == STATUS_OK);
	CHECK_SLICE(out, SLICE("body"));
	CHECK(strlen(prelude.content_type) == sizeof prelude.content_type - 1);
	prelude_free(&prelude);
	buf_free(&bytes);
}

TEST(no_memory)
{
	const struct slice all = SLICE("{\"statusCode\":404}" NULS "body");
	size_t n = 0;

	for (;; n++) {
		struct prelude prelude;
		struct slice out;
		enum status status;
		bool failed;

		prelude_init(&prelude);
		alloc_fail_at(n);
		status = prelude_feed(&prelude, slice_first(all, 5), &out);
		if (status == STATUS_OK)
			status =
			    prelude_feed(&prelude, slice_skip(all, 5), &out);
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		CHECK(failed || slice_equal(out, SLICE("body")));
		prelude_free(&prelude);
		if (!failed)
			break;
	}
	CHECK(n >= 2);
}

int main(void)
{
	return tap_run();
}
