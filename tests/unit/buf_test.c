#include "../../src/buf.h"

#include <stdlib.h>

#include "alloc.h"
#include "tap.h"

TEST(adds_in_order)
{
	struct buf buf;

	buf_init(&buf, 1000);
	buf_add(&buf, SLICE("a\0b"));
	buf_add_text(&buf, "cd");
	buf_add_char(&buf, 'e');
	buf_add_number(&buf, 0);
	buf_add_number(&buf, UINT64_MAX);
	buf_addf(&buf, "-%s-%d", "x", 7);
	CHECK_SLICE(buf_slice(&buf), SLICE("a\0bcde018446744073709551615-x-7"));
	CHECK(buf_status(&buf) == STATUS_OK);
	buf_free(&buf);
}

TEST(holds_its_ceiling_and_no_more)
{
	struct buf buf;

	buf_init(&buf, 5);
	buf_add_text(&buf, "12345");
	CHECK(buf_status(&buf) == STATUS_OK);
	buf_add_char(&buf, '6');
	CHECK(buf_status(&buf) == STATUS_TOO_LARGE);
	CHECK_SLICE(buf_slice(&buf), SLICE("12345"));
	buf_free(&buf);
}

TEST(stays_spoilt_until_cleared)
{
	struct buf buf;

	buf_init(&buf, 3);
	buf_add_text(&buf, "1234");
	buf_add_text(&buf, "1");
	CHECK(buf.len == 0 && buf_status(&buf) == STATUS_TOO_LARGE);
	CHECK(buf_text(&buf) == NULL);
	buf_clear(&buf);
	buf_add_text(&buf, "1");
	CHECK(buf.len == 1 && buf_status(&buf) == STATUS_OK);
	buf_free(&buf);
	buf_free(&buf);
	CHECK(buf.ceiling == 3);
}

TEST(zeroed_buffer_takes_nothing)
{
	struct buf buf = {0};

	buf_add(&buf, SLICE(""));
	CHECK(buf_status(&buf) == STATUS_OK);
	buf_add_char(&buf, 'a');
	CHECK(buf_status(&buf) == STATUS_TOO_LARGE);
	buf_free(&buf);
}

TEST(grows_by_doubling)
{
	struct buf buf;

	buf_init(&buf, 100000);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&buf, (char)('a' + i % 26));
	CHECK(buf_status(&buf) == STATUS_OK && buf.len == 100000);
	CHECK(buf.ptr[99999] == 'a' + 99999 % 26 && buf.cap <= 100000);
	buf_reset(&buf, 100);
	CHECK(buf.cap == 0 && buf.len == 0);
	buf_add_char(&buf, 'x');
	buf_reset(&buf, 1000);
	CHECK(buf.cap > 0 && buf.len == 0);
	buf_free(&buf);
}

TEST(drops_from_the_front)
{
	struct buf buf;

	buf_init(&buf, 100);
	buf_drop(&buf, 0);
	buf_add_text(&buf, "abcdef");
	buf_drop(&buf, 2);
	CHECK_SLICE(buf_slice(&buf), SLICE("cdef"));
	buf_drop(&buf, 4);
	CHECK(buf.len == 0);
	buf_wipe(&buf);
	CHECK(buf.ptr == NULL);
}

TEST(text_has_a_nul_behind_it)
{
	struct buf buf;

	buf_init(&buf, 4);
	CHECK(buf_text(&buf) != NULL && *buf_text(&buf) == '\0');
	buf_add_text(&buf, "abc");
	CHECK(strcmp(buf_text(&buf), "abc") == 0);
	CHECK(buf.len == 3);
	buf_add_char(&buf, 'd');
	CHECK(buf_text(&buf) == NULL);
	buf_free(&buf);
}

TEST(spoils_when_memory_is_out)
{
	struct buf buf;
	size_t n = 0;

	for (;; n++) {
		bool failed;

		buf_init(&buf, 10000);
		alloc_fail_at(n);
		for (int i = 0; i < 2000; i++)
			buf_addf(&buf, "%d", i % 10);
		failed = alloc_failed();
		CHECK(buf_status(&buf) ==
		    (failed ? STATUS_NO_MEMORY : STATUS_OK));
		buf_free(&buf);
		if (!failed)
			break;
	}
	CHECK(n > 1);
}

int main(void)
{
	return tap_run();
}
