#include "../../src/crc.h"

#include "tap.h"

/* The check value of the catalogues, and those that zlib gives. */
TEST(known_answers)
{
	static const char zeros[32], ones[] = "\xff\xff\xff\xff";

	CHECK(crc_update(0, SLICE("123456789")) == 0xcbf43926);
	CHECK(crc_update(0, SLICE("")) == 0);
	CHECK(crc_update(0, (struct slice){0}) == 0);
	CHECK(crc_update(0, SLICE("a")) == 0xe8b7be43);
	CHECK(crc_update(0, (struct slice){zeros, 32}) == 0x190a55ad);
	CHECK(crc_update(0, (struct slice){ones, 4}) == 0xffffffff);
	CHECK(crc_update(
		  0, SLICE("The quick brown fox jumps over the lazy dog")) ==
	    0x414fa339);
}

TEST(in_pieces)
{
	struct slice all = SLICE("The quick brown fox jumps over the lazy dog");

	for (size_t n = 0; n <= all.len; n++)
		CHECK(crc_update(crc_update(0, slice_first(all, n)),
			  slice_skip(all, n)) == 0x414fa339);
}

int main(void)
{
	return tap_run();
}
