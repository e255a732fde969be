#include "../../src/form.h"

#include "../../src/arena.h"
#include "../../src/table.h"
#include "alloc.h"
#include "tap.h"

#define TYPE        SLICE("multipart/form-data; boundary=XX")
#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static struct arena arena = {.ceiling = 1 << 16};
static struct table fields;

static void begin(void)
{
	arena_free(&arena);
	fields = (struct table){0};
}

static enum status parse(const char *text)
{
	begin();
	return form_parse_urlencoded(&fields, &arena, slice_from(text));
}

static enum status parse_multipart(struct slice body, struct slice type)
{
	begin();
	return form_parse_multipart(&fields, &arena, body, type);
}

TEST(urlencoded_gives_names_and_values)
{
	CHECK(parse("a=1&b=x+y%21&%C3%a4=%26%3D") == STATUS_OK);
	CHECK(fields.len == 3);
	CHECK_SLICE(table_get(&fields, "a"), SLICE("1"));
	CHECK_SLICE(table_get(&fields, "b"), SLICE("x y!"));
	CHECK_SLICE(table_get(&fields, "\xc3\xa4"), SLICE("&="));
}

TEST(urlencoded_may_leave_out_much)
{
	CHECK(parse(NULL) == STATUS_OK && fields.len == 0);
	CHECK(parse("&&a&=b&c=d=e&") == STATUS_OK && fields.len == 3);
	CHECK_SLICE(fields.entries[0].name, SLICE("a"));
	CHECK_SLICE(fields.entries[0].value, SLICE(""));
	CHECK_SLICE(fields.entries[1].name, SLICE(""));
	CHECK_SLICE(table_get(&fields, "c"), SLICE("d=e"));
	CHECK(parse("a=1&a=2") == STATUS_OK);
	CHECK_SLICE(table_get(&fields, "a"), SLICE("2"));
}

TEST(urlencoded_leaves_a_lone_percent_sign)
{
	CHECK(parse("a=100%&b=%4&c=%zz") == STATUS_OK);
	CHECK_SLICE(table_get(&fields, "a"), SLICE("100%"));
	CHECK_SLICE(table_get(&fields, "b"), SLICE("%4"));
	CHECK_SLICE(table_get(&fields, "c"), SLICE("%zz"));
}

TEST(urlencoded_refuses_what_is_not_text)
{
	CHECK(parse("a=%ff") == STATUS_BAD_UTF8);
	CHECK(parse("%ff=a") == STATUS_BAD_UTF8);
	CHECK(parse("a=\xed\xa0\x80") == STATUS_BAD_UTF8);
	CHECK(parse("a=%00") == STATUS_BAD_UTF8);
	CHECK(parse("a%00=b") == STATUS_BAD_UTF8);
}

TEST(urlencoded_has_a_limit_of_fields)
{
	char text[2 * (FORM_MAX_FIELDS + 1) + 1];

	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = i % 2 == 0 ? 'a' : '&';
	text[sizeof text - 1] = '\0';
	CHECK(parse(text) == STATUS_BAD_FORM);
	text[2 * FORM_MAX_FIELDS] = '\0';
	CHECK(parse(text) == STATUS_OK && fields.len == FORM_MAX_FIELDS);
}

TEST(urlencoded_respects_the_arena)
{
	struct arena small;

	arena_init(&small, 8);
	begin();
	CHECK(form_parse_urlencoded(&fields, &small, SLICE("a=123456789")) ==
	    STATUS_TOO_LARGE);
	CHECK(form_parse_urlencoded(&fields, &small, SLICE("a=1")) ==
	    STATUS_TOO_LARGE);
	arena_free(&small);
}

TEST(multipart_gives_names_and_values)
{
	CHECK(parse_multipart(
		  SLICE("--XX\r\n" NAMED(
		      "prompt") "a\r\nb--XX\r\n"
				"--XX\r\n" NAMED("e") "\r\n--XX--\r\nepilogue"),
		  TYPE) == STATUS_OK);
	CHECK(fields.len == 2);
	CHECK_SLICE(table_get(&fields, "prompt"), SLICE("a\r\nb--XX"));
	CHECK(table_find(&fields, "e") != NULL);
	CHECK(table_get(&fields, "e").len == 0);
}

TEST(multipart_takes_other_spellings)
{
	CHECK(parse_multipart(
		  SLICE("preamble\r\n--a b;c \t\r\nX-Y: z\r\n"
			"content-disposition:FORM-DATA;NAME=p\r\n"
			"Content-Type: text/plain\r\n\r\nv\r\n--a b;c--"),
		  SLICE("Multipart/Form-Data; x=y; BOUNDARY=\"a b;c\"")) ==
	    STATUS_OK);
	CHECK_SLICE(table_get(&fields, "p"), SLICE("v"));
	CHECK(parse_multipart(SLICE("--XX--"), TYPE) == STATUS_OK);
	CHECK(fields.len == 0);
}

