#include "../../src/percent.h"

#include "tap.h"

static void check(const char *text, bool plus, struct slice wanted)
{
	char copy[64];
	size_t len = strlen(text);
	struct slice got;

	memcpy(copy, text, len);
	got = percent_decode(copy, len, plus);
	CHECK_SLICE(got, wanted);
}

TEST(decodes_two_hex_digits)
{
	check("a%20b%C3%a4", false, SLICE("a b\xc3\xa4"));
	check("%00", false, SLICE("\0"));
	check("%2541", false, SLICE("%41"));
}

TEST(leaves_a_lone_percent_sign)
{
	check("%", false, SLICE("%"));
	check("%4", false, SLICE("%4"));
	check("%zz%4g%%41", false, SLICE("%zz%4g%A"));
}

TEST(plus_is_a_space_in_forms_only)
{
	check("a+b%2B", false, SLICE("a+b+"));
	check("a+b%2B", true, SLICE("a b+"));
}

int main(void)
{
	return tap_run();
}
