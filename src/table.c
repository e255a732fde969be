#include "table.h"

#include <string.h>

#include "arena.h"

/* A web server sends 25 to 45 parameters. */
enum {
	FIRST_CAP = 48
};

static bool grow(struct table *table, struct arena *arena)
{
	size_t cap = table->cap == 0 ? FIRST_CAP : table->cap * 2;
	struct table_entry *entries =
	    arena_alloc(arena, cap * sizeof *table->entries);

	if (entries == NULL)
		return false;
	if (table->len > 0)
		memcpy(entries, table->entries, table->len * sizeof *entries);
	table->entries = entries;
	table->cap = cap;
	return true;
}

enum status table_add(struct table *table, struct arena *arena,
    struct slice name, struct slice value)
{
	if (table->len == table->cap && !grow(table, arena))
		return STATUS_TOO_LARGE;
	table->entries[table->len++] =
	    (struct table_entry){.name = name, .value = value};
	return STATUS_OK;
}

enum status table_add_pairs(
    struct table *table, struct arena *arena, char *const *pairs)
{
	for (; pairs != NULL && *pairs != NULL; pairs++) {
		struct slice rest = arena_copy(arena, slice_from(*pairs));
		struct slice name;

		if (rest.ptr == NULL)
			return STATUS_TOO_LARGE;
		name = slice_cut(&rest, '=');
		if (table_add(table, arena, name, rest) != STATUS_OK)
			return STATUS_TOO_LARGE;
	}
	return STATUS_OK;
}

const struct slice *table_find(const struct table *table, const char *name)
{
	struct slice wanted = slice_from(name);

	for (size_t i = table->len; i > 0; i--) {
		if (slice_equal(table->entries[i - 1].name, wanted))
			return &table->entries[i - 1].value;
	}
	return NULL;
}

struct slice table_get(const struct table *table, const char *name)
{
	const struct slice *value = table_find(table, name);

	return value == NULL ? (struct slice){0} : *value;
}
