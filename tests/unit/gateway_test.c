#include "../../src/gateway.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/table.h"
#include "fake_log.h"
#include "fastcgi.h"
#include "tap.h"

enum {
	MAX_BODY = 1 << 20
};

static struct loop *loop;
static struct gateway *gateway;
static int server; /* the web server's end */
static struct buf request, answer;

static void begin(void)
{
	int pair[2];

	loop = loop_new();
	if (loop == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	(void)fcntl(pair[1], F_SETFL, O_NONBLOCK); /* as accept4 makes it */
	server = pair[0];
	gateway = gateway_open(loop, pair[1]);
	if (gateway == NULL)
		abort();
	buf_init(&request, 64u << 20);
	buf_init(&answer, 64u << 20);
	log_forget();
}

static void hang_up(void)
{
	if (server >= 0)
		close(server);
	server = -1;
}

static void finish(void)
{
	gateway_close(gateway);
	gateway = NULL;
	loop_free(loop);
	hang_up();
	buf_free(&request);
	buf_free(&answer);
}

static void say(struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(server, bytes.ptr, bytes.len);

		if (n <= 0)
			abort();
		bytes = slice_skip(bytes, (size_t)n);
	}
}

/* Read at most max bytes of what has been sent. */
static void hear(size_t max)
{
	static char bytes[65536];
	ssize_t n;

	while (max > 0) {
		size_t want = max < sizeof bytes ? max : sizeof bytes;

		n = recv(server, bytes, want, MSG_DONTWAIT);
		if (n <= 0)
			return;
		buf_add(&answer, (struct slice){bytes, (size_t)n});
		max -= (size_t)n;
	}
}

static enum status peek(bool *begun)
{
	enum status status = gateway_peek(gateway, begun);

	CHECK(status == STATUS_OK || status == STATUS_MORE ||
	    status == STATUS_CLIENT_GONE);
	return status;
}

static struct slice param(const char *name)
{
	return table_get(gateway_params(gateway), name);
}

TEST(a_request_cut_anywhere)
{
	struct buf post;
	bool begun;

	buf_init(&post, 1000);
	fastcgi_add_post(&post, 300, 0, SLICE("Hello body"));
	for (size_t n = 0; n < post.len; n++) {
		begin();
		say(slice_first(buf_slice(&post), n));
		CHECK(peek(&begun) == STATUS_MORE && begun == (n > 0));
		say(slice_skip(buf_slice(&post), n));
		CHECK(peek(&begun) == STATUS_OK && begun);
		CHECK(gateway_read(gateway, MAX_BODY) == STATUS_OK);
		CHECK_SLICE(param("REQUEST_METHOD"), SLICE("POST"));
		CHECK_SLICE(param("CONTENT_LENGTH"), SLICE("10"));
		CHECK(table_find(gateway_params(gateway), "EMPTY") != NULL);
		CHECK(param("EMPTY").len == 0);
		CHECK_SLICE(gateway_body(gateway), SLICE("Hello body"));
		finish();
	}
	buf_free(&post);
}

static void *say_slowly(void *arg)
{
	struct slice bytes = buf_slice(&request);

	(void)arg;
	for (; bytes.len > 0; bytes = slice_skip(bytes, 1))
		say(slice_first(bytes, 1));
	return NULL;
}

TEST(a_request_that_comes_byte_by_byte)
{
	pthread_t thread;

	begin();
	fastcgi_add_post(&request, 1, 0, SLICE("Hello body"));
	CHECK(pthread_create(&thread, NULL, say_slowly, NULL) == 0);
	gateway_set_wait(gateway, 20000);
	CHECK(gateway_read(gateway, MAX_BODY) == STATUS_OK);
	CHECK_SLICE(gateway_body(gateway), SLICE("Hello body"));
	(void)pthread_join(thread, NULL);
	finish();
}

/* Take the answer up to END_REQUEST. */
static bool take(unsigned id, struct buf *body)
{
	bool whole;

	hear(SIZE_MAX);
	whole = fastcgi_take(buf_slice(&answer), id, body);
	buf_clear(&answer);
	return whole;
}

