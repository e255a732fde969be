#include "../../src/utf8.h"

#include "../../src/buf.h"
#include "tap.h"

TEST(takes_the_ends_of_every_range)
{
	CHECK(utf8_valid((struct slice){0}));
	CHECK(utf8_valid(SLICE("plain \0 \x7f")));
	CHECK(utf8_valid(SLICE("\xc2\x80\xdf\xbf")));
	CHECK(utf8_valid(SLICE("\xe0\xa0\x80\xed\x9f\xbf")));
	CHECK(utf8_valid(SLICE("\xee\x80\x80\xef\xbf\xbf")));
	CHECK(utf8_valid(SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

TEST(refuses_what_is_not_utf8)
{
	CHECK(!utf8_valid(SLICE("\x80")));
	CHECK(!utf8_valid(SLICE("\xc0\x80")));
	CHECK(!utf8_valid(SLICE("\xc1\xbf")));
	CHECK(!utf8_valid(SLICE("\xe0\x9f\xbf")));
	CHECK(!utf8_valid(SLICE("\xed\xa0\x80")));
	CHECK(!utf8_valid(SLICE("\xf0\x8f\xbf\xbf")));
	CHECK(!utf8_valid(SLICE("\xf4\x90\x80\x80")));
	CHECK(!utf8_valid(SLICE("\xf5\x80\x80\x80")));
	CHECK(!utf8_valid(SLICE("\xff")));
	CHECK(!utf8_valid(SLICE("\xe2\x82")));
	CHECK(!utf8_valid(SLICE("\xe2\x82(")));
}

/* The definition, to compare with: decode, then look at the number. */
static bool valid_by_number(const unsigned char *s, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;

	if (n == 1)
		return s[0] < 0x80;
	if ((n == 2 && (s[0] & 0xe0) != 0xc0) ||
	    (n == 3 && (s[0] & 0xf0) != 0xe0) ||
	    (n == 4 && (s[0] & 0xf8) != 0xf0))
		return false;
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (s[i] & 0x3fu);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

TEST(agrees_with_the_definition)
{
	static const unsigned char second[] = {
	    0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0};
	bool agrees = true;

	for (unsigned lead = 0xc0; lead <= 0xff; lead++) {
		for (size_t i = 0; i < sizeof second; i++) {
			unsigned char s[] = {
			    (unsigned char)lead, second[i], 0x80, 0xbf};
			size_t n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
			struct slice text = {.ptr = (char *)s, .len = n};

			agrees &= utf8_valid(text) == valid_by_number(s, n);
		}
	}
	CHECK(agrees);
}

TEST(unfinished_counts_what_may_still_come)
{
	CHECK(utf8_unfinished((struct slice){0}) == 0);
	CHECK(utf8_unfinished(SLICE("abc")) == 0);
	CHECK(utf8_unfinished(SLICE("a\xc3")) == 1);
	CHECK(utf8_unfinished(SLICE("a\xe2\x82")) == 2);
	CHECK(utf8_unfinished(SLICE("\xf0\x9f\x98")) == 3);
	CHECK(utf8_unfinished(SLICE("\xf0\x9f\x98\x80")) == 0);
	CHECK(utf8_unfinished(SLICE("\xe2\x82\xac")) == 0);
	CHECK(utf8_unfinished(SLICE("a\x80")) == 0);
	CHECK(utf8_unfinished(SLICE("\xe0\x80")) == 0);
	CHECK(utf8_unfinished(SLICE("\xed\xa0")) == 0);
	CHECK(utf8_unfinished(SLICE("\xc0")) == 0);
	CHECK(utf8_unfinished(SLICE("\xc3\xa4\xc3")) == 1);
}

static void check_clean(struct slice text, struct slice wanted)
{
	struct buf buf;

	buf_init(&buf, 1000);
	utf8_add_clean(&buf, text);
	CHECK_SLICE(buf_slice(&buf), wanted);
	CHECK(buf_status(&buf) == STATUS_OK && utf8_valid(buf_slice(&buf)));
	buf_free(&buf);
}

#define FFFD "\xef\xbf\xbd"

TEST(clean_replaces_each_bad_sequence_once)
{
	check_clean((struct slice){0}, SLICE(""));
	check_clean(SLICE("a\xc3\xa4"), SLICE("a\xc3\xa4"));
	check_clean(SLICE("a\xff"
			  "b"),
	    SLICE("a" FFFD "b"));
	check_clean(SLICE("\xe2\x82(\xe2\x82"), SLICE(FFFD "(" FFFD));
	check_clean(SLICE("\xf0\x9f\x98"), SLICE(FFFD));
	check_clean(SLICE("\x80\x80"), SLICE(FFFD FFFD));
	/* Unicode, table 3-8 */
	check_clean(SLICE("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41"),
	    SLICE(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"));
	check_clean(SLICE("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"),
	    SLICE(FFFD FFFD FFFD FFFD "A"));
}

int main(void)
{
	return tap_run();
}
