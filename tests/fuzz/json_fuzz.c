/* Any text as JSON; what is accepted must survive being written again. */
#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/json.h"
#include "../../src/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_parse(struct buf *buf)
{
	struct json *json;

	if (buf_status(buf) != STATUS_OK || !utf8_valid(buf_slice(buf)) ||
	    json_parse(buf_slice(buf), &json) != STATUS_OK)
		abort();
	json_free(json);
	buf_clear(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {.ptr = (const char *)data, .len = size};
	struct json *json;
	struct buf buf;

	buf_init(&buf, 8 * size + 1000);
	json_add_string(&buf, text);
	if (slice_find(text, SLICE("\0")) == text.len)
		must_parse(&buf);
	buf_clear(&buf);
	if (json_parse(text, &json) == STATUS_OK) {
		json_add(&buf, json);
		must_parse(&buf);
		if (json_is_object(json)) {
			json_add_without(&buf, json, text, "sessionId");
			must_parse(&buf);
		}
		json_remove(json, "sessionId");
		json_add(&buf, json);
		must_parse(&buf);
	}
	json_free(json);
	buf_free(&buf);
	return 0;
}
