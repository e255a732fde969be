/* gateway: what comes in. */
#include "gateway_web.h"

/* ---- pieces ---- */

TEST(a_request_cut_anywhere)
{
	struct buf post;

	buf_init(&post, 1000);
	fastcgi_add_post(&post, 300, 0, SLICE("Hello body"));
	for (size_t n = 0; n < post.len; n++) {
		begin();
		say(slice_first(buf_slice(&post), n));
		CHECK(read_some() == STATUS_MORE);
		CHECK(gateway_begun(gateway) == (n > 0));
		CHECK(read_some() == STATUS_MORE);
		say(slice_skip(buf_slice(&post), n));
		CHECK(read_some() == STATUS_OK && !gateway_begun(gateway));
		check_hello();
		finish();
	}
	buf_free(&post);
}

TEST(a_request_that_comes_byte_by_byte)
{
	struct slice rest;

	begin();
	add_hello();
	for (rest = buf_slice(&request); rest.len > 1;
	     rest = slice_skip(rest, 1)) {
		say(slice_first(rest, 1));
		CHECK(read_some() == STATUS_MORE);
	}
	say(rest);
	CHECK(read_some() == STATUS_OK);
	check_hello();
	finish();
}

/* With len bytes of parameters in all, each of 1,000. */
static void add_large(size_t len, struct slice body)
{
	static char value[1000];
	struct buf params;

	buf_init(&params, 2u << 20);
	memset(value, 'v', sizeof value);
	for (size_t i = 0; i < len; i += sizeof value)
		fastcgi_add_param(&params, SLICE("HTTP_X"),
		    (struct slice){value, sizeof value});
	fastcgi_add_begin(&request, 1, FASTCGI_KEEP);
	fastcgi_add_all(&request, 4, 1, buf_slice(&params));
	fastcgi_add_all(&request, 5, 1, body);
	buf_free(&params);
}

/* Once, a request had to fit into the socket's buffer: what did not, and came
 * in pieces, never got through. */
TEST(a_request_larger_than_the_socket_holds)
{
	static char body[MAX_BODY];
	static const size_t steps[] = {1000, 4096, 8192, 50000, SIZE_MAX};

	for (size_t i = 0; i < sizeof body; i++)
		body[i] = (char)(i * 7 + i / 251);
	for (size_t len = 30000; len <= sizeof body; len = len * 2 + 77) {
		for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
			struct slice wanted = {body, len};

			begin();
			add_large(60000, wanted);
			CHECK(read_said(steps[i], MAX_BODY) == STATUS_OK);
			CHECK(param("HTTP_X").len == 1000);
			CHECK(slice_equal(gateway_body(gateway), wanted));
			CHECK(gateway_kept(gateway));
			finish();
		}
	}
}

TEST(requests_that_come_at_once_do_not_mix)
{
	struct gateway *first;
	int first_server;
	size_t half;

	begin();
	add_hello();
	half = request.len - 20;
	say(slice_first(buf_slice(&request), half));
	CHECK(read_some() == STATUS_MORE);
	first = gateway;
	first_server = server;
	dial();
	fastcgi_add_post(&request, 2, 0, SLICE("Other"));
	say(slice_skip(buf_slice(&request), half + 20));
	CHECK(read_some() == STATUS_OK);
	CHECK_SLICE(gateway_body(gateway), SLICE("Other"));
	CHECK_SLICE(param("CONTENT_LENGTH"), SLICE("5"));
	gateway_close(gateway);
	close(server);
	gateway = first;
	server = first_server;
	say(slice_first(slice_skip(buf_slice(&request), half), 20));
	CHECK(read_some() == STATUS_OK);
	check_hello();
	finish();
}

/* ---- kept connections ---- */

/* Read a request that has come, and answer it. */
static void converse(unsigned id, struct slice wanted)
{
	struct buf body;

	buf_init(&body, 1000);
	CHECK(read_some() == STATUS_OK);
	CHECK_SLICE(gateway_body(gateway), wanted);
	gateway_write(gateway, SLICE("Status: 200 OK\r\n\r\n"));
	gateway_write(gateway, gateway_body(gateway));
	CHECK(gateway_pending(gateway) > 0);
	hear(SIZE_MAX);
	CHECK(answer.len == 0);
	gateway_end(gateway);
	CHECK(gateway_flush(gateway) == STATUS_OK);
	CHECK(gateway_pending(gateway) == 0);
	CHECK(take(id, &body));
	CHECK(slice_starts(buf_slice(&body), SLICE("Status: 200 OK\r\n\r\n")));
	CHECK(slice_ends(buf_slice(&body), wanted));
	gateway_forget(gateway);
	gateway_forget(gateway);
	buf_free(&body);
}

