#include "../../src/selftest.h"

#include <stdlib.h>

#include "../../src/arena.h"
#include "../../src/client.h"
#include "../../src/table.h"
#include "alloc.h"
#include "fake_gateway.h"
#include "fake_log.h"
#include "fake_loop.h"
#include "tap.h"

static struct loop loop;
static struct gateway gateway;
static struct selftests all;
static struct arena arena;
static struct table params;
static size_t finished, left;

static void on_finished(void *ctx, struct gateway *which, bool has_left)
{
	CHECK(ctx == &loop && which == &gateway);
	finished++;
	left += has_left;
}

static enum status start(void)
{
	struct client_options options = {
	    .answer = {.reply = {.gateway = &gateway, .request_id = "req-1"},
		.form = ANSWER_SSE},
	    .keepalive_ms = 15000,
	    .header_wait_ms = 1000,
	};

	return selftest_start(&all, &options, &params);
}

static void begin(char *const pairs[])
{
	static char software[] = "SERVER_SOFTWARE=lighttpd/1.4.69";
	static char protocol[] = "SERVER_PROTOCOL=HTTP/1.1";
	char *const usual[] = {software, protocol, NULL};

	loop = (struct loop){.now = 700000};
	finished = left = 0;
	log_forget();
	fake_gateway_init(&gateway);
	arena_init(&arena, 10000);
	params = (struct table){0};
	CHECK(table_add_pairs(&params, &arena, usual) == STATUS_OK);
	CHECK(table_add_pairs(&params, &arena, pairs) == STATUS_OK);
	all = (struct selftests){.loop = &loop,
	    .clients = client_shared_new(&loop, on_finished, &loop)};
}

static void finish(void)
{
	CHECK(all.first == NULL && all.count == 0);
	client_shared_free(all.clients);
	CHECK(loop_timers(&loop) == 0);
	fake_gateway_free(&gateway);
	arena_free(&arena);
}

static struct slice sent(void)
{
	return slice_first(buf_slice(&gateway.out), gateway.sent);
}

static bool has(const char *text)
{
	return slice_find(sent(), slice_from(text)) < sent().len;
}

static struct slice body(void)
{
	struct slice blank = SLICE("\r\n\r\n");

	return slice_skip(sent(), slice_find(sent(), blank) + blank.len);
}

#define SERVER                                                 \
	": agentcgi\n\nevent: server\n"                        \
	"data: {\"software\":\"lighttpd/1.4.69\","             \
	"\"gateway\":\"FastCGI\",\"protocol\":\"HTTP/1.1\","   \
	"\"authorization\":false,\"advice\":{"                 \
	"\"stream\":\"server.stream-response-body = 2\","      \
	"\"compression\":\"server.stream-response-body = 2\"," \
	"\"authorization\":null}}\nid: selftest.1\n\n"

#define TICK(n, ms, id)                            \
	"data: {\"tick\":" #n ",\"ms\":" #ms "}\n" \
	"id: selftest." #id "\n\n"

TEST(ten_ticks)
{
	begin(NULL);
	CHECK(start() == STATUS_OK && all.count == 1);
	CHECK(logged("request=req-1 selftest"));
	loop_pass(&loop, 0);
	CHECK_SLICE(body(), SLICE(SERVER TICK(1, 0, 2)));
	CHECK(has("Content-Type: text/event-stream; charset=utf-8\r\n"));
	CHECK(!has("Session-Id") && !has("event: session"));
	loop_pass(&loop, 299);
	CHECK(!has("\"tick\":2"));
	loop_pass(&loop, 1);
	CHECK(has(TICK(2, 300, 3)));
	loop_pass(&loop, 2399);
	CHECK(has(TICK(9, 2400, 10)) && !has("\"tick\":10") && finished == 0);
	loop_pass(&loop, 1);
	CHECK(finished == 1 && left == 0 && gateway.ended);
	gateway.sent = gateway.out.len;
	CHECK(has(TICK(10, 2700,
	    11) "event: done\n"
		"data: {\"reason\":\"complete\"}\nid: selftest.12\n\n"));
	finish();
}

TEST(ms_is_measured_and_lost_time_is_made_up)
{
	begin(NULL);
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 0);
	loop_pass(&loop, 300);
	loop_due(&loop, loop.now + 300)->due += 150; /* the loop was busy */
	loop_pass(&loop, 450);
	CHECK(has(TICK(3, 750, 4)));
	loop_pass(&loop, 150);
	CHECK(has(TICK(4, 900, 5)));
	selftest_end_all(&all);
	finish();
}

