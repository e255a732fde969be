/*
 * fake_ends: the two ends of a run: a client that writes down what it is
 * told, and an upstream that a test plays.
 *
 * Takes the place of client.c and upstream.c at link time, for one client.
 */
#ifndef FAKE_ENDS_H
#define FAKE_ENDS_H

#include "../../src/buf.h"
#include "../../src/client.h"
#include "../../src/decode.h"
#include "../../src/upstream.h"
#include "tap.h"

struct client {
	const struct client_callbacks *callbacks;
	void *ctx;
	struct client *next;
	bool full, answered;
	unsigned http;
	char session_id[101], run_id[17];
};

static struct client fake_client, *client;
static struct buf told;
static bool no_client;

struct client *client_new(struct client_shared *group,
    const struct client_options *options,
    const struct client_callbacks *callbacks, void *ctx)
{
	(void)group;
	if (no_client)
		return NULL;
	client = &fake_client;
	*client =
	    (struct client){.callbacks = callbacks, .ctx = ctx, .http = 200};
	(void)snprintf(client->session_id, sizeof client->session_id, "%s",
	    options->answer.session_id);
	(void)snprintf(client->run_id, sizeof client->run_id, "%s",
	    options->answer.run_id);
	return client;
}

void client_begin(struct client *to)
{
	CHECK(to == client);
	buf_add(&told, SLICE("begin "));
}

void client_event(struct client *to, const struct decode_event *event,
    uint64_t number, bool whole)
{
	CHECK(to == client);
	buf_addf(&told, "%s%u%s ", whole ? "whole" : "event", (unsigned)number,
	    event->has_data ? "" : "c");
}

void client_usage(struct client *to, struct slice usage)
{
	CHECK(to == client);
	buf_addf(&told, "usage:%.*s ", SLICE_ARG(usage));
}

void client_fail(struct client *to, enum status status, uint64_t number)
{
	CHECK(to == client);
	to->http = status_row(status)->http;
	buf_addf(
	    &told, "fail%u:%s ", (unsigned)number, status_row(status)->code);
}

void client_end(struct client *to, const char *reason, uint64_t number)
{
	CHECK(to == client);
	buf_addf(&told, "end%u:%s ", (unsigned)number, reason);
	client = NULL;
}

bool client_full(struct client *to)
{
	return to->full;
}

bool client_answered(const struct client *to)
{
	return to->answered;
}

unsigned client_http_status(const struct client *to)
{
	return to->http;
}

struct client *client_next(const struct client *to)
{
	return to->next;
}

void client_set_next(struct client *to, struct client *next)
{
	to->next = next;
}

struct upstream {
	const struct upstream_callbacks *callbacks;
	void *ctx;
	bool running;
	size_t resumed;
	char payload[100], prompt[100], state_dir[100], session_id[101];
};

static struct upstream fake_upstream;
static enum status start_status;

enum status upstream_start(struct upstream_shared *shared,
    const struct upstream_request *request,
    const struct upstream_callbacks *callbacks, void *ctx,
    struct upstream **upstream)
{
	(void)shared;
	if (start_status != STATUS_OK)
		return start_status;
	fake_upstream = (struct upstream){
	    .callbacks = callbacks, .ctx = ctx, .running = true};
	(void)snprintf(fake_upstream.payload, sizeof fake_upstream.payload,
	    "%.*s", SLICE_ARG(request->payload));
	(void)snprintf(fake_upstream.prompt, sizeof fake_upstream.prompt,
	    "%.*s", SLICE_ARG(request->prompt));
	(void)snprintf(fake_upstream.state_dir, sizeof fake_upstream.state_dir,
	    "%s", request->state_dir);
	(void)snprintf(fake_upstream.session_id,
	    sizeof fake_upstream.session_id, "%s", request->session_id);
	*upstream = &fake_upstream;
	return STATUS_OK;
}

void upstream_cancel(struct upstream *upstream)
{
	if (upstream != NULL)
		upstream->running = false;
}

void upstream_resume(struct upstream *upstream)
{
	upstream->resumed++;
}

static void up_begin(bool whole)
{
	fake_upstream.callbacks->began(fake_upstream.ctx, whole);
}

/* False if it may not be delivered now. */
static bool up_event(const char *lines)
{
	struct decode_event event = {.lines = slice_from(lines),
	    .end = SLICE("\n"),
	    .has_data = strstr(lines, "data:") != NULL};

	if (fake_upstream.callbacks->full(fake_upstream.ctx))
		return false;
	fake_upstream.callbacks->alive(fake_upstream.ctx);
	CHECK(fake_upstream.callbacks->event(fake_upstream.ctx, &event) ==
	    STATUS_OK);
	return true;
}

__attribute__((unused)) static void up_usage(const char *usage)
{
	fake_upstream.callbacks->usage(fake_upstream.ctx, slice_from(usage));
}

static void up_end(enum status status)
{
	fake_upstream.running = false;
	fake_upstream.callbacks->end(fake_upstream.ctx, status);
}

#endif
