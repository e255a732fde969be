/*
 * upstream_play: an invocation whose keys, time and HTTP are a test's.
 *
 * Takes the place of credentials.c, clock.c and http.c at link time.  What
 * was asked is in transfer.request, what upstream.c told is in told.
 */
#ifndef UPSTREAM_PLAY_H
#define UPSTREAM_PLAY_H

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/clock.h"
#include "../../src/config.h"
#include "../../src/credentials/credentials.h"
#include "../../src/decode.h"
#include "../../src/http.h"
#include "../../src/upstream.h"
#include "fake_log.h"
#include "tap.h"

/* ---- fakes: keys, time, HTTP ---- */

static enum status keys_status;
static const char *token;

void credentials_get(
    const struct credentials_source *source, credentials_done *done, void *ctx)
{
	struct keys keys = {.id = "AKIAEXAMPLE", .secret = "secret"};

	CHECK(source->getenv != NULL);
	CHECK(strcmp(source->profile, "work") == 0);
	(void)snprintf(keys.token, sizeof keys.token, "%s", token);
	done(ctx, keys_status, keys_status == STATUS_OK ? &keys : NULL);
}

uint64_t clock_mono_ms(void)
{
	return 0;
}

int64_t clock_unix_s(void)
{
	return 1767225600; /* 2026-01-01T00:00:00Z */
}

struct http_transfer {
	const struct http_callbacks *callbacks;
	void *ctx;
	struct buf request; /* method, URL, headers; body, as was given */
	size_t resumed, cancelled;
};

static struct http_transfer transfer;
static bool no_transfer;

struct http_transfer *http_start(struct http *http,
    const struct http_request *request, const struct http_callbacks *callbacks,
    void *ctx)
{
	(void)http;
	if (no_transfer)
		return NULL;
	transfer.callbacks = callbacks;
	transfer.ctx = ctx;
	buf_clear(&transfer.request);
	buf_addf(&transfer.request, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_addf(&transfer.request, "%.*s: %.*s\n",
		    SLICE_ARG(request->headers[i].name),
		    SLICE_ARG(request->headers[i].value));
	buf_add(&transfer.request, request->body);
	CHECK(request->connect_timeout_ms == 1234);
	return &transfer;
}

void http_cancel(struct http_transfer *which)
{
	which->cancelled++;
}

void http_resume(struct http_transfer *which)
{
	which->resumed++;
}

struct slice http_header(const struct http_head *head, const char *name)
{
	struct slice rest = head->lines, wanted = slice_from(name);

	while (rest.len > 0) {
		struct slice line = slice_cut(&rest, '\n');
		struct slice key = slice_cut(&line, ':');

		if (slice_equal_nocase(key, wanted))
			return slice_trim(line);
	}
	return (struct slice){0};
}

/* ---- one invocation ---- */

static char arn[] =
    "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a-0123456789";
static char endpoint[] = "https://host.example:8443/base", profile[] = "work";
static char qualifier[] = "My Q/1", region[] = "us-west-2";
static struct config_agent agent = {.arn = arn,
    .endpoint = endpoint,
    .profile = profile,
    .qualifier = qualifier,
    .region = region,
    .connect_timeout_ms = 1234};

static struct upstream *upstream;
static struct buf told;
static bool full;
static enum status event_status;

static void on_began(void *ctx, bool whole)
{
	CHECK(ctx == &told);
	buf_add_text(&told, whole ? "whole " : "began ");
}

static bool on_full(void *ctx)
{
	CHECK(ctx == &told);
	return full;
}

static void on_alive(void *ctx)
{
	CHECK(ctx == &told);
	buf_add_text(&told, "alive ");
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	CHECK(ctx == &told);
	decode_add_data(&told, event);
	buf_add_char(&told, ' ');
	return event_status;
}

static void on_end(void *ctx, enum status status)
{
	CHECK(ctx == &told);
	buf_addf(&told, "end:%d", (int)status);
	upstream = NULL;
}

static const struct upstream_callbacks callbacks = {.began = on_began,
    .full = on_full,
    .alive = on_alive,
    .event = on_event,
    .end = on_end};

static enum status start(void)
{
	char payload[] = "{\"prompt\":\"Hi\"}";
	struct upstream_request request = {.agent = &agent,
	    .session_id = "session-1",
	    .request_id = "req-1",
	    .payload = slice_from(payload)};
	enum status status = upstream_start(
	    (struct http *)NULL, &request, &callbacks, &told, &upstream);

	/* It was borrowed for that call alone. */
	memset(payload, 0, sizeof payload);
	return status;
}

static void begin(void)
{
	keys_status = STATUS_OK;
	token = "";
	full = no_transfer = false;
	event_status = STATUS_OK;
	upstream = NULL;
	transfer = (struct http_transfer){0};
	buf_init(&transfer.request, 100000);
	buf_init(&told, 64u << 20);
	log_forget();
}

static void finish(void)
{
	CHECK(!logged("secret") && !logged("AKIA") && !logged("Hi"));
	upstream_cancel(upstream);
	upstream = NULL;
	buf_free(&transfer.request);
	buf_free(&told);
}

static void head(unsigned status, const char *lines)
{
	struct http_head answer = {
	    .status = status, .lines = slice_from(lines)};

	transfer.callbacks->head(transfer.ctx, &answer);
}

static enum status body(const char *bytes)
{
	return transfer.callbacks->body(transfer.ctx, slice_from(bytes));
}

static void end(enum status status)
{
	transfer.callbacks->end(transfer.ctx, status);
}

#endif
