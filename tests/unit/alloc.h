/*
 * alloc: makes the n-th allocation of a test fail.
 *
 * Linked with -Wl,--wrap for malloc, calloc, realloc and strdup, so that it
 * reaches everything the test calls, libraries excepted.
 *
 *	for (size_t n = 0; alloc_fail_at(n), code_under_test(), alloc_failed();
 *	     n++)
 *		check that nothing leaked and the status was right
 */
#ifndef ALLOC_H
#define ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* The n-th allocation from now on (0: the first) fails, once. */
void alloc_fail_at(size_t n);

/* Whether it has, since alloc_fail_at; allocations succeed again from here. */
bool alloc_failed(void);

#endif
