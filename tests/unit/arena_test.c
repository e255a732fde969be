#include "../../src/arena.h"

#include <stdalign.h>

#include "alloc.h"
#include "tap.h"

TEST(hands_out_zeroed_aligned_memory)
{
	struct arena arena;

	arena_init(&arena, 100000);
	for (size_t n = 1; n < 200; n++) {
		char *at = arena_alloc(&arena, n);

		CHECK(at != NULL && (uintptr_t)at % alignof(max_align_t) == 0);
		for (size_t i = 0; at != NULL && i < n; i++)
			CHECK(at[i] == 0);
		if (at != NULL)
			memset(at, 0xff, n);
	}
	arena_free(&arena);
}

TEST(stops_at_its_ceiling)
{
	struct arena arena;

	arena_init(&arena, 64);
	CHECK(arena_alloc(&arena, 65) == NULL);
	CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
	CHECK(arena_alloc(&arena, 64) != NULL);
	CHECK(arena_alloc(&arena, 1) == NULL);
	arena_free(&arena);
	CHECK(arena_alloc(&arena, 64) != NULL);
	arena_free(&arena);
	arena_free(&arena);
}

TEST(takes_more_than_a_block)
{
	struct arena arena;
	char *small, *large, *after;

	arena_init(&arena, 1 << 20);
	small = arena_alloc(&arena, 16);
	large = arena_alloc(&arena, 100000);
	after = arena_alloc(&arena, 16);
	CHECK(small != NULL && large != NULL && after != NULL);
	if (large != NULL)
		memset(large, 1, 100000);
	CHECK(after != NULL && *after == 0);
	arena_free(&arena);
}

TEST(zeroed_arena_hands_out_nothing)
{
	struct arena arena = {0};

	CHECK(arena_alloc(&arena, 1) == NULL);
	arena_free(&arena);
}

TEST(copy_ends_with_a_nul)
{
	struct arena arena;
	struct slice copy;

	arena_init(&arena, 64);
	copy = arena_copy(&arena, SLICE("a\0b"));
	CHECK_SLICE(copy, SLICE("a\0b"));
	CHECK(copy.ptr != NULL && copy.ptr[3] == '\0');
	copy = arena_copy(&arena, (struct slice){0});
	CHECK(copy.ptr != NULL && copy.len == 0);
	copy = arena_copy(&arena, SLICE("0123456789012345678901234567890123"));
	CHECK(copy.ptr == NULL && copy.len == 0);
	arena_free(&arena);
}

TEST(survives_lack_of_memory)
{
	struct arena arena;

	arena_init(&arena, 64);
	alloc_fail_at(0);
	CHECK(arena_alloc(&arena, 8) == NULL);
	CHECK(alloc_failed());
	CHECK(arena.used == 0);
	CHECK(arena_alloc(&arena, 8) != NULL);
	arena_free(&arena);
}

int main(void)
{
	return tap_run();
}
