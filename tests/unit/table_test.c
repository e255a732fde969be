#include "../../src/table.h"

#include "../../src/arena.h"
#include "alloc.h"
#include "tap.h"

TEST(last_of_equal_names_wins)
{
	struct arena arena;
	struct table table = {0};

	arena_init(&arena, 10000);
	CHECK(table_find(&table, "a") == NULL);
	CHECK(table_get(&table, "a").len == 0);
	CHECK(table_add(&table, &arena, SLICE("a"), SLICE("1")) == STATUS_OK);
	CHECK(table_add(&table, &arena, SLICE("b"), SLICE("")) == STATUS_OK);
	CHECK(table_add(&table, &arena, SLICE("a"), SLICE("2")) == STATUS_OK);
	CHECK_SLICE(table_get(&table, "a"), SLICE("2"));
	CHECK(table_find(&table, "b") != NULL);
	CHECK(table_find(&table, "A") == NULL);
	CHECK(table_find(&table, "") == NULL);
	CHECK(table.len == 3);
	arena_free(&arena);
}

TEST(grows_and_keeps_the_order)
{
	static const char digits[] = "0123456789";
	struct arena arena;
	struct table table = {0};

	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < 200; i++) {
		struct slice name = {.ptr = digits + i % 10, .len = 1};

		CHECK(table_add(&table, &arena, name, name) == STATUS_OK);
	}
	CHECK(table.len == 200);
	for (size_t i = 0; i < table.len; i++)
		CHECK(table.entries[i].name.ptr == digits + i % 10);
	arena_free(&arena);
}

TEST(full_arena_is_too_large)
{
	struct arena arena = {0};
	struct table table = {0};

	CHECK(table_add(&table, &arena, SLICE("a"), SLICE("1")) ==
	    STATUS_TOO_LARGE);
	CHECK(table.len == 0);
}

TEST(survives_lack_of_memory)
{
	struct arena arena;
	struct table table = {0};

	arena_init(&arena, 10000);
	alloc_fail_at(0);
	CHECK(table_add(&table, &arena, SLICE("a"), SLICE("1")) ==
	    STATUS_TOO_LARGE);
	CHECK(alloc_failed() && table.len == 0);
	arena_free(&arena);
}

int main(void)
{
	return tap_run();
}
