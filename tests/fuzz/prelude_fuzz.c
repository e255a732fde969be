/*
 * prelude: however a stream is cut, the same is left of it: all, or its end
 * behind eight NULs.
 *
 * The first byte picks how to cut; the rest is the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/prelude.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Cuts of changing length, from 1 byte on; step 0: in one piece. */
static void run(
    struct prelude *prelude, struct buf *log, struct slice rest, size_t step)
{
	buf_init(log, rest.len);
	prelude_init(prelude);
	for (size_t n = 1; rest.len > 0;
	     n = step == 0 ? n : (n * 7 + step) % step + 1) {
		size_t len = step == 0 || n > rest.len ? rest.len : n;
		/* A copy, so that a read behind it is seen. */
		char *piece = malloc(len);
		struct slice out;

		check(piece != NULL);
		memcpy(piece, rest.ptr, len);
		check(prelude_feed(prelude,
			  (struct slice){.ptr = piece, .len = len},
			  &out) == STATUS_OK);
		check(prelude->state != PRELUDE_LOOKING || out.len == 0);
		buf_add(log, out);
		free(piece);
		rest = slice_skip(rest, len);
		check(prelude->state != PRELUDE_LOOKING ||
		    prelude->held.len < PRELUDE_MAX);
	}
	buf_add(log, prelude_finish(prelude));
	check(buf_status(log) == STATUS_OK);
	prelude_free(prelude);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct slice nuls = SLICE("\0\0\0\0\0\0\0\0");
	struct slice stream = {.ptr = (const char *)bytes + 1, .len = len - 1};
	struct prelude whole, cut;
	struct buf out, cut_out;

	if (len < 2)
		return 0;
	run(&whole, &out, stream, 0);
	run(&cut, &cut_out, stream, (size_t)bytes[0] + 1);
	check(slice_equal(buf_slice(&out), buf_slice(&cut_out)));
	check(whole.state == cut.state && whole.status == cut.status);
	check(strcmp(whole.content_type, cut.content_type) == 0);
	check(whole.status >= 100 && whole.status <= 599);
	if (whole.state == PRELUDE_FOUND) {
		size_t at = stream.len - out.len;

		check(at >= 2 + nuls.len && at <= PRELUDE_MAX);
		check(slice_ends(slice_first(stream, at), nuls));
		check(slice_ends(stream, buf_slice(&out)));
	} else {
		check(whole.state == PRELUDE_NONE);
		check(slice_equal(stream, buf_slice(&out)));
	}
	buf_free(&out);
	buf_free(&cut_out);
	return 0;
}