/* Read a request that has come, and answer it. */
static void converse(unsigned id, struct slice wanted)
{
	struct buf body;
	bool begun;

	buf_init(&body, 1000);
	CHECK(peek(&begun) == STATUS_OK);
	CHECK(gateway_read(gateway, MAX_BODY) == STATUS_OK);
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

TEST(a_connection_is_kept_for_more_requests)
{
	bool begun;

	begin();
	for (unsigned id = 1; id < 1000; id += 299) {
		buf_clear(&request);
		fastcgi_add_post(&request, id, FASTCGI_KEEP, SLICE("body"));
		say(buf_slice(&request));
		converse(id, SLICE("body"));
		CHECK(gateway_kept(gateway));
		CHECK(peek(&begun) == STATUS_MORE && !begun);
	}
	buf_clear(&request);
	fastcgi_add_post(&request, 1, 0, SLICE("last"));
	say(buf_slice(&request));
	converse(1, SLICE("last"));
	CHECK(!gateway_kept(gateway));
	hang_up();
	CHECK(peek(&begun) == STATUS_CLIENT_GONE && !begun);
	finish();
}

/* Post len bytes, more than MAX_BODY at once is left to a thread. */
static enum status post(size_t len, int flags)
{
	char *bytes = calloc(1, len + 1);
	pthread_t thread;
	enum status status;

	begin();
	fastcgi_add_post(&request, 1, flags, (struct slice){bytes, len});
	free(bytes);
	if (pthread_create(&thread, NULL, say_slowly, NULL) != 0)
		abort();
	gateway_set_wait(gateway, 20000);
	status = gateway_read(gateway, 1000);
	(void)pthread_join(thread, NULL);
	return status;
}

TEST(a_body_above_the_cap_can_be_answered)
{
	struct buf body;

	buf_init(&body, 1000);
	CHECK(post(1000, FASTCGI_KEEP) == STATUS_OK);
	CHECK(gateway_body(gateway).len == 1000);
	finish();
	CHECK(post(1001, FASTCGI_KEEP) == STATUS_TOO_LARGE);
	gateway_write(gateway, SLICE("no"));
	gateway_end(gateway);
	CHECK(gateway_flush(gateway) == STATUS_OK && take(1, &body));
	CHECK_SLICE(buf_slice(&body), SLICE("no"));
	CHECK(!gateway_kept(gateway));
	finish();
	CHECK(post(70000, 0) == STATUS_TOO_LARGE);
	finish();
	buf_free(&body);
}

/* A request with parameters of len bytes in all. */
static enum status read_params(size_t len)
{
	static char value[1000];
	struct buf params;
	enum status status;

	begin();
	buf_init(&params, 1u << 20);
	memset(value, 'v', sizeof value);
	for (size_t i = 0; i < len; i += sizeof value)
		fastcgi_add_param(&params, SLICE("HTTP_X"),
		    (struct slice){value, sizeof value});
	fastcgi_add_begin(&request, 1, FASTCGI_KEEP);
	fastcgi_add_all(&request, 4, 1, buf_slice(&params));
	fastcgi_add_all(&request, 5, 1, SLICE(""));
	(void)fcntl(server, F_SETFL, 0);
	(void)setsockopt(
	    server, SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int));
	say(buf_slice(&request));
	gateway_set_wait(gateway, 20000);
	status = gateway_read(gateway, MAX_BODY);
	buf_free(&params);
	return status;
}

TEST(too_many_parameters_can_be_answered)
{
	struct buf body;

	buf_init(&body, 1000);
	CHECK(read_params(60000) == STATUS_OK);
	CHECK(param("HTTP_X").len == 1000);
	finish();
	CHECK(read_params(GATEWAY_MAX_PARAMS + 10000) == STATUS_TOO_LARGE);
	gateway_end(gateway);
	CHECK(gateway_flush(gateway) == STATUS_OK && take(1, &body));
	CHECK(!gateway_kept(gateway));
	finish();
	buf_free(&body);
}

TEST(what_is_no_fastcgi)
{
	static const char *const wrong[] = {
	    "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02", "\1\5\0\1"};
	bool begun;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		begin();
		say((struct slice){wrong[i], i == 2 ? 4 : strlen(wrong[i])});
		CHECK(peek(&begun) != STATUS_OK && begun);
		hang_up();
		CHECK(gateway_read(gateway, MAX_BODY) == STATUS_CLIENT_GONE);
		gateway_write(gateway, SLICE("x"));
		CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
		CHECK(gateway_has_left(gateway));
		finish();
	}
}

TEST(a_body_that_breaks_off)
{
	size_t whole;

	begin();
	fastcgi_add_post(&request, 1, FASTCGI_KEEP, SLICE("Hello body"));
	whole = request.len;
	finish();
	for (size_t less = 1; less < 26; less++) {
		begin();
		fastcgi_add_post(
		    &request, 1, FASTCGI_KEEP, SLICE("Hello body"));
		say(slice_first(buf_slice(&request), whole - less));
		CHECK(shutdown(server, SHUT_WR) == 0);
		CHECK(gateway_read(gateway, MAX_BODY) == STATUS_REQUEST_CUT);
		CHECK(!gateway_kept(gateway));
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
	CHECK(gateway_read(gateway, MAX_BODY) == STATUS_OK);
	CHECK_SLICE(gateway_body(gateway), SLICE("Hello"));
	buf_free(&params);
	finish();
}

TEST(a_wait_ends)
{
	bool begun;

	begin();
	fastcgi_add_post(&request, 1, 0, SLICE("Hello body"));
	say(slice_first(buf_slice(&request), request.len - 12));
	CHECK(peek(&begun) == STATUS_MORE && begun);
	gateway_set_wait(gateway, 20);
	CHECK(gateway_read(gateway, MAX_BODY) == STATUS_REQUEST_CUT);
	finish();
}

static void *read_long(void *arg)
{
	enum status *status = arg;

	gateway_set_wait(gateway, 60000);
	*status = gateway_read(gateway, MAX_BODY);
	return NULL;
}

TEST(a_wait_is_interrupted)
{
	enum status status = STATUS_OK;
	pthread_t thread;

	begin();
	fastcgi_add_post(&request, 1, 0, SLICE("Hello body"));
	say(slice_first(buf_slice(&request), request.len - 12));
	CHECK(pthread_create(&thread, NULL, read_long, &status) == 0);
	gateway_interrupt(gateway);
	(void)pthread_join(thread, NULL);
	CHECK(status != STATUS_OK);
	finish();
}

int main(void)
{
	if (gateway_init() != STATUS_OK)
		return 1;
	return tap_run();
}
