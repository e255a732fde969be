/* Any text as a query; the fields must be text. */
#include <stdlib.h>

#include "../../src/arena.h"
#include "../../src/form.h"
#include "../../src/table.h"
#include "../../src/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {.ptr = (const char *)data, .len = size};
	struct table fields = {0};
	struct arena arena;
	enum status status;

	arena_init(&arena, 1 << 16);
	status = form_parse_urlencoded(&fields, &arena, text);
	if (fields.len > FORM_MAX_FIELDS || (size == 0 && status != STATUS_OK))
		abort();
	for (size_t i = 0; i < fields.len; i++) {
		if (!utf8_valid(fields.entries[i].name) ||
		    !utf8_valid(fields.entries[i].value))
			abort();
	}
	arena_free(&arena);
	return 0;
}
