#include "../../src/slice.h"

#include "tap.h"

TEST(from_takes_null_as_empty)
{
	CHECK(slice_from(NULL).len == 0);
	CHECK_SLICE(slice_from("ab"), SLICE("ab"));
}

TEST(equal_compares_lengths_and_bytes)
{
	CHECK(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
	CHECK(!slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	CHECK(!slice_equal(SLICE("a"), SLICE("as")));
	CHECK(slice_equal((struct slice){0}, SLICE("")));
}

TEST(equal_nocase_folds_ascii_only)
{
	CHECK(slice_equal_nocase(SLICE("aZ-9"), SLICE("Az-9")));
	CHECK(!slice_equal_nocase(SLICE("a"), SLICE("ab")));
	CHECK(!slice_equal_nocase(SLICE("\xc3\xa4"), SLICE("\xc3\x84")));
	CHECK(slice_equal_nocase((struct slice){0}, SLICE("")));
}

TEST(starts_and_ends)
{
	CHECK(slice_starts(SLICE("abc"), SLICE("ab")));
	CHECK(slice_starts(SLICE("abc"), SLICE("")));
	CHECK(!slice_starts(SLICE("a"), SLICE("ab")));
	CHECK(slice_ends(SLICE("abc"), SLICE("bc")));
	CHECK(slice_ends(SLICE("abc"), SLICE("")));
	CHECK(!slice_ends(SLICE("c"), SLICE("bc")));
}

TEST(find_gives_the_place_or_the_length)
{
	CHECK(slice_find(SLICE("hello"), SLICE("l")) == 2);
	CHECK(slice_find(SLICE("hello"), SLICE("lo")) == 3);
	CHECK(slice_find(SLICE("hello"), SLICE("x")) == 5);
	CHECK(slice_find(SLICE("hello"), SLICE("")) == 0);
	CHECK(slice_find((struct slice){0}, SLICE("x")) == 0);
	CHECK(slice_find(SLICE("a\0b"), SLICE("\0")) == 1);
}

TEST(skip_and_first_stop_at_the_end)
{
	CHECK_SLICE(slice_skip(SLICE("abc"), 1), SLICE("bc"));
	CHECK_SLICE(slice_skip(SLICE("abc"), 9), SLICE(""));
	CHECK_SLICE(slice_first(SLICE("abc"), 2), SLICE("ab"));
	CHECK_SLICE(slice_first(SLICE("abc"), 9), SLICE("abc"));
}

TEST(trim_takes_spaces_and_tabs)
{
	CHECK_SLICE(slice_trim(SLICE(" \t a b\t ")), SLICE("a b"));
	CHECK_SLICE(slice_trim(SLICE(" \t ")), SLICE(""));
	CHECK_SLICE(slice_trim(SLICE("\na")), SLICE("\na"));
}

TEST(cut_takes_the_first_separator)
{
	struct slice rest = SLICE("a=b=c"), head;

	head = slice_cut(&rest, '=');
	CHECK_SLICE(head, SLICE("a"));
	CHECK_SLICE(rest, SLICE("b=c"));
	head = slice_cut(&rest, ';');
	CHECK_SLICE(head, SLICE("b=c"));
	CHECK(rest.len == 0);
	head = slice_cut(&rest, ';');
	CHECK(head.len == 0);
}

TEST(to_number_takes_digits_up_to_max)
{
	uint64_t n = 0;

	CHECK(slice_to_number(SLICE("0"), 0, &n) && n == 0);
	CHECK(slice_to_number(SLICE("007"), 9, &n) && n == 7);
	CHECK(slice_to_number(SLICE("18446744073709551615"), UINT64_MAX, &n) &&
	    n == UINT64_MAX);
	CHECK(!slice_to_number(SLICE("18446744073709551616"), UINT64_MAX, &n));
	CHECK(slice_to_number(SLICE("100"), 100, &n) && n == 100);
	CHECK(!slice_to_number(SLICE("101"), 100, &n));
	CHECK(!slice_to_number(SLICE("5"), 4, &n));
}

TEST(to_number_refuses_anything_else)
{
	uint64_t n;

	CHECK(!slice_to_number(SLICE(""), 9, &n));
	CHECK(!slice_to_number(SLICE("-1"), 9, &n));
	CHECK(!slice_to_number(SLICE("+1"), 9, &n));
	CHECK(!slice_to_number(SLICE(" 1"), 9, &n));
	CHECK(!slice_to_number(SLICE("1x"), 9, &n));
	CHECK(!slice_to_number(SLICE("1\0"), 9, &n));
}

int main(void)
{
	return tap_run();
}