/* In CGI the loop begins to run after the request was read. */
TEST(the_first_tick_is_zero_whenever_it_comes)
{
	begin(NULL);
	CHECK(start() == STATUS_OK);
	loop_due(&loop, loop.now)->due += 40;
	loop_pass(&loop, 40);
	CHECK(has(TICK(1, 0, 2)));
	loop_pass(&loop, 300);
	CHECK(has(TICK(2, 300, 3)));
	selftest_end_all(&all);
	finish();
}

TEST(in_cgi_the_first_words_are_padded)
{
	begin(NULL);
	gateway.cgi = true;
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 0);
	CHECK(has("\"gateway\":\"CGI\"") && sent().len > 8192);
	selftest_end_all(&all);
	finish();
}

TEST(a_service_that_ends)
{
	begin(NULL);
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 300);
	selftest_end_all(&all);
	loop_pass(&loop, 10000);
	CHECK(finished == 1 && left == 0 && gateway.ended);
	gateway.sent = gateway.out.len;
	CHECK(has("event: done\ndata: {\"reason\":\"stopped\"}\n"
		  "id: selftest.4\n\n"));
	finish();
}

TEST(a_client_that_leaves)
{
	begin(NULL);
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 300);
	gateway.left = true;
	gateway.callback(gateway.ctx, LOOP_HANGUP);
	CHECK(finished == 1 && left == 1 && all.count == 0);
	loop_pass(&loop, 10000);
	finish();
}

TEST(a_client_whose_leaving_is_seen_by_writing)
{
	begin(NULL);
	CHECK(start() == STATUS_OK);
	gateway.gone = true;
	loop_pass(&loop, 10000);
	CHECK(finished == 1 && left == 1);
	finish();
}

TEST(a_slow_client_gets_it_all)
{
	begin(NULL);
	gateway.room = 100;
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 10000);
	CHECK(finished == 1 && left == 0 && all.count == 0);
	gateway.sent = gateway.out.len;
	CHECK(has(TICK(10, 2700, 11)) && has("event: done\n"));
	finish();
}

TEST(authorization_is_told_of_but_not_told)
{
	static char header[] = "HTTP_AUTHORIZATION=Bearer s3cret";
	static char redirected[] = "REDIRECT_HTTP_AUTHORIZATION=Bearer s3cret";
	static char empty[] = "HTTP_AUTHORIZATION=";
	char *const each[] = {header, redirected, empty};

	for (size_t i = 0; i < 3; i++) {
		begin((char *[]){each[i], NULL});
		CHECK(start() == STATUS_OK);
		loop_pass(&loop, 0);
		CHECK(has(i < 2 ? "\"authorization\":true,\"advice\""
				: "\"authorization\":false,\"advice\""));
		CHECK(!has("s3cret") && !logged("s3cret"));
		selftest_end_all(&all);
		finish();
	}
}

TEST(texts_of_the_web_server_are_made_valid_and_cut)
{
	static char odd[400] = "SERVER_SOFTWARE=\"\n\xff";
	size_t n = strlen(odd);

	/* The 200th byte is the first of a character. */
	memset(odd + n, 'x', 199 - (n - strlen("SERVER_SOFTWARE=")));
	(void)stpcpy(odd + strlen(odd), "\xc3\xa9 and so on");
	begin((char *[]){odd, NULL});
	CHECK(start() == STATUS_OK);
	loop_pass(&loop, 0);
	CHECK(has("{\"software\":\"\\\"\\n\xef\xbf\xbdxxx"));
	CHECK(has("xxx\",\"gateway\":\"FastCGI\"") && !has("and so on"));
	CHECK(has("\"advice\":{\"stream\":null,\"compression\":null,"
		  "\"authorization\":null}}"));
	selftest_end_all(&all);
	finish();
}

TEST(no_more_than_64)
{
	begin(NULL);
	all.count = 63;
	CHECK(start() == STATUS_OK && all.count == 64);
	CHECK(start() == STATUS_OVERLOADED && all.count == 64);
	selftest_end_all(&all);
	loop_pass(&loop, 0);
	CHECK(all.count == 63);
	all.count = 0;
	finish();
}

TEST(out_of_memory)
{
	for (size_t n = 0;; n++) {
		enum status status;

		begin(NULL);
		alloc_fail_at(n);
		status = start();
		if (!alloc_failed()) {
			CHECK(n > 3 && status == STATUS_OK);
			selftest_end_all(&all);
			finish();
			break;
		}
		CHECK(status == STATUS_OK || gateway.out.len == 0);
		CHECK((status == STATUS_OK) == (all.count == 1));
		selftest_end_all(&all);
		finish();
	}
}

int main(void)
{
	return tap_run();
}
