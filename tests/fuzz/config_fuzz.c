/*
 * Any text as a configuration file.  What loads must dump to a text that
 * loads, and dumps, to the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *env(const char *name)
{
	(void)name;
	return NULL;
}

/* False if text is refused. */
static bool dump(struct slice text, struct buf *out)
{
	struct config *config;
	struct config_error error;

	if (config_parse(text, "fuzz", env, &config, &error) != STATUS_OK)
		return false;
	config_dump(config, out);
	config_unsupported(config, out);
	buf_clear(out);
	config_dump(config, out);
	config_unref(config);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first, second;

	buf_init(&first, 16 << 20);
	buf_init(&second, 16 << 20);
	if (dump((struct slice){.ptr = (const char *)data, .len = size},
		&first) &&
	    (!dump(buf_slice(&first), &second) ||
		!slice_equal(buf_slice(&first), buf_slice(&second))))
		abort();
	buf_free(&first);
	buf_free(&second);
	return 0;
}
