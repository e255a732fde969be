#include "../../src/session.h"

#include "../../src/request.h"
#include "tap.h"

TEST(a_given_id_is_kept)
{
	char text[SESSION_MAX_LEN + 1], out[SESSION_MAX_LEN + 1];

	memset(text, 'a', sizeof text);
	for (size_t len = 33; len <= SESSION_MAX_LEN; len++) {
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

/* Of AgentCore's, which may be anything: each has one of ours of its own. */
static void check_hashed(struct slice given, const char *wanted)
{
	char out[SESSION_MAX_LEN + 1];

	memset(out, 'x', sizeof out);
	session_choose(out, given);
	CHECK_SLICE(slice_from(out), slice_from(wanted));
	CHECK(request_session_id_valid(slice_from(out)));
}

TEST(one_that_is_not_of_our_form_is_hashed)
{
	char text[SESSION_MAX_LEN + 2];

	/* By sha256sum. */
	check_hashed(SLICE("abc"),
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	memset(text, 'a', sizeof text);
	check_hashed((struct slice){text, SESSION_MAX_LEN + 1},
	    "9d0793397991b57a99a07c6e6b4a92bab68dbf605345cd0b87f385a448a726bc");
	check_hashed((struct slice){text, 32},
	    "3ba3f5f43b92602683c19aee62a20342b084dd5971ddd33808d81a328879a547");
	check_hashed(SLICE("-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	    "df2408579be0757e30fe754b99f547430722b23e2d5885771f43a2e57ea3aee9");
	check_hashed(SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/\n\xff"),
	    "f3ee0fde9892c5dd0bbb3cb11f40e69867e2a8269c55f10e821ce7fc3dd4fe2f");
}

int main(void)
{
	return tap_run();
}
