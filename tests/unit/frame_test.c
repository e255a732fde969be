#include "../../src/frame.h"

#include "../../src/buf.h"
#include "tap.h"

TEST(an_id_is_run_and_number)
{
	struct buf out;

	buf_init(&out, 100);
	frame_add_id(&out, "Run-_1", 0);
	frame_add_id(&out, "r", UINT64_MAX);
	CHECK_SLICE(buf_slice(&out),
	    SLICE("id: Run-_1.0\nid: r.18446744073709551615\n"));
	buf_free(&out);
}

TEST(an_event_of_ours)
{
	struct buf out;

	buf_init(&out, 100);
	frame_add_named(&out, "done", SLICE("{\"a\":1}"), "r", 12);
	CHECK_SLICE(buf_slice(&out),
	    SLICE("event: done\ndata: {\"a\":1}\nid: r.12\n\n"));
	buf_free(&out);
}

TEST(silence_is_a_comment)
{
	struct buf out;

	buf_init(&out, 100);
	frame_add_keepalive(&out);
	CHECK_SLICE(buf_slice(&out), SLICE(": keepalive\n\n"));
	buf_free(&out);
}

TEST(the_first_words)
{
	struct buf out;

	buf_init(&out, 100);
	frame_add_hello(&out, false);
	CHECK_SLICE(buf_slice(&out), SLICE(": agentcgi\n\n"));
	buf_free(&out);
}

TEST(padding_is_comments_and_longer_than_a_deflate_filter_waits)
{
	struct slice rest, line;
	struct buf out;

	buf_init(&out, 1u << 20);
	frame_add_hello(&out, true);
	CHECK(out.len > 8096 && out.len < 16384);
	rest = buf_slice(&out);
	CHECK(slice_ends(rest, SLICE("\n\n")));
	while (rest.len > 1) {
		line = slice_cut(&rest, '\n');
		CHECK(slice_starts(line, SLICE(": ")) && line.len < 80);
	}
	CHECK_SLICE(rest, SLICE("\n"));
	buf_free(&out);
}

TEST(a_full_buffer_spoils)
{
	struct buf out;

	buf_init(&out, 20);
	frame_add_named(&out, "done", SLICE("{}"), "r", 1);
	CHECK(buf_status(&out) == STATUS_TOO_LARGE);
	buf_free(&out);
}

int main(void)
{
	return tap_run();
}
