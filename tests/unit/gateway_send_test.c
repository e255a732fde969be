/* gateway: what goes out, and who has left; and plain CGI. */
#include "../../src/gateway.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/table.h"
#include "fake_log.h"
#include "fastcgi.h"
#include "tap.h"

static struct loop *loop;
static struct gateway *gateway;
static int server; /* the web server's end */
static struct buf answer;

/* A connection on which request 1 has been read. */
static void begin(int send_buffer)
{
	struct buf request;
	int pair[2];

	loop = loop_new();
	if (loop == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	(void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
	if (send_buffer > 0)
		(void)setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &send_buffer,
		    sizeof send_buffer);
	server = pair[0];
	gateway = gateway_open(loop, pair[1]);
	buf_init(&answer, 64u << 20);
	buf_init(&request, 10000);
	fastcgi_add_post(&request, 1, FASTCGI_KEEP, SLICE(""));
	if (gateway == NULL ||
	    write(server, request.ptr, request.len) != (ssize_t)request.len ||
	    gateway_read(gateway, 1000) != STATUS_OK)
		abort();
	buf_free(&request);
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
	loop_free(loop);
	hang_up();
	buf_free(&answer);
}

/* Read at most max bytes of what has been sent. */
static void hear(size_t max)
{
	static char bytes[65536];
	ssize_t n;

	for (; max > 0; max -= (size_t)n) {
		size_t want = max < sizeof bytes ? max : sizeof bytes;

		n = recv(server, bytes, want, MSG_DONTWAIT);
		if (n <= 0)
			return;
		buf_add(&answer, (struct slice){bytes, (size_t)n});
	}
}

static char pattern[200000];

static void write_pattern(void)
{
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (char)(i * 7 + i / 251);
	gateway_write(gateway, (struct slice){pattern, sizeof pattern});
}

TEST(long_output_goes_in_parts)
{
	struct buf body;
	enum status status;
	size_t turns = 0, before;

	begin(4096);
	buf_init(&body, 1u << 20);
	write_pattern();
	gateway_end(gateway);
	while ((status = gateway_flush(gateway)) == STATUS_MORE) {
		before = gateway_pending(gateway);
		CHECK(before > 0);
		hear(777);
		turns++;
	}
	CHECK(status == STATUS_OK && turns > 10);
	CHECK(gateway_pending(gateway) == 0 && gateway_kept(gateway));
	hear(SIZE_MAX);
	CHECK(fastcgi_take(buf_slice(&answer), 1, &body));
	CHECK_SLICE(
	    buf_slice(&body), ((struct slice){pattern, sizeof pattern}));
	buf_free(&body);
	finish();
}

TEST(one_flush_is_one_record)
{
	begin(0);
	gateway_write(gateway, SLICE("one "));
	gateway_write(gateway, SLICE("two"));
	CHECK(gateway_flush(gateway) == STATUS_OK);
	gateway_write(gateway, SLICE(""));
	CHECK(gateway_flush(gateway) == STATUS_OK);
	gateway_write(gateway, SLICE("three"));
	CHECK(gateway_flush(gateway) == STATUS_OK);
	hear(SIZE_MAX);
	CHECK_SLICE(buf_slice(&answer),
	    SLICE("\1\6\0\1\0\7\0\0one two\1\6\0\1\0\5\0\0three"));
	finish();
}

/* Output between two partial sends joins what waits. */
TEST(writing_goes_on_while_some_waits)
{
	struct buf body;
	enum status status;

	begin(4096);
	buf_init(&body, 1u << 20);
	write_pattern();
	CHECK(gateway_flush(gateway) == STATUS_MORE);
	gateway_write(gateway, SLICE("more"));
	CHECK(gateway_flush(gateway) == STATUS_MORE);
	gateway_end(gateway);
	while ((status = gateway_flush(gateway)) == STATUS_MORE)
		hear(50000);
	CHECK(status == STATUS_OK);
	hear(SIZE_MAX);
	CHECK(fastcgi_take(buf_slice(&answer), 1, &body));
	CHECK(body.len == sizeof pattern + 4);
	CHECK(slice_ends(buf_slice(&body), SLICE("more")));
	buf_free(&body);
	finish();
}

TEST(a_client_that_reads_nothing_is_dropped)
{
	begin(4096);
	for (size_t n = 0; n <= GATEWAY_MAX_PENDING; n += sizeof pattern)
		write_pattern();
	CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
	CHECK(logged("a client was dropped"));
	CHECK(gateway_pending(gateway) == 0 && !gateway_kept(gateway));
	gateway_write(gateway, SLICE("x"));
	gateway_end(gateway);
	CHECK(gateway_pending(gateway) == 0);
	CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
	finish();
}

TEST(a_peer_that_closed_is_gone)
{
	begin(0);
	CHECK(!gateway_has_left(gateway));
	hang_up();
	CHECK(gateway_has_left(gateway));
	gateway_write(gateway, SLICE("x"));
	CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
	gateway_end(gateway);
	CHECK(gateway_flush(gateway) == STATUS_CLIENT_GONE);
	CHECK(!gateway_kept(gateway));
	finish();
}

TEST(a_peer_that_shut_down_has_left)
{
	begin(0);
	CHECK(shutdown(server, SHUT_WR) == 0);
	CHECK(gateway_has_left(gateway));
	finish();
}

TEST(an_abort_record_is_a_leave)
{
	begin(0);
	CHECK(write(server, "\1\2\0\1\0\0\0\0", 8) == 8);
	CHECK(gateway_has_left(gateway));
	finish();
}

static unsigned seen;

static void on_event(void *ctx, unsigned events)
{
	(void)ctx;
	seen = events;
	loop_stop(loop);
}

static void on_late(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

/* The events until something comes, or a moment has passed. */
static unsigned wait(unsigned ms)
{
	struct loop_timer *timer = loop_timer_new(loop, on_late, NULL);

	seen = 0;
	loop_timer_start(timer, ms);
	loop_run(loop);
	loop_timer_free(timer);
	return seen;
}

TEST(what_comes_too_early_is_no_leave)
{
	begin(0);
	CHECK(gateway_watch(
	    gateway, on_event, NULL, gateway_watch_leave(gateway)));
	CHECK(write(server, "\1\1\0\2\0\x8\0\0\0\1\1\0\0\0\0\0", 16) == 16);
	CHECK(wait(20000) != 0);
	CHECK(!gateway_has_left(gateway));
	/* It is still there, but wakes nobody; a close does. */
	gateway_watch_set(gateway, gateway_watch_leave(gateway));
	CHECK(wait(20) == 0);
	hang_up();
	CHECK(wait(20000) != 0);
	finish();
}

TEST(watching)
{
	begin(0);
	CHECK(gateway_watch(gateway, on_event, NULL, LOOP_WRITABLE));
	CHECK(wait(20000) == LOOP_WRITABLE);
	gateway_watch_set(gateway, gateway_watch_leave(gateway));
	CHECK(wait(10) == 0);
	hang_up();
	CHECK(wait(20000) != 0 && gateway_has_left(gateway));
	finish();
}

/* ---- CGI ---- */

static int saved[2];
static int to_us = -1, from_us = -1; /* the web server's ends */

/* Become a CGI process whose input is body. */
static void begin_cgi(char **variables, struct slice body)
{
	extern char **environ;
	int in[2], out[2];

	(void)fflush(stdout);
	saved[0] = dup(0);
	saved[1] = dup(1);
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
	    dup2(in[0], 0) != 0 || dup2(out[1], 1) != 1)
		abort();
	close(in[0]);
	close(out[1]);
	to_us = in[1];
	from_us = out[0];
	environ = variables;
	loop = loop_new();
	gateway = gateway_open_cgi(loop);
	if (gateway == NULL ||
	    write(to_us, body.ptr, body.len) != (ssize_t)body.len)
		abort();
}

/* Also gives standard output back, to the test's words. */
static void finish_cgi(void)
{
	gateway_close(gateway);
	loop_free(loop);
	(void)dup2(saved[0], 0);
	(void)dup2(saved[1], 1);
	close(saved[0]);
	close(saved[1]);
	close(from_us);
	if (to_us >= 0)
		close(to_us);
}

static enum status cgi_status;
static char cgi_body[100], cgi_sent[100];

/* Read a CGI request; closed: the web server has ended its body. */
static void run_cgi(char **variables, struct slice body, bool closed)
{
	extern char **environ;
	char **before = environ;
	ssize_t n;

	memset(cgi_body, 0, sizeof cgi_body);
	memset(cgi_sent, 0, sizeof cgi_sent);
	begin_cgi(variables, body);
	if (closed) {
		close(to_us);
		to_us = -1;
	}
	cgi_status = gateway_read(gateway, 50);
	memcpy(cgi_body,
	    gateway_body(gateway).ptr == NULL ? "" : gateway_body(gateway).ptr,
	    gateway_body(gateway).len);
	gateway_write(gateway, SLICE("Status: 200 OK\r\n\r\n"));
	gateway_end(gateway);
	if (gateway_flush(gateway) == STATUS_OK && gateway_is_cgi(gateway) &&
	    !gateway_kept(gateway)) {
		n = read(from_us, cgi_sent, sizeof cgi_sent - 1);
		(void)n;
	}
	finish_cgi();
	environ = before;
}

static char length_10[] = "CONTENT_LENGTH=10",
	    length_60[] = "CONTENT_LENGTH=60";
static char length_odd[] = "CONTENT_LENGTH=-1";
static char post[] = "REQUEST_METHOD=POST";
static char chunked[] = "HTTP_TRANSFER_ENCODING=Chunked";

TEST(cgi)
{
	/* No more than was said, although nobody closes the pipe. */
	run_cgi((char *[]){length_10, NULL}, SLICE("Hello bodyXX"), false);
	CHECK(cgi_status == STATUS_OK);
	CHECK(strcmp(cgi_body, "Hello body") == 0);
	CHECK(strcmp(cgi_sent, "Status: 200 OK\r\n\r\n") == 0);
	run_cgi((char *[]){NULL}, SLICE("Hello"), false);
	CHECK(cgi_status == STATUS_OK && cgi_body[0] == '\0');
	run_cgi((char *[]){length_odd, NULL}, SLICE("Hello"), false);
	CHECK(cgi_status == STATUS_OK && cgi_body[0] == '\0');
	run_cgi((char *[]){post, chunked, NULL}, SLICE("Hello"), true);
	CHECK(cgi_status == STATUS_OK && strcmp(cgi_body, "Hello") == 0);
}

TEST(a_cgi_body_above_the_cap)
{
	static const char body[60] = "x";

	run_cgi((char *[]){length_60, NULL}, (struct slice){body, 60}, false);
	CHECK(cgi_status == STATUS_TOO_LARGE);
	CHECK(strcmp(cgi_sent, "Status: 200 OK\r\n\r\n") == 0);
}

TEST(a_cgi_body_counts_whatever_length_was_said)
{
	run_cgi((char *[]){length_10, NULL}, SLICE("Hello"), true);
	CHECK(cgi_status == STATUS_OK);
	CHECK(strcmp(cgi_sent, "Status: 200 OK\r\n\r\n") == 0);
}

int main(void)
{
	if (gateway_init() != STATUS_OK)
		return 1;
	return tap_run();
}
