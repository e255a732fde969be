#include "../../src/intake.h"

#include <stdlib.h>

#include "alloc.h"
#include "fastcgi.h"
#include "tap.h"

#define BEGIN  "\1\1\0\7\0\x8\0\0\0\1\1\0\0\0\0\0"
#define PARAMS "\1\4\0\7\0\4\5\0\1\1AB....."
#define BEHIND "\1\4\0\7\0\0\0\0" /* the last of PARAMS */
#define STDIN  "\1\5\0\7\0\5\3\0Hello..."
#define END    "\1\5\0\7\0\0\0\0"
#define HEAD   BEGIN PARAMS BEHIND

/* What is kept of HEAD, and what intake_head adds. */
#define KEPT BEGIN "\1\4\0\7\0\4\0\0\1\1AB" BEHIND END

enum {
	MAX_BODY = 1000
};

static struct intake intake;

static void begin(void)
{
	intake_init(&intake, MAX_BODY);
}

static void finish(void)
{
	intake_free(&intake);
	intake_free(&intake);
}

/* A copy of just its size, so that a read behind it is seen.  Bytes that were
 * left are told in *left. */
static enum status add_some(struct slice bytes, size_t *left)
{
	char *copy = malloc(bytes.len + (bytes.len == 0));
	struct slice rest = {copy, bytes.len};
	enum status status;

	if (copy == NULL)
		abort();
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	status = intake_add(&intake, &rest);
	CHECK(rest.len == 0 || rest.ptr + rest.len == copy + bytes.len);
	CHECK(status != STATUS_MORE || rest.len == 0);
	*left = rest.len;
	free(copy);
	return status;
}

static enum status add(struct slice bytes)
{
	size_t left;
	enum status status = add_some(bytes, &left);

	CHECK(status == STATUS_CLIENT_GONE || left == 0);
	return status;
}

/* Pieces of step bytes, as long as there is more to come. */
static enum status add_in_steps(struct slice bytes, size_t step)
{
	enum status status = STATUS_MORE;

	for (; bytes.len > 0 && status == STATUS_MORE;
	     bytes = slice_skip(bytes, step))
		status = add(slice_first(bytes, step));
	return status;
}

static void check_hello(void)
{
	CHECK(intake.begun && intake.params && intake.id == 7);
	CHECK_SLICE(buf_slice(&intake.body), SLICE("Hello"));
	CHECK(intake.body_len == 5);
	CHECK_SLICE(intake_head(&intake), SLICE(KEPT));
}

TEST(a_request_cut_anywhere)
{
	struct slice request = SLICE(HEAD STDIN END);

	for (size_t n = 0; n < request.len; n++) {
		begin();
		CHECK(add(slice_first(request, n)) == STATUS_MORE);
		CHECK(intake.begun == (n >= 8));
		CHECK(add(slice_skip(request, n)) == STATUS_OK);
		check_hello();
		finish();
	}
}

TEST(a_request_in_pieces_of_any_size)
{
	struct slice request = SLICE(HEAD STDIN END);

	for (size_t step = 1; step <= request.len; step++) {
		begin();
		CHECK(add_in_steps(request, step) == STATUS_OK);
		check_hello();
		finish();
	}
}

TEST(a_request_without_a_body)
{
	begin();
	CHECK(add(SLICE(BEGIN BEHIND END)) == STATUS_OK);
	CHECK(intake.body.len == 0 && intake.body_len == 0);
	CHECK_SLICE(intake_head(&intake), SLICE(BEGIN BEHIND END));
	finish();
}

static bool has_head(struct slice records)
{
	bool has;

	begin();
	CHECK(add(records) == STATUS_OK);
	has = intake_head(&intake).ptr != NULL;
	finish();
	return has;
}

/* BEGIN is of request 7. */
TEST(names_and_values_are_as_long_as_they_say)
{
#define PAIRS(len, bytes) "\1\4\0\7\0" len "\0\0" bytes
	CHECK(has_head(SLICE(BEGIN PAIRS("\4", "\1\1xy") BEHIND END)));
	/* in two records, cut in a length, a name and a value */
	CHECK(has_head(SLICE(BEGIN PAIRS("\1", "\2") PAIRS("\2", "\2x")
		PAIRS("\2", "yz") PAIRS("\1", "w") BEHIND END)));
	CHECK(has_head(SLICE(BEGIN PAIRS("\7", "\200\0\0\1\1xy") BEHIND END)));
	CHECK(!has_head(SLICE(BEGIN PAIRS("\3", "\1\1x") BEHIND END)));
	CHECK(!has_head(SLICE(BEGIN PAIRS("\1", "\0") BEHIND END)));
	CHECK(!has_head(SLICE(BEGIN PAIRS("\2", "\200\0") BEHIND END)));
	CHECK(!has_head(SLICE(BEGIN PAIRS(
	    "\10", "\377\377\377\376\377\377\377\376") BEHIND END)));
}

