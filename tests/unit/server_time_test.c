/* server: how long it waits; acceptor, gateway and time are the test's. */
#include "../../src/acceptor.h"
#include "../../src/server.h"
#include "alloc.h"
#include "fake_gateway.h"
#include "fake_loop.h"
#include "tap.h"

enum {
	SECOND = 1000
};

static struct loop loop;
static struct server *server;
static struct gateway gateway; /* the one connection */
static size_t opened, closed, handled, quiet;
static enum status last_read;

/* What gateway_read says next, whether a part has come, and whether that is
 * enough to answer. */
static enum status next_read;
static bool begun, answerable, kept;

/* ---- fakes ---- */

struct acceptor {
	acceptor_callback *callback;
	void *ctx;
};

static struct acceptor acceptor;

struct acceptor *acceptor_new(
    struct loop *its_loop, int fd, acceptor_callback *callback, void *ctx)
{
	(void)its_loop;
	(void)fd;
	acceptor = (struct acceptor){.callback = callback, .ctx = ctx};
	return &acceptor;
}

void acceptor_free(struct acceptor *it)
{
	(void)it;
}

struct gateway *gateway_open(struct loop *its_loop, int fd)
{
	(void)its_loop;
	(void)fd;
	opened++;
	return &gateway;
}

struct gateway *gateway_open_cgi(struct loop *its_loop)
{
	return gateway_open(its_loop, -1);
}

void gateway_close(struct gateway *it)
{
	CHECK(it == &gateway);
	closed++;
}

enum status gateway_read(struct gateway *it, size_t max_body)
{
	CHECK(it == &gateway && max_body == 1000);
	if (next_read != STATUS_MORE)
		begun = false;
	return next_read;
}

bool gateway_begun(const struct gateway *it)
{
	CHECK(it == &gateway);
	return begun;
}

enum status gateway_cut(struct gateway *it)
{
	CHECK(it == &gateway && begun);
	begun = false;
	return answerable ? STATUS_REQUEST_CUT : STATUS_CLIENT_GONE;
}

void gateway_forget(struct gateway *it)
{
	CHECK(it == &gateway);
}

bool gateway_kept(const struct gateway *it)
{
	CHECK(it == &gateway);
	return kept;
}

/* ---- the handler ---- */

static void on_handle(void *ctx, struct gateway *it, enum status read)
{
	CHECK(ctx == &handled && server_busy(server) == 0);
	handled++;
	last_read = read;
	gateway_write(it, SLICE("answer"));
	server_finish(server, it, false);
}

static size_t on_max_body(void *ctx)
{
	(void)ctx;
	return 1000;
}

static void on_quiet(void *ctx)
{
	(void)ctx;
	quiet++;
}

/* A connection has been accepted. */
static void begin(void)
{
	const struct server_handler handler = {.handle = on_handle,
	    .max_body = on_max_body,
	    .quiet = on_quiet,
	    .ctx = &handled};

	loop = (struct loop){.now = 5};
	fake_gateway_init(&gateway);
	opened = closed = handled = quiet = 0;
	last_read = STATUS_COUNT;
	next_read = STATUS_MORE;
	begun = answerable = kept = false;
	server = server_new(&loop, &handler);
	CHECK(server_listen(server, -1) == STATUS_OK);
	acceptor.callback(acceptor.ctx, -1);
	CHECK(opened == 1 && closed == 0);
}

static void finish(void)
{
	server_free(server);
	CHECK(opened == closed && loop_timers(&loop) == 0);
	fake_gateway_free(&gateway);
}

/* Something has come, or may be sent. */
static void wake(void)
{
	gateway.callback(gateway.ctx, LOOP_READABLE);
}

/* A piece of a request, and it is not the last. */
static void come(void)
{
	begun = true;
	next_read = STATUS_MORE;
	wake();
}

/* A whole request, which is answered; the connection is kept. */
static void come_whole(void)
{
	kept = true;
	next_read = STATUS_OK;
	wake();
	next_read = STATUS_MORE;
}

static bool is_open(uint64_t ms)
{
	loop_pass(&loop, ms);
	return closed == 0;
}

TEST(a_first_byte_is_waited_for)
{
	begin();
	CHECK(server_busy(server) == 1);
	CHECK(is_open(10 * SECOND - 1));
	CHECK(!is_open(1));
	CHECK(handled == 0 && quiet == 1 && server_busy(server) == 0);
	finish();
}

TEST(silence_within_a_request)
{
	begin();
	answerable = true;
	for (int i = 0; i < 5; i++) {
		CHECK(is_open(9 * SECOND));
		come();
	}
	CHECK(is_open(15 * SECOND - 1) && handled == 0);
	CHECK(!is_open(1));
	CHECK(handled == 1 && last_read == STATUS_REQUEST_CUT);
	CHECK(gateway.sent == 6 && server_busy(server) == 0);
	finish();
}

TEST(silence_within_parameters_is_not_answered)
{
	begin();
	come();
	CHECK(is_open(15 * SECOND - 1));
	CHECK(!is_open(1));
	CHECK(handled == 0 && quiet == 1 && gateway.sent == 0);
	finish();
}

TEST(a_request_that_never_ends)
{
	begin();
	answerable = true;
	CHECK(is_open(9 * SECOND));
	for (int i = 0; i < 12; i++) {
		come();
		CHECK(is_open(10 * SECOND - (i == 11)));
	}
	CHECK(handled == 0);
	come();
	CHECK(!is_open(1));
	CHECK(handled == 1 && last_read == STATUS_REQUEST_CUT);
	finish();
}

TEST(a_kept_connection_may_wait_for_ever)
{
	begin();
	come_whole();
	CHECK(handled == 1 && last_read == STATUS_OK);
	CHECK(server_busy(server) == 0 && loop_timers(&loop) == 0);
	CHECK(is_open(1000000 * SECOND));
	/* Woken for nothing. */
	wake();
	CHECK(server_busy(server) == 0 && loop_timers(&loop) == 0);
	come_whole();
	CHECK(handled == 2 && closed == 0);
	finish();
}

TEST(a_kept_connection_that_begins_again)
{
	begin();
	come_whole();
	CHECK(is_open(1000 * SECOND));
	come();
	CHECK(server_busy(server) == 1);
	CHECK(is_open(15 * SECOND - 1));
	come_whole();
	CHECK(handled == 2 && server_busy(server) == 0);
	/* Each request has time of its own. */
	for (int i = 0; i < 11; i++) {
		come();
		CHECK(is_open(10 * SECOND));
	}
	come_whole();
	CHECK(handled == 3);
	come();
	CHECK(!is_open(15 * SECOND));
	CHECK(handled == 3 && quiet == 1);
	finish();
}

TEST(the_last_bytes_of_an_answer)
{
	begin();
	gateway.room = 2;
	come_whole();
	CHECK(handled == 1 && server_busy(server) == 1);
	CHECK(gateway.watched == LOOP_WRITABLE);
	CHECK(is_open(59 * SECOND));
	gateway.room = 2;
	wake();
	CHECK(gateway.sent == 4 && is_open(60 * SECOND - 1));
	CHECK(!is_open(1) && quiet == 1);
	finish();
}

TEST(what_cannot_be_watched_is_closed)
{
	begin();
	gateway.unwatchable = true;
	come();
	CHECK(closed == 1 && quiet == 1);
	finish();
}

TEST(no_memory_for_patience)
{
	begin();
	come_whole();
	alloc_fail_at(0);
	come();
	CHECK(alloc_failed() && closed == 1 && server_busy(server) == 0);
	finish();
}

int main(void)
{
	return tap_run();
}
