/*
 * heard_http: a client of http.c for tests, that writes down what it is
 * called with, and may cancel or pause in any callback.
 */
#ifndef HEARD_HTTP_H
#define HEARD_HTTP_H

#include "../../src/http.h"
#include "../../src/loop.h"
#include "fake_log.h"
#include "raw_server.h"
#include "tap.h"

enum {
	GUARD_MS = 10000
};

struct heard {
	struct http_transfer *transfer;
	char calls[32]; /* h, b (only the first of several) and e */
	unsigned status;
	enum status end;
	struct buf body;
	char type[100];   /* of its Content-Type */
	char cancel_in;   /* h or b: cancel there */
	size_t pauses;    /* bodies to refuse */
	bool resume_soon; /* by a timer */
	struct loop_timer *timer;
	struct heard *then; /* start this one at the end */
};

static struct loop *loop;
static struct http *http;
static struct loop_timer *guard;

static void call(struct heard *heard, char c)
{
	size_t n = strlen(heard->calls);

	if (n + 1 < sizeof heard->calls &&
	    (c != 'b' || n == 0 || heard->calls[n - 1] != 'b'))
		heard->calls[n] = c;
}

static bool cancel(struct heard *heard, char in)
{
	if (heard->cancel_in != in)
		return false;
	http_cancel(heard->transfer);
	heard->transfer = NULL;
	loop_stop(loop);
	return true;
}

static void on_head(void *ctx, const struct http_head *head)
{
	struct heard *heard = ctx;
	struct slice type = http_header(head, "content-type");

	call(heard, 'h');
	heard->status = head->status;
	(void)snprintf(
	    heard->type, sizeof heard->type, "%.*s", SLICE_ARG(type));
	(void)cancel(heard, 'h');
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct heard *heard = ctx;

	call(heard, 'b');
	if (cancel(heard, 'b'))
		return STATUS_OK;
	if (heard->pauses > 0) {
		heard->pauses--;
		if (heard->resume_soon)
			loop_timer_start(heard->timer, 1);
		else
			loop_stop(loop);
		return STATUS_MORE;
	}
	buf_add(&heard->body, bytes);
	return STATUS_OK;
}

static void ask(struct heard *heard);

static void on_end(void *ctx, enum status status)
{
	struct heard *heard = ctx;

	call(heard, 'e');
	heard->end = status;
	heard->transfer = NULL;
	if (heard->then != NULL)
		ask(heard->then);
	else
		loop_stop(loop);
}

static void on_resume(void *ctx)
{
	const struct heard *heard = ctx;

	http_resume(heard->transfer);
}

static void on_guard(void *ctx)
{
	(void)ctx;
	log_write(LOG_ERROR, "the guard");
	loop_stop(loop);
}

/* Start a transfer to the raw server. */
static void ask(struct heard *heard)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	const struct http_header headers[] = {
	    {SLICE("Host"), SLICE("agent.example")},
	    {SLICE("X-Empty"), SLICE("1")}};
	struct http_request request = {
	    .method = "POST",
	    .url = raw.url,
	    .headers = headers,
	    .header_count = 2,
	    .body = SLICE("Hello"),
	    .connect_timeout_ms = 200,
	};

	buf_init(&heard->body, 1u << 24);
	if (heard->resume_soon && heard->timer == NULL)
		heard->timer = loop_timer_new(loop, on_resume, heard);
	heard->transfer = http_start(http, &request, &callbacks, heard);
}

/* A loop and a client. */
static void http_begin(void)
{
	struct http_options options = {0};

	log_forget();
	loop = loop_new();
	http = loop == NULL ? NULL : http_new(loop, &options);
	guard = loop == NULL ? NULL : loop_timer_new(loop, on_guard, NULL);
	if (guard == NULL || http == NULL)
		abort();
	loop_timer_start(guard, GUARD_MS);
}

static void begin(const char *const script[])
{
	raw_start(script);
	http_begin();
}

static void finish(struct heard *heard)
{
	http_free(http);
	loop_free(loop);
	raw_stop();
	buf_free(&raw.heard);
	if (heard != NULL)
		buf_free(&heard->body);
	CHECK(!logged("the guard"));
}

static bool was(const struct heard *heard, const char *calls)
{
	if (strcmp(heard->calls, calls) == 0)
		return true;
	printf("# calls: [%s]\n", heard->calls);
	return false;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define LENGTH  OK_HEAD "Content-Length: 5\r\n\r\n"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

#endif
