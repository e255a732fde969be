/*
 * A whole request: lines of NAME=value, an empty line, the body.  The flags
 * `mount` and `passthrough` come as parameters of those names.
 */
#include <stdlib.h>

#include "../../src/arena.h"
#include "../../src/json.h"
#include "../../src/request.h"
#include "../../src/table.h"
#include "../../src/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What has been accepted goes upstream. */
static void check(const struct request *request, size_t max_prompt)
{
	struct json *json;

	if (!utf8_valid(request->prompt) || request->prompt.len > max_prompt)
		abort();
	if (request->session_id.len > 0 &&
	    !request_session_id_valid(request->session_id))
		abort();
	if (json_parse(request->payload, &json) != STATUS_OK ||
	    !json_is_object(json))
		abort();
	if (json_get(json, "sessionId") != NULL)
		abort();
	json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = {.ptr = (const char *)data, .len = size};
	struct request_rules rules = {.max_prompt = 1000};
	struct table params = {0};
	struct request request;
	struct arena arena;
	bool through;

	arena_init(&arena, 1 << 17);
	while (body.len > 0) {
		struct slice line = slice_cut(&body, '\n');
		struct slice name = slice_cut(&line, '=');

		if (name.len == 0)
			break;
		if (table_add(&params, &arena, name, line) != STATUS_OK)
			goto out;
	}
	rules.mount = table_get(&params, "mount");
	through = table_find(&params, "passthrough") != NULL;
	if (request_parse(&request, &params, &rules, &arena) != STATUS_OK)
		goto out;
	if (!utf8_valid(request.name) || !utf8_valid(request.id))
		abort();
	if (request_parse_input(
		&request, &params, body, through, &rules, &arena) == STATUS_OK)
		check(&request, rules.max_prompt);
out:
	arena_free(&arena);
	return 0;
}