static void say_post(unsigned id, int flags, struct slice body)
{
	buf_clear(&request);
	fastcgi_add_post(&request, id, flags, body);
	say(buf_slice(&request));
}

TEST(a_connection_is_kept_for_more_requests)
{
	begin();
	for (unsigned id = 1; id < 1000; id += 299) {
		say_post(id, FASTCGI_KEEP, SLICE("body"));
		converse(id, SLICE("body"));
		CHECK(gateway_kept(gateway));
		CHECK(read_some() == STATUS_MORE && !gateway_begun(gateway));
	}
	say_post(1, 0, SLICE("last"));
	converse(1, SLICE("last"));
	CHECK(!gateway_kept(gateway));
	hang_up();
	CHECK(read_some() == STATUS_CLIENT_GONE && !gateway_begun(gateway));
	finish();
}

/* libfcgi reads them from one file: what a longer one left there is none of
 * the next. */
TEST(parameters_are_those_of_the_last_request)
{
	begin();
	add_large(100000, SLICE(""));
	CHECK(read_said(SIZE_MAX, MAX_BODY) == STATUS_OK);
	CHECK(param("HTTP_X").len == 1000);
	finish();
	begin();
	add_hello();
	say(buf_slice(&request));
	CHECK(read_some() == STATUS_OK);
	check_hello();
	CHECK(table_find(gateway_params(gateway), "HTTP_X") == NULL);
	finish();
}

/* A request before the last answer is not read: neither may it be waited for
 * in vain. */
TEST(a_request_out_of_turn_ends_the_connection)
{
	begin();
	say_post(1, FASTCGI_KEEP, SLICE("body"));
	CHECK(read_some() == STATUS_OK && gateway_kept(gateway));
	say_post(2, FASTCGI_KEEP, SLICE("body"));
	CHECK(!gateway_has_left(gateway));
	CHECK(!gateway_kept(gateway));
	finish();
	begin();
	add_hello();
	add_hello();
	say(buf_slice(&request));
	converse(1, SLICE("Hello body"));
	CHECK(!gateway_kept(gateway));
	finish();
}

TEST(an_abort_behind_a_request)
{
	begin();
	add_hello();
	fastcgi_add(&request, 2, 1, SLICE(""));
	say(buf_slice(&request));
	CHECK(read_some() == STATUS_CLIENT_GONE);
	finish();
}

/* ---- too much ---- */

/* Post len bytes where 1,000 are allowed. */
static enum status post(size_t len)
{
	char *bytes = calloc(1, len + 1);

	begin();
	fastcgi_add_post(&request, 1, FASTCGI_KEEP, (struct slice){bytes, len});
	free(bytes);
	return read_said(1000, 1000);
}

TEST(a_body_above_the_cap_can_be_answered)
{
	CHECK(post(1000) == STATUS_OK);
	CHECK(gateway_body(gateway).len == 1000);
	finish();
	CHECK(post(1001) == STATUS_TOO_LARGE);
	check_answerable();
	finish();
	CHECK(post(300000) == STATUS_TOO_LARGE);
	check_answerable();
	finish();
}

TEST(a_body_without_end_is_not_read_to_its_end)
{
	static char piece[65535];

	begin();
	fastcgi_add_post(&request, 1, FASTCGI_KEEP, SLICE(""));
	request.len -= 8; /* that ends it */
	while (request.len < 70u << 20)
		fastcgi_add(
		    &request, 5, 1, (struct slice){piece, sizeof piece});
	CHECK(read_said(SIZE_MAX, 1000) == STATUS_TOO_LARGE);
	check_answerable();
	finish();
}

TEST(too_many_parameters_can_be_answered)
{
	begin();
	add_large(60000, SLICE(""));
	CHECK(read_said(SIZE_MAX, MAX_BODY) == STATUS_OK);
	CHECK(param("HTTP_X").len == 1000);
	finish();
	begin();
	add_large(GATEWAY_MAX_PARAMS + 10000, SLICE("body"));
	CHECK(read_said(SIZE_MAX, MAX_BODY) == STATUS_TOO_LARGE);
	check_answerable();
	finish();
	/* Not these. */
	begin();
	add_large(1100000, SLICE(""));
	CHECK(read_said(SIZE_MAX, MAX_BODY) == STATUS_CLIENT_GONE);
	finish();
}
int main(void)
{
	if (gateway_init() != STATUS_OK)
		return 1;
	return tap_run();
}
