#include "../../src/client.h"

#include <stdlib.h>

#include "../../src/decode.h"
#include "alloc.h"
#include "fake_gateway.h"
#include "fake_loop.h"
#include "tap.h"

static struct loop loop;
static struct gateway gateway;
static struct client_shared *clients;
static struct client *client;
static char calls[32]; /* f: finished, L: finished left, l: left, d: drained */

enum {
	KEEPALIVE = 15000,
	HEADER_WAIT = 1000
};

static void call(char c)
{
	size_t n = strlen(calls);

	if (n + 1 < sizeof calls)
		calls[n] = c;
}

static bool was(const char *wanted)
{
	if (strcmp(calls, wanted) == 0)
		return true;
	printf("# calls: [%s]\n", calls);
	return false;
}

static void on_finished(void *ctx, struct gateway *which, bool left)
{
	CHECK(ctx == &loop && which == &gateway);
	call(left ? 'L' : 'f');
}

static void on_left(void *ctx, struct client *which)
{
	CHECK(ctx == &gateway && which == client);
	call('l');
}

static size_t more_when_drained;

static void say(size_t len);

static void on_drained(void *ctx, struct client *which)
{
	CHECK(ctx == &gateway && which == client);
	call('d');
	if (more_when_drained > 0)
		say(more_when_drained);
	more_when_drained = 0;
}

static uint64_t keepalive_ms = KEEPALIVE;

static struct client *attach(enum request_answer form)
{
	static const struct client_callbacks callbacks = {
	    .left = on_left, .drained = on_drained};
	struct client_options options = {
	    .answer = {.reply = {.gateway = &gateway, .request_id = "req-1"},
		.form = form,
		.session_id = "s",
		.run_id = "r"},
	    .keepalive_ms = keepalive_ms,
	    .header_wait_ms = HEADER_WAIT,
	};

	return client_new(clients, &options, &callbacks, &gateway);
}

static void begin(enum request_answer form)
{
	loop = (struct loop){.now = 1000000};
	memset(calls, 0, sizeof calls);
	more_when_drained = 0;
	fake_gateway_init(&gateway);
	clients = client_shared_new(&loop, on_finished, &loop);
	client = attach(form);
	CHECK(client != NULL);
}

static void finish(void)
{
	client_shared_free(clients);
	CHECK(loop.after == NULL && loop_timers(&loop) == 0);
	fake_gateway_free(&gateway);
}

static bool sent(const char *text)
{
	struct slice all = slice_first(buf_slice(&gateway.out), gateway.sent);

	return slice_find(all, slice_from(text)) < all.len;
}

/* An event of at least len bytes. */
static void say(size_t len)
{
	static char line[1u << 20];
	struct decode_event event = {
	    .lines = {line, len + 7}, .end = SLICE("\n"), .has_data = true};

	memset(line, 'x', len + 7);
	memcpy(line, "data: ", 6);
	line[len + 6] = '\n';
	client_event(client, &event, 2, false);
}

TEST(one_answer)
{
	begin(ANSWER_SSE);
	CHECK(client_http_status(client) == 200);
	client_begin(client);
	say(5);
	say(6);
	/* One turn of the loop is one sending. */
	CHECK(gateway.flushes == 0);
	loop_settle(&loop);
	CHECK(gateway.flushes == 1 && sent("data: xxxxxx\n"));
	loop_settle(&loop);
	CHECK(gateway.flushes == 1);
	client_end(client, "complete", 4);
	CHECK(was("") && gateway.ended);
	loop_settle(&loop);
	CHECK(was("f"));
	finish();
}

TEST(what_an_answer_took)
{
	begin(ANSWER_SSE);
	client_begin(client);
	say(5);
	client_usage(client, SLICE("{\"totalTokens\":3}"));
	client_end(client, "complete", 3);
	loop_settle(&loop);
	CHECK(slice_ends(buf_slice(&gateway.out),
	    SLICE("event: done\ndata: {\"reason\":\"complete\","
		  "\"usage\":{\"totalTokens\":3}}\nid: r.3\n\n")));
	CHECK(was("f"));
	finish();
}

