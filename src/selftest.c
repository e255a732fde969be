#include "selftest.h"

#include <stdio.h>
#include <stdlib.h>

#include "advice.h"
#include "buf.h"
#include "client.h"
#include "decode.h"
#include "gateway.h"
#include "json.h"
#include "log.h"
#include "loop.h"
#include "table.h"
#include "utf8.h"

enum {
	TICKS = 10,
	/* Slower than what a line's jitter and a busy server make of it. */
	TICK_MS = 300,
	/* Each lasts 3 s: room for 20 a second, and few look at all. */
	MAX_AT_ONCE = 64,
	/* Of a text of the web server's. */
	MAX_TEXT = 200,
	/* Two such texts, each byte of them escaped, and an advice. */
	MAX_EVENT = 8 << 10
};

struct selftest {
	struct selftests *all;
	struct selftest *next, **link;
	struct client *client;
	struct loop_timer *timer;
	uint64_t first_ms; /* when the first tick was sent */
	unsigned ticks;
};

/* ---- event: server ---- */

static void add_text(struct buf *out, const char *before, struct slice text)
{
	text = slice_first(text, MAX_TEXT);
	text.len -= utf8_unfinished(text);
	buf_add_text(out, before);
	json_add_string(out, text);
}

static void add_line(struct buf *out, const char *before, const char *line)
{
	buf_add_text(out, before);
	if (line == NULL)
		buf_add_text(out, "null");
	else
		json_add_string(out, slice_from(line));
}

static bool has_authorization(const struct table *params)
{
	return table_get(params, "HTTP_AUTHORIZATION").len > 0 ||
	    table_get(params, "REDIRECT_HTTP_AUTHORIZATION").len > 0;
}

static void add_server(struct buf *out, const struct table *params, bool cgi)
{
	struct slice software = table_get(params, "SERVER_SOFTWARE");
	enum advice_gateway gateway = advice_gateway_of(params, cgi);
	const struct advice *advice = advice_find(software, gateway);
	const char *name = advice_gateway_name(gateway);

	buf_add_text(out, "event: server\ndata: {");
	add_text(out, "\"software\":", software);
	add_text(out, ",\"gateway\":", slice_from(name));
	add_text(out, ",\"protocol\":", table_get(params, "SERVER_PROTOCOL"));
	buf_add_text(out, ",\"authorization\":");
	buf_add_text(out, has_authorization(params) ? "true" : "false");
	add_line(out, ",\"advice\":{\"stream\":", advice->stream);
	add_line(out, ",\"compression\":", advice->compression);
	add_line(out, ",\"authorization\":", advice->authorization);
	buf_add_text(out, "}}\n");
}

/* ---- a self-test's life ---- */

static void free_selftest(struct selftest *test)
{
	loop_timer_free(test->timer);
	*test->link = test->next;
	if (test->next != NULL)
		test->next->link = test->link;
	test->all->count--;
	free(test);
}

static void on_left(void *ctx, struct client *client)
{
	(void)client;
	free_selftest(ctx);
}

static void say(const struct selftest *test, struct slice lines)
{
	struct decode_event event = {
	    .lines = lines, .end = SLICE("\n"), .has_data = true};

	/* The first one is event: server. */
	client_event(test->client, &event, test->ticks + 1, false);
}

static void end(struct selftest *test, const char *reason)
{
	client_end(test->client, reason, test->ticks + 2);
	free_selftest(test);
}

static void on_tick(void *ctx)
{
	struct selftest *test = ctx;
	uint64_t now = loop_now_ms(test->all->loop), due;
	char line[64];

	if (test->ticks == 0)
		test->first_ms = now;
	test->ticks++;
	(void)snprintf(line, sizeof line, "data: {\"tick\":%u,\"ms\":%llu}\n",
	    test->ticks, (unsigned long long)(now - test->first_ms));
	say(test, slice_from(line));
	if (test->ticks == TICKS) {
		end(test, "complete");
		return;
	}
	due = test->first_ms + (uint64_t)test->ticks * TICK_MS;
	loop_timer_start(test->timer, due > now ? due - now : 0);
}

/* ---- the beginning ---- */

static struct selftest *new_selftest(
    struct selftests *all, const struct client_options *options)
{
	/* So little is said that a client is never full. */
	static const struct client_callbacks callbacks = {.left = on_left};
	struct selftest *test = calloc(1, sizeof *test);

	if (test == NULL)
		return NULL;
	test->all = all;
	test->link = &all->first;
	test->next = all->first;
	if (test->next != NULL)
		test->next->link = &test->next;
	all->first = test;
	all->count++;
	test->timer = loop_timer_new(all->loop, on_tick, test);
	if (test->timer != NULL)
		test->client =
		    client_new(all->clients, options, &callbacks, test);
	if (test->client == NULL) {
		free_selftest(test);
		return NULL;
	}
	return test;
}

enum status selftest_start(struct selftests *all,
    struct client_options *options, const struct table *params)
{
	const struct reply *reply = &options->answer.reply;
	struct selftest *test = NULL;
	enum status status;
	struct buf server;

	if (all->count >= MAX_AT_ONCE)
		return STATUS_OVERLOADED;
	options->answer.session_id = "";
	options->answer.run_id = "selftest";
	buf_init(&server, MAX_EVENT);
	add_server(&server, params, gateway_is_cgi(reply->gateway));
	status = buf_status(&server);
	if (status == STATUS_OK)
		test = new_selftest(all, options);
	if (test != NULL) {
		log_write(LOG_INFO, "request=%s selftest", reply->request_id);
		say(test, buf_slice(&server));
		/* By the timer, as all others: in CGI the loop's time stands
		 * still until it runs. */
		loop_timer_start(test->timer, 0);
	}
	buf_free(&server);
	return test == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void selftest_end_all(struct selftests *all)
{
	while (all->first != NULL)
		end(all->first, "stopped");
}
