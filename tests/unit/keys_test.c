#include "../../src/credentials/keys.h"

#include "tap.h"

TEST(keys_set_takes_what_fits)
{
	char longest[KEYS_MAX_TOKEN + 1];
	struct slice text = {longest, 0};
	struct keys keys;

	memset(longest, 'x', sizeof longest);
	CHECK(keys_set(&keys, (struct slice){longest, KEYS_MAX_ID},
	    (struct slice){longest, KEYS_MAX_SECRET},
	    (struct slice){longest, KEYS_MAX_TOKEN}));
	CHECK(strlen(keys.id) == KEYS_MAX_ID);
	CHECK(strlen(keys.token) == KEYS_MAX_TOKEN);
	text.len = KEYS_MAX_ID + 1;
	CHECK(!keys_set(&keys, text, SLICE("s"), SLICE("")));
	text.len = KEYS_MAX_SECRET + 1;
	CHECK(!keys_set(&keys, SLICE("i"), text, SLICE("")));
	text.len = KEYS_MAX_TOKEN + 1;
	CHECK(!keys_set(&keys, SLICE("i"), SLICE("s"), text));
	CHECK(keys.id[0] == '\0' && keys.secret[0] == '\0');
}

TEST(keys_set_refuses_what_cannot_stand_in_a_header)
{
	struct keys keys;

	CHECK(keys_set(&keys, SLICE("i"), SLICE("s/+="), SLICE("")));
	CHECK(!keys_set(&keys, SLICE(""), SLICE("s"), SLICE("")));
	CHECK(!keys_set(&keys, SLICE("i"), SLICE(""), SLICE("")));
	CHECK(!keys_set(&keys, SLICE("i i"), SLICE("s"), SLICE("")));
	CHECK(!keys_set(&keys, SLICE("i"), SLICE("s\n"), SLICE("")));
	CHECK(!keys_set(&keys, SLICE("i"), SLICE("s"), SLICE("t\r\nx: y")));
	CHECK(!keys_set(&keys, SLICE("i\0"), SLICE("s"), SLICE("")));
	CHECK(!keys_set(&keys, SLICE("i"), SLICE("s\x7f"), SLICE("")));
	CHECK(keys.id[0] == '\0' && keys.secret[0] == '\0');
}

int main(void)
{
	return tap_run();
}