/* As AWS's own servers for agents do, which proxies cut off, too. */
TEST(an_agents_silence_is_filled)
{
	begin(ANSWER_AGENT);
	loop_pass(&loop, HEADER_WAIT);
	CHECK(sent("Content-Type: text/event-stream"));
	CHECK(!sent("event: session"));
	loop_pass(&loop, KEEPALIVE);
	CHECK(sent("\n\n: keepalive\n\n"));
	client_end(client, "complete", 2);
	loop_settle(&loop);
	CHECK(
	    slice_ends(buf_slice(&gateway.out), SLICE("\n\n: keepalive\n\n")));
	finish();
	CHECK(was("f"));
}

TEST(the_head_does_not_wait_for_ever)
{
	begin(ANSWER_SSE);
	loop_pass(&loop, HEADER_WAIT - 1);
	CHECK(gateway.out.len == 0);
	loop_pass(&loop, 1);
	CHECK(sent("event: session\n"));
	client_end(client, "complete", 2);
	finish();
	CHECK(was("f"));
}

TEST(a_whole_object_does_not_begin_by_itself)
{
	begin(ANSWER_JSON);
	loop_pass(&loop, 10 * KEEPALIVE);
	CHECK(gateway.out.len == 0);
	client_fail(client, STATUS_UPSTREAM_TIMEOUT, 2);
	CHECK(client_http_status(client) == 504);
	client_end(client, "error", 3);
	finish();
	CHECK(was("f"));
}

static size_t keepalives(void)
{
	struct slice rest = buf_slice(&gateway.out), one = SLICE(": keepalive");
	size_t n = 0, at;

	while ((at = slice_find(rest, one)) < rest.len) {
		n++;
		rest = slice_skip(rest, at + one.len);
	}
	return n;
}

TEST(silence_is_filled)
{
	begin(ANSWER_SSE);
	client_begin(client);
	loop_pass(&loop, KEEPALIVE + HEADER_WAIT);
	CHECK(keepalives() == 1);
	loop_pass(&loop, 3 * KEEPALIVE);
	CHECK(keepalives() == 4);
	for (int i = 0; i < 10; i++) {
		say(1);
		loop_pass(&loop, KEEPALIVE / 2);
	}
	CHECK(keepalives() == 4);
	client_end(client, "complete", 2);
	finish();
}

TEST(the_first_silence_is_no_longer_than_others)
{
	keepalive_ms = HEADER_WAIT / 5;
	begin(ANSWER_SSE);
	client_begin(client);
	loop_pass(&loop, keepalive_ms);
	CHECK(keepalives() == 1);
	client_end(client, "complete", 2);
	finish();
	keepalive_ms = KEEPALIVE;
}

TEST(a_client_that_does_not_read_is_not_kept_alive)
{
	begin(ANSWER_SSE);
	client_begin(client);
	loop_settle(&loop);
	gateway.room = 0;
	say(1);
	loop_pass(&loop, 10 * KEEPALIVE);
	CHECK(keepalives() == 0);
	client_end(client, "complete", 2);
	finish();
}

TEST(what_could_not_be_sent_is_sent_later)
{
	begin(ANSWER_SSE);
	gateway.room = 10;
	client_begin(client);
	loop_settle(&loop);
	CHECK((gateway.watched & LOOP_WRITABLE) != 0);
	gateway.room = SIZE_MAX;
	gateway.callback(gateway.ctx, LOOP_WRITABLE);
	loop_settle(&loop);
	CHECK(gateway_pending(&gateway) == 0);
	CHECK((gateway.watched & LOOP_WRITABLE) == 0);
	CHECK((gateway.watched & LOOP_HANGUP) != 0);
	client_end(client, "complete", 2);
	finish();
}

