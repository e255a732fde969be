#include "frame.h"

#include "buf.h"

/* What a DEFLATE filter looks ahead by is 8,096 bytes. */
enum {
	PADDING = 8192
};

void frame_add_id(struct buf *out, const char *run_id, uint64_t number)
{
	buf_add(out, SLICE("id: "));
	buf_add_text(out, run_id);
	buf_add_char(out, '.');
	buf_add_number(out, number);
	buf_add_char(out, '\n');
}

void frame_add_hello(struct buf *out, bool padded)
{
	static const char dots[65] =
	    "................................................................";

	buf_add(out, SLICE(": agentcgi\n"));
	for (size_t n = 0; padded && n < PADDING; n += 64) {
		buf_add(out, SLICE(": "));
		buf_add(out, (struct slice){.ptr = dots, .len = 64});
		buf_add_char(out, '\n');
	}
	buf_add_char(out, '\n');
}

void frame_add_keepalive(struct buf *out)
{
	buf_add(out, SLICE(": keepalive\n\n"));
}

void frame_add_named(struct buf *out, const char *name, struct slice json,
    const char *run_id, uint64_t number)
{
	buf_add(out, SLICE("event: "));
	buf_add_text(out, name);
	buf_add(out, SLICE("\ndata: "));
	buf_add(out, json);
	buf_add_char(out, '\n');
	frame_add_id(out, run_id, number);
	buf_add_char(out, '\n');
}
