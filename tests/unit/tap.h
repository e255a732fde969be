/*
 * tap: a small test harness that speaks TAP (https://testanything.org).
 *
 *	TEST(slice_cut_takes_the_first_separator) { CHECK(...); }
 *	int main(void) { return tap_run(); }
 *
 * A test passes if none of its CHECKs failed; those that fail are printed
 * with their place.  Tests run in the order of the file.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../src/slice.h"

struct tap_test {
	const char *name;
	void (*run)(void);
	struct tap_test *next;
};

static struct tap_test *tap_first, **tap_last = &tap_first;
static bool tap_failed;

#define TEST(id)                                                           \
	static void test_##id(void);                                       \
	static struct tap_test tap_##id = {.name = #id, .run = test_##id}; \
	__attribute__((constructor)) static void tap_add_##id(void)        \
	{                                                                  \
		*tap_last = &tap_##id;                                     \
		tap_last = &tap_##id.next;                                 \
	}                                                                  \
	static void test_##id(void)

#define CHECK(condition)                                                      \
	do {                                                                  \
		if (!(condition)) {                                           \
			tap_failed = true;                                    \
			printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, \
			    #condition);                                      \
		}                                                             \
	} while (0)

/* Two slices, or a slice and a SLICE("literal"). */
#define CHECK_SLICE(got, wanted) \
	tap_check_slice(__FILE__, __LINE__, got, wanted)

__attribute__((unused)) static void tap_check_slice(
    const char *file, int line, struct slice got, struct slice wanted)
{
	if (slice_equal(got, wanted))
		return;
	tap_failed = true;
	printf("# %s:%d:\n#  got    [%.*s]\n#  wanted [%.*s]\n", file, line,
	    SLICE_ARG(got), SLICE_ARG(wanted));
}

static int tap_run(void)
{
	int n = 0, failures = 0;

	for (struct tap_test *test = tap_first; test != NULL;
	     test = test->next) {
		tap_failed = false;
		test->run();
		failures += tap_failed;
		printf("%sok %d - %s\n", tap_failed ? "not " : "", ++n,
		    test->name);
	}
	printf("1..%d\n", n);
	return failures > 0;
}

#endif