TEST(a_slow_client_says_when_it_is_full_and_when_not)
{
	begin(ANSWER_SSE);
	client_begin(client);
	loop_settle(&loop);
	gateway.room = 0;
	say(200 << 10);
	CHECK(!client_full(client));
	say(100 << 10);
	CHECK(client_full(client));
	loop_settle(&loop);
	gateway.room = 100 << 10;
	gateway.callback(gateway.ctx, LOOP_WRITABLE);
	loop_settle(&loop);
	/* It stays full until most is gone. */
	CHECK(client_full(client) && was(""));
	gateway.room = SIZE_MAX;
	more_when_drained = 10;
	gateway.callback(gateway.ctx, LOOP_WRITABLE);
	loop_settle(&loop);
	CHECK(was("d") && !client_full(client));
	CHECK(gateway_pending(&gateway) == 0);
	client_end(client, "complete", 2);
	finish();
}

TEST(a_client_leaves_when_it_is_sent_to)
{
	begin(ANSWER_SSE);
	client_begin(client);
	gateway.gone = true;
	loop_settle(&loop);
	CHECK(was("lL"));
	finish();
}

TEST(a_client_leaves_in_silence)
{
	begin(ANSWER_SSE);
	gateway.callback(gateway.ctx, LOOP_HANGUP);
	loop_settle(&loop);
	CHECK(was(""));
	gateway.left = true;
	gateway.callback(gateway.ctx, LOOP_HANGUP);
	CHECK(was("lL"));
	loop_settle(&loop);
	finish();
}

TEST(a_client_leaves_while_it_has_output)
{
	begin(ANSWER_SSE);
	client_begin(client);
	gateway.left = true;
	gateway.callback(gateway.ctx, LOOP_HANGUP | LOOP_WRITABLE);
	loop_settle(&loop);
	CHECK(was("lL") && gateway.flushes == 0);
	finish();
}

TEST(after_the_end_nobody_leaves)
{
	begin(ANSWER_SSE);
	client_end(client, "complete", 2);
	gateway.left = true;
	gateway.callback(gateway.ctx, LOOP_HANGUP);
	CHECK(was(""));
	loop_settle(&loop);
	CHECK(was("f"));
	finish();
}

TEST(several_clients)
{
	struct client *first;

	begin(ANSWER_TEXT);
	first = client;
	client = attach(ANSWER_SSE);
	CHECK(client_next(first) == NULL);
	client_set_next(first, client);
	CHECK(client_next(first) == client);
	client_begin(first);
	client_begin(client);
	loop_settle(&loop);
	CHECK(gateway.flushes == 2);
	client_end(first, "complete", 2);
	client_end(client, "complete", 2);
	finish();
	CHECK(was("ff"));
}

TEST(who_cannot_be_watched)
{
	begin(ANSWER_SSE);
	client_end(client, "complete", 2);
	loop_settle(&loop);
	gateway.unwatchable = true;
	CHECK(attach(ANSWER_SSE) == NULL);
	/* A CGI's output may be a file. */
	gateway.cgi = true;
	client = attach(ANSWER_SSE);
	CHECK(client != NULL);
	client_end(client, "complete", 2);
	finish();
}

TEST(no_memory)
{
	size_t n = 0;

	begin(ANSWER_SSE);
	client_end(client, "complete", 2);
	loop_settle(&loop);
	for (;; n++) {
		alloc_fail_at(n);
		client = attach(ANSWER_SSE);
		if (!alloc_failed())
			break;
		CHECK(client == NULL && loop_timers(&loop) == 0);
	}
	CHECK(n > 1 && client != NULL);
	client_end(client, "complete", 2);
	finish();
	alloc_fail_at(0);
	CHECK(client_shared_new(&loop, on_finished, &loop) == NULL);
	CHECK(alloc_failed());
	client_shared_free(NULL);
}

int main(void)
{
	return tap_run();
}
