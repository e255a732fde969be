/*
 * table: names and values, in the order they came; the last of several equal
 * names wins.  Its memory is an arena's; a zeroed struct table is empty.
 */
#ifndef TABLE_H
#define TABLE_H

#include "slice.h"
#include "status.h"

struct arena;

struct table_entry {
	struct slice name, value;
};

struct table {
	struct table_entry *entries; /* in the arena */
	size_t len, cap;
};

/* Add a pair.  The slices are kept as they are, not copied.
 * STATUS_TOO_LARGE if the arena is full. */
MUST_CHECK enum status table_add(struct table *table, struct arena *arena,
    struct slice name, struct slice value);

/* Add copies of "NAME=value" texts, up to a NULL (pairs itself may be). */
MUST_CHECK enum status table_add_pairs(
    struct table *table, struct arena *arena, char *const *pairs);

/* The last value of this name, or NULL.  Names compare byte by byte. */
const struct slice *table_find(const struct table *table, const char *name);

/* The same, an empty slice if there is none. */
struct slice table_get(const struct table *table, const char *name);

#endif