TEST(multipart_leaves_uploads_out)
{
	CHECK(parse_multipart(
		  SLICE("--XX\r\nContent-Disposition: form-data; "
			"name=\"f\"; filename=\"\"\r\n\r\n\xff\0\r\n"
			"--XX\r\nContent-Disposition: form-data; "
			"name=\"g\"; filename*=utf-8''a\r\n\r\n\xff\r\n"
			"--XX\r\n" NAMED("p") "v\r\n--XX--\r\n"),
		  TYPE) == STATUS_OK);
	CHECK(fields.len == 1);
	CHECK_SLICE(table_get(&fields, "p"), SLICE("v"));
}

TEST(multipart_needs_a_boundary)
{
	struct slice body = SLICE("--XX--");

	CHECK(parse_multipart(body, SLICE("multipart/form-data")) ==
	    STATUS_BAD_FORM);
	CHECK(parse_multipart(body, SLICE("multipart/form-data; boundary=")) ==
	    STATUS_BAD_FORM);
	CHECK(parse_multipart(body,
		  SLICE("multipart/form-data; boundary="
			"0123456789012345678901234567890123456789"
			"0123456789012345678901234567890")) == STATUS_BAD_FORM);
}

TEST(multipart_refuses_malformed_bodies)
{
	static const char *const bodies[] = {
	    "",
	    "--XX",
	    "--XX\r\n",
	    "--XX-",
	    "--XY--",
	    "x--XX--",
	    "--XX\n\n--XX--",
	    "--XX\r\n\r\nno headers\r\n--XX--",
	    "--XX\r\n" NAMED("a") "no end",
	    "--XX\r\n" NAMED("a") "no end\r\n--XX",
	    "--XX\r\n" NAMED("a") "v\r\n--XX trailing\r\n--XX--",
	    "--XX\r\nContent-Disposition: form-data\r\n\r\nv\r\n--XX--",
	    "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nv\r\n--XX--",
	    "--XX\r\nContent-Disposition: form-data; name=a\r\n--XX--",
	};

	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		CHECK(parse_multipart(slice_from(bodies[i]), TYPE) ==
		    STATUS_BAD_FORM);
	}
}

TEST(multipart_limits_the_headers_of_a_part)
{
	static const char start[] = "--XX\r\nX: ";
	static const char end[] = "\r\n" NAMED("a") "v\r\n--XX--";
	char body[6000];

	memset(body, 'x', sizeof body);
	memcpy(body, start, sizeof start - 1);
	memcpy(body + 3000, end, sizeof end);
	CHECK(parse_multipart(slice_from(body), TYPE) == STATUS_OK);
	memset(body + 3000, 'x', sizeof end);
	memcpy(body + 4200, end, sizeof end);
	CHECK(parse_multipart(slice_from(body), TYPE) == STATUS_BAD_FORM);
}

TEST(multipart_refuses_what_is_not_text)
{
	CHECK(parse_multipart(SLICE("--XX\r\n" NAMED("a") "\xff\r\n--XX--"),
		  TYPE) == STATUS_BAD_UTF8);
	CHECK(parse_multipart(SLICE("--XX\r\n" NAMED("a") "x\0\r\n--XX--"),
		  TYPE) == STATUS_BAD_UTF8);
	CHECK(parse_multipart(SLICE("--XX\r\n" NAMED("\xff") "x\r\n--XX--"),
		  TYPE) == STATUS_BAD_UTF8);
}

TEST(every_prefix_of_a_multipart_body_is_malformed)
{
	struct slice body = SLICE("--XX\r\n" NAMED("a") "v\r\n--XX--");

	for (size_t n = 0; n < body.len; n++) {
		/* a copy of its own, so that reading too far is seen */
		struct arena copies;
		struct slice copy;

		arena_init(&copies, 1000);
		copy = arena_copy(&copies, slice_first(body, n));
		CHECK(parse_multipart(copy, TYPE) == STATUS_BAD_FORM);
		arena_free(&copies);
	}
	CHECK(parse_multipart(body, TYPE) == STATUS_OK);
}

TEST(survives_lack_of_memory)
{
	size_t n = 0;
	bool failed;

	do {
		enum status status;

		begin();
		alloc_fail_at(n++);
		status =
		    form_parse_urlencoded(&fields, &arena, SLICE("a=1&b=2"));
		if (status == STATUS_OK)
			status = form_parse_multipart(&fields, &arena,
			    SLICE("--XX\r\n" NAMED("a") "v\r\n--XX--"), TYPE);
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_TOO_LARGE : STATUS_OK));
	} while (failed);
	CHECK(n > 1);
	begin();
}

int main(void)
{
	int result = tap_run();

	begin();
	return result;
}
