/*
 * arena: the memory of one request, freed all at once.
 *
 * It has a ceiling, taken from the configuration: no request can hold more.
 * A zeroed struct arena is an empty one with ceiling 0.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

#include "slice.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned, newest first */
	size_t used;                /* bytes handed out, with their padding */
	size_t ceiling;             /* most bytes ever handed out */
};

/* An empty arena; allocates nothing. */
void arena_init(struct arena *arena, size_t ceiling);

/* Everything handed out becomes invalid.  May run twice. */
void arena_free(struct arena *arena);

/* n bytes, zeroed, aligned for any type; NULL above the ceiling or when
 * memory is out. */
MUST_CHECK void *arena_alloc(struct arena *arena, size_t n);

/* A copy of bytes with a NUL behind it (not counted); .ptr is NULL on
 * failure. */
MUST_CHECK struct slice arena_copy(struct arena *arena, struct slice bytes);

#endif
