#include "../../src/words.h"

#include <stdlib.h>

#include "alloc.h"
#include "tap.h"

/* The words of text, each in brackets. */
static void check(const char *text, const char *wanted)
{
	char *argv[WORDS_MAX + 1], *copy, got[512] = "";
	size_t n = 0;

	CHECK(words_split(argv, &copy, slice_from(text)) == STATUS_OK);
	for (size_t i = 0; argv[i] != NULL; i++)
		n += (size_t)snprintf(got + n, sizeof got - n, "[%s]", argv[i]);
	CHECK_SLICE(slice_from(got), slice_from(wanted));
	free(copy);
}

static void check_bad(struct slice text)
{
	char *argv[WORDS_MAX + 1], *copy;

	CHECK(words_split(argv, &copy, text) == STATUS_BAD_REQUEST);
	CHECK(copy == NULL && argv[0] == NULL);
}

TEST(blanks_tabs_and_newlines_separate)
{
	check("a", "[a]");
	check("a b", "[a][b]");
	check(" \t\na\n\tb  c \n", "[a][b][c]");
	check("a\rb", "[a\rb]");
}

TEST(single_quotes_are_verbatim)
{
	check("'a b' c", "[a b][c]");
	check("'a\\b\"$x`*'", "[a\\b\"$x`*]");
	check("a'b'c", "[abc]");
	check("'a\n\tb'", "[a\n\tb]");
}

TEST(in_double_quotes_a_backslash_quotes_two_characters)
{
	check("\"a b\" c", "[a b][c]");
	check("\"a\\\"b\"", "[a\"b]");
	check("\"a\\\\\"", "[a\\]");
	check("\"\\a\\$\\`\\'\\\n\"", "[\\a\\$\\`\\'\\\n]");
	check("\"it's\"", "[it's]");
}

TEST(outside_a_backslash_quotes_any_character)
{
	check("a\\ b c", "[a b][c]");
	check("\\a\\\\\\'\\\"\\n", "[a\\'\"n]");
	check("\\\n", "[\n]");
	check("\\ ", "[ ]");
}

TEST(quotes_make_empty_words_and_join)
{
	check("''", "[]");
	check("a '' \"\" b", "[a][][][b]");
	check("'a'\"b\"\\c", "[abc]");
	check("''a\"\"", "[a]");
}

TEST(nothing_is_expanded)
{
	check("$HOME ~ *.c `x` $(y) a|b c>d &e #f ;g {h,i}",
	    "[$HOME][~][*.c][`x`][$(y)][a|b][c>d][&e][#f][;g][{h,i}]");
}

TEST(the_helper_of_roles_anywhere)
{
	check("\"/opt/a b/aws_signing_helper\" credential-process "
	      "--certificate /etc/c.pem --private-key "
	      "'pkcs11:token=x;object=k y' --region=eu-west-1",
	    "[/opt/a b/aws_signing_helper][credential-process][--certificate]"
	    "[/etc/c.pem][--private-key][pkcs11:token=x;object=k y]"
	    "[--region=eu-west-1]");
}

TEST(refuses_what_does_not_end)
{
	check_bad(SLICE("'"));
	check_bad(SLICE("a 'b"));
	check_bad(SLICE("\""));
	check_bad(SLICE("a \"b\\\""));
	check_bad(SLICE("\"\\"));
	check_bad(SLICE("\\"));
	check_bad(SLICE("a b\\"));
}

TEST(refuses_what_has_no_word_or_a_nul)
{
	check_bad((struct slice){0});
	check_bad(SLICE(" \t\n"));
	check_bad(SLICE("\0"));
	check_bad(SLICE("a\0b"));
	check_bad(SLICE("'a\0'"));
}

TEST(takes_so_many_words)
{
	char text[2 * WORDS_MAX + 2], *argv[WORDS_MAX + 1], *copy;

	for (size_t i = 0; i < sizeof text; i += 2)
		memcpy(text + i, "a ", 2);
	CHECK(words_split(argv, &copy,
		  (struct slice){.ptr = text, .len = 2 * WORDS_MAX}) ==
	    STATUS_OK);
	for (size_t i = 0; i < WORDS_MAX; i++)
		CHECK_SLICE(slice_from(argv[i]), SLICE("a"));
	CHECK(argv[WORDS_MAX] == NULL);
	free(copy);
	check_bad((struct slice){.ptr = text, .len = sizeof text});
}

/* Blocks of just the size, so that a sanitizer sees an access behind them. */
TEST(every_prefix_is_split_or_refused)
{
	struct slice text = SLICE(" 'a b'c \"d\\\"\\x\" e\\ f '' g\t");

	for (size_t n = 0; n <= text.len; n++) {
		char *argv[WORDS_MAX + 1], *copy, *part = malloc(n + !n);
		enum status status;

		if (part == NULL)
			abort();
		memcpy(part, text.ptr, n);
		status = words_split(
		    argv, &copy, (struct slice){.ptr = part, .len = n});
		CHECK(status == STATUS_OK || status == STATUS_BAD_REQUEST);
		CHECK((status == STATUS_OK) == (copy != NULL));
		free(copy);
		free(part);
	}
}

TEST(survives_lack_of_memory)
{
	char *argv[WORDS_MAX + 1], *copy;

	alloc_fail_at(0);
	CHECK(words_split(argv, &copy, SLICE("a b")) == STATUS_NO_MEMORY);
	CHECK(alloc_failed());
	CHECK(copy == NULL && argv[0] == NULL);
}

int main(void)
{
	return tap_run();
}
