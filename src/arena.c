#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* A request's parameters are 2 to 3 KiB: one block holds them. */
enum {
	BLOCK_SIZE = 4096
};

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena, size_t ceiling)
{
	*arena = (struct arena){.ceiling = ceiling};
}

void arena_free(struct arena *arena)
{
	struct arena_block *block = arena->blocks, *next;

	for (; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	arena_init(arena, arena->ceiling);
}

static bool add_block(struct arena *arena, size_t n)
{
	size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
	struct arena_block *block = calloc(1, sizeof *block + size);

	if (block == NULL)
		return false;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return true;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	struct arena_block *block = arena->blocks;
	size_t room = arena->ceiling - arena->used;
	void *at;

	if (n > room)
		return NULL;
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (n > room)
		return NULL;
	if (block == NULL || n > block->size - block->used) {
		if (!add_block(arena, n))
			return NULL;
		block = arena->blocks;
	}
	at = block->bytes + block->used;
	block->used += n;
	arena->used += n;
	return at;
}

struct slice arena_copy(struct arena *arena, struct slice bytes)
{
	char *copy = arena_alloc(arena, bytes.len + 1);

	if (copy == NULL)
		return (struct slice){0};
	if (bytes.len > 0)
		memcpy(copy, bytes.ptr, bytes.len);
	return (struct slice){.ptr = copy, .len = bytes.len};
}