TEST(padding_of_the_last_record_belongs_to_it)
{
	struct slice request = SLICE(HEAD STDIN "\1\5\0\7\0\0\2\0__");

	begin();
	CHECK(add(slice_first(request, request.len - 2)) == STATUS_MORE);
	CHECK(add(SLICE("_")) == STATUS_MORE);
	CHECK(add(SLICE("_")) == STATUS_OK);
	check_hello();
	finish();
}

TEST(all_parameters_are_there_with_the_empty_record)
{
	struct slice head = SLICE(BEGIN PARAMS "\1\4\0\7\0\0\3\0...");

	begin();
	CHECK(add(slice_first(head, head.len - 4)) == STATUS_MORE);
	CHECK(!intake.params);
	/* With its header; padding is not waited for. */
	CHECK(
	    add(slice_first(slice_skip(head, head.len - 4), 1)) == STATUS_MORE);
	CHECK(intake.params);
	CHECK_SLICE(intake_head(&intake), SLICE(KEPT));
	finish();
}

TEST(what_comes_after_the_end_is_left)
{
	struct slice request = SLICE(HEAD STDIN END "more");
	size_t left;

	begin();
	CHECK(add_some(request, &left) == STATUS_OK && left == 4);
	check_hello();
	finish();
	begin();
	CHECK(add(slice_first(request, 20)) == STATUS_MORE);
	CHECK(add_some(slice_skip(request, 20), &left) == STATUS_OK);
	CHECK(left == 4);
	check_hello();
	finish();
}

TEST(the_longest_records)
{
	static char bytes[8 + 65535 + 255] = "\1\5\0\7\xff\xff\xff";
	struct slice stdin_record = {bytes, sizeof bytes};

	for (size_t step = 1; step <= sizeof bytes; step = step * 40 + 1) {
		intake_init(&intake, 65535);
		CHECK(add(SLICE(HEAD)) == STATUS_MORE);
		CHECK(add_in_steps(stdin_record, step) == STATUS_MORE);
		CHECK(add(SLICE(END)) == STATUS_OK);
		CHECK(intake.body.len == 65535 && intake.body_len == 65535);
		CHECK(buf_status(&intake.body) == STATUS_OK);
		finish();
	}
}

TEST(a_body_above_the_ceiling_is_counted)
{
	static const char bytes[3 * MAX_BODY];

	for (size_t len = MAX_BODY; len < sizeof bytes; len += MAX_BODY / 2) {
		struct buf request;

		begin();
		buf_init(&request, 2 * sizeof bytes);
		fastcgi_add_post(&request, 1, 0, (struct slice){bytes, len});
		CHECK(add_in_steps(buf_slice(&request), 100) == STATUS_OK);
		CHECK(intake.body_len == len && intake.body.len <= MAX_BODY);
		CHECK(buf_status(&intake.body) ==
		    (len > MAX_BODY ? STATUS_TOO_LARGE : STATUS_OK));
		CHECK(intake_head(&intake).ptr != NULL);
		buf_free(&request);
		finish();
	}
}

