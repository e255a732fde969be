/* gateway: what does not come in whole, or is wrong. */
#include "alloc.h"
#include "gateway_web.h"

/* "Hello body" without its last less bytes, and no more to come. */
static enum status read_less(size_t less)
{
	begin();
	add_hello();
	say(slice_first(buf_slice(&request), request.len - less));
	CHECK(shutdown(server, SHUT_WR) == 0);
	return read_all(MAX_BODY);
}

TEST(a_body_that_breaks_off)
{
	/* The body's two records. */
	for (size_t less = 1; less <= 8 + 10 + 8; less++) {
		CHECK(read_less(less) == STATUS_REQUEST_CUT);
		CHECK_SLICE(param("CONTENT_LENGTH"), SLICE("10"));
		check_answerable();
		finish();
	}
}

TEST(parameters_that_break_off)
{
	for (size_t less = 8 + 10 + 8 + 1; less < 100; less++) {
		CHECK(read_less(less) == STATUS_CLIENT_GONE);
		finish();
	}
}

TEST(what_is_not_waited_for)
{
	begin();
	CHECK(gateway_cut(gateway) == STATUS_CLIENT_GONE);
	add_hello();
	say(slice_first(buf_slice(&request), request.len - 27));
	CHECK(read_some() == STATUS_MORE && gateway_begun(gateway));
	CHECK(gateway_cut(gateway) == STATUS_CLIENT_GONE);
	say(slice_first(slice_skip(buf_slice(&request), request.len - 27), 10));
	CHECK(read_some() == STATUS_MORE && gateway_begun(gateway));
	CHECK(gateway_cut(gateway) == STATUS_REQUEST_CUT);
	CHECK(!gateway_begun(gateway));
	CHECK_SLICE(param("REQUEST_METHOD"), SLICE("POST"));
	check_answerable();
	CHECK(gateway_cut(gateway) == STATUS_CLIENT_GONE);
	finish();
}

TEST(what_is_no_fastcgi)
{
	const struct slice wrong[] = {
	    SLICE("GET / HTTP/1.1\r\n\r\n"),
	    SLICE("\x16\x03\x01\x02"),
	    SLICE("\1\5\0\1"),
	    SLICE("\1\5\0\1\0\0\0\0"),
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		begin();
		say(wrong[i]);
		hang_up();
		CHECK(read_all(MAX_BODY) == STATUS_CLIENT_GONE);
		gateway_write(gateway, SLICE("x"));
		CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
		CHECK(gateway_has_left(gateway));
		finish();
	}
}

/* What libfcgi refuses, it closes: that must be nobody else's. */
static void check_refused(unsigned id, int role, struct slice params)
{
	const char start[8] = {0, (char)role, FASTCGI_KEEP};
	int others[2];

	begin();
	CHECK(pipe2(others, O_CLOEXEC) == 0);
	fastcgi_add(&request, 1, id, (struct slice){start, sizeof start});
	fastcgi_add_all(&request, 4, id, params);
	fastcgi_add_all(&request, 5, id, SLICE("body"));
	say(buf_slice(&request));
	CHECK(read_some() == STATUS_CLIENT_GONE);
	CHECK(fcntl(ours, F_GETFD) >= 0);
	CHECK(fcntl(others[0], F_GETFD) >= 0);
	CHECK(fcntl(others[1], F_GETFD) >= 0);
	close(others[0]);
	close(others[1]);
	finish();
}

TEST(what_libfcgi_refuses_harms_no_other)
{
	for (int i = 0; i < 3; i++) {
		check_refused(1, 1, SLICE("\5\5ab"));
		check_refused(1, 1, SLICE("\1\x80\0"));
		check_refused(1, 99, SLICE("\1\1ab"));
		check_refused(0, 1, SLICE("\1\1ab"));
		begin();
		add_hello();
		say(buf_slice(&request));
		CHECK(read_some() == STATUS_OK);
		check_hello();
		finish();
	}
}

TEST(a_beginning_of_another_length)
{
	for (size_t len = 0; len < 20; len++) {
		static const char start[20] = {0, 1};

		begin();
		fastcgi_add(&request, 1, 1, (struct slice){start, len});
		fastcgi_add_all(&request, 4, 1, SLICE(""));
		fastcgi_add_all(&request, 5, 1, SLICE(""));
		say(buf_slice(&request));
		CHECK(
		    read_some() == (len == 8 ? STATUS_OK : STATUS_CLIENT_GONE));
		finish();
	}
}

TEST(a_body_counts_whatever_length_was_said)
{
	struct buf params;

	begin();
	buf_init(&params, 1000);
	fastcgi_add_param(&params, SLICE("CONTENT_LENGTH"), SLICE("10"));
	fastcgi_add_begin(&request, 1, FASTCGI_KEEP);
	fastcgi_add_all(&request, 4, 1, buf_slice(&params));
	fastcgi_add_all(&request, 5, 1, SLICE("Hello"));
	say(buf_slice(&request));
	CHECK(read_some() == STATUS_OK);
	CHECK_SLICE(gateway_body(gateway), SLICE("Hello"));
	buf_free(&params);
	finish();
}

TEST(no_memory)
{
	enum status status = STATUS_MORE;
	size_t n = 0;

	for (; status != STATUS_OK && n < 100; n++) {
		begin();
		add_hello();
		say(buf_slice(&request));
		alloc_fail_at(n);
		status = read_some();
		CHECK((status == STATUS_OK) == !alloc_failed());
		CHECK(status != STATUS_MORE);
		finish();
	}
	CHECK(status == STATUS_OK && n > 3);
}

int main(void)
{
	if (gateway_init() != STATUS_OK)
		return 1;
	return tap_run();
}
