/*
 * slice: a view of bytes that somebody else owns.
 *
 * Passed by value.  Not NUL-terminated; may hold NUL bytes.  ptr may be
 * NULL only when len is 0.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

struct slice {
	const char *ptr;
	size_t len;
};

/* A slice of a string literal. */
#define SLICE(literal) \
	((struct slice){.ptr = (literal), .len = sizeof(literal) - 1})

/* For printf("%.*s"): an int length, then the pointer. */
#define SLICE_ARG(s) (int)(s).len, (s).ptr

/* The bytes of a C string before its NUL; NULL gives the empty slice. */
struct slice slice_from(const char *text);

bool slice_equal(struct slice a, struct slice b);

/* The same, with A-Z and a-z taken as equal. */
bool slice_equal_nocase(struct slice a, struct slice b);

bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);

/* Where needle begins in s, or s.len if nowhere. */
size_t slice_find(struct slice s, struct slice needle);

/* s without its first n bytes (all of them if n is more). */
struct slice slice_skip(struct slice s, size_t n);

/* The first n bytes of s (all of them if n is more). */
struct slice slice_first(struct slice s, size_t n);

/* s without spaces and tabs at either end. */
struct slice slice_trim(struct slice s);

/* Cut *rest at the first sep: returns what stands before it and leaves in
 * *rest what follows.  Without a sep, all is returned and *rest is empty.
 * A loop ends on rest->len == 0; a trailing sep is thus not seen. */
struct slice slice_cut(struct slice *rest, char sep);

/* Parse an unsigned decimal of digits alone.  False if it is empty, holds
 * anything else, or is above max. */
MUST_CHECK bool slice_to_number(struct slice s, uint64_t max, uint64_t *value);

#endif