TEST(what_no_web_server_sends)
{
	const struct slice wrong[] = {
	    /* No FastCGI. */
	    SLICE("GET / HTTP/1.1\r\n"),
	    SLICE("\2\1\0\7\0\x8\0\0"),
	    SLICE(BEGIN "\0\4\0\7\0\0\0\0"),
	    /* Nothing has begun, or it has twice. */
	    SLICE(PARAMS),
	    SLICE(STDIN),
	    SLICE(END),
	    SLICE(BEGIN BEGIN),
	    SLICE(HEAD BEGIN),
	    SLICE(BEGIN "\1\1\0\x8\0\x8\0\0\0\1\1\0\0\0\0\0"),
	    /* STDIN too soon, PARAMS too late. */
	    SLICE(BEGIN STDIN),
	    SLICE(BEGIN PARAMS END),
	    SLICE(HEAD PARAMS),
	    SLICE(HEAD BEHIND),
	    SLICE(HEAD STDIN PARAMS),
	    /* Of another request. */
	    SLICE(BEGIN "\1\4\0\x8\0\0\0\0"),
	    SLICE(BEGIN "\1\4\1\7\0\0\0\0"),
	    SLICE(HEAD "\1\5\0\x8\0\0\0\0"),
	    SLICE(HEAD "\1\5\0\0\0\0\0\0"),
	    /* Aborted. */
	    SLICE("\1\2\0\7\0\0\0\0"),
	    SLICE(BEGIN "\1\2\0\7\0\0\0\0"),
	    SLICE(HEAD STDIN "\1\2\0\7\0\0\0\0"),
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		begin();
		CHECK(add(wrong[i]) == STATUS_CLIENT_GONE);
		finish();
		begin();
		CHECK(add_in_steps(wrong[i], 1) == STATUS_CLIENT_GONE);
		finish();
	}
}

/* FCGI_GET_VALUES, of id 0; a type that is not there, with padding; FCGI_DATA,
 * empty; the same types of our request. */
#define OTHERS                         \
	"\1\x9\0\0\0\4\0\0\2\0XX"      \
	"\1\x63\0\0\0\1\2\0?.."        \
	"\1\x8\0\x8\0\0\0\0"           \
	"\1\x63\0\7\0\5\0\0\1\5\0\7\0" \
	"\1\x8\0\7\0\0\1\0."

TEST(what_else_comes_is_passed_over)
{
	struct slice request = SLICE(
	    OTHERS BEGIN OTHERS PARAMS OTHERS BEHIND OTHERS STDIN OTHERS END);

	for (size_t step = 1; step <= request.len; step++) {
		begin();
		CHECK(add_in_steps(request, step) == STATUS_OK);
		check_hello();
		finish();
	}
	begin();
	CHECK(add(SLICE(OTHERS OTHERS)) == STATUS_MORE && !intake.begun);
	finish();
}

TEST(parameters_without_end)
{
	static char bytes[8 + 1000] = "\1\4\0\7\x3\xe8";
	struct slice record = {bytes, sizeof bytes};
	size_t n = 0;

	begin();
	CHECK(add(SLICE(BEGIN)) == STATUS_MORE);
	while (add(record) == STATUS_MORE && n <= INTAKE_MAX_HEAD)
		n += record.len;
	CHECK(n <= INTAKE_MAX_HEAD && n > INTAKE_MAX_HEAD - 2 * record.len);
	CHECK(intake_head(&intake).ptr == NULL);
	finish();
}

/* Nor may many small records, whose headers are kept. */
TEST(empty_parameters_without_end)
{
	struct slice record = SLICE("\1\4\0\7\0\1\0\0\0");
	size_t n = 0;

	begin();
	CHECK(add(SLICE(BEGIN)) == STATUS_MORE);
	while (add(record) == STATUS_MORE && n <= INTAKE_MAX_HEAD)
		n += record.len;
	CHECK(n <= INTAKE_MAX_HEAD);
	finish();
}

/* Without a copy, which would be an allocation too. */
static bool gives(struct slice bytes, enum status wanted)
{
	return intake_add(&intake, &bytes) == wanted;
}

/* Whether a request got through: its head fills a buffer of 256 bytes, so
 * that what intake_head adds needs another allocation. */
static bool take_all(void)
{
	static char params[8 + 224] = "\1\4\0\7\0\xe0";
	static char body[8 + 300] = "\1\5\0\7\1\x2c";
	bool good = gives(SLICE(BEGIN), STATUS_MORE) &&
	    gives((struct slice){params, sizeof params}, STATUS_MORE) &&
	    gives(SLICE(BEHIND), STATUS_MORE) &&
	    gives((struct slice){body, sizeof body}, STATUS_MORE) &&
	    gives(SLICE(END), STATUS_OK);

	CHECK(!good || intake.head.len == 256);
	return good && intake_head(&intake).ptr != NULL &&
	    buf_status(&intake.body) == STATUS_OK;
}

TEST(no_memory)
{
	bool good = false;
	size_t n = 0;

	for (; !good && n < 100; n++) {
		begin();
		alloc_fail_at(n);
		good = take_all();
		CHECK(good == !alloc_failed());
		finish();
	}
	CHECK(good && n == 4);
}

int main(void)
{
	return tap_run();
}
