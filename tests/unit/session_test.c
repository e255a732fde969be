#include "../../src/session.h"

#include "../../src/request.h"
#include "tap.h"

TEST(a_given_id_is_kept)
{
	char text[SESSION_MAX_LEN + 1], out[SESSION_MAX_LEN + 1];

	memset(text, 'a', sizeof text);
	for (size_t len = 1; len <= SESSION_MAX_LEN; len++) {
		struct slice given = {text, len};

		memset(out, 'x', sizeof out);
		session_choose(out, given);
		CHECK(strlen(out) == len);
		CHECK_SLICE(slice_from(out), given);
	}
}

TEST(an_empty_id_is_minted)
{
	char a[SESSION_MAX_LEN + 1], b[SESSION_MAX_LEN + 1];

	for (int i = 0; i < 1000; i++) {
		session_choose(a, SLICE(""));
		session_choose(b, (struct slice){0});
		CHECK(strlen(a) == SESSION_MINTED_LEN);
		CHECK(strcmp(a, b) != 0);
		/* A client sends it back. */
		CHECK(request_session_id_valid(slice_from(a)));
	}
}

TEST(one_that_is_too_long_is_not_used)
{
	char text[SESSION_MAX_LEN + 2], out[SESSION_MAX_LEN + 1];

	memset(text, 'a', sizeof text);
	session_choose(out, (struct slice){text, sizeof text - 1});
	CHECK(strlen(out) == SESSION_MINTED_LEN);
}

int main(void)
{
	return tap_run();
}
