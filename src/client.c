#include "client.h"

#include <stdlib.h>

#include "gateway.h"
#include "loop.h"

enum {
	/* Above the first a run is paused, below the second it goes on: a
	 * quarter of a megabyte hides a second of a slow line. */
	FULL_BYTES = 256 << 10,
	DRAINED_BYTES = 64 << 10,
	TOGETHER_MS = 1000
};

struct client_shared {
	struct loop *loop;
	struct client *dirty; /* those with output since the last sending */
	size_t count;         /* clients that are not finished */
	client_finished *finished;
	void *ctx;
	struct answer_shared shared;
};

struct client {
	struct client_shared *group;
	struct client *next; /* of its run */
	struct client *next_dirty;
	const struct client_callbacks *callbacks;
	void *ctx;
	struct answer answer;
	struct loop_timer *timer;
	uint64_t written_ms; /* when something last went out */
	uint64_t keepalive_ms, header_wait_ms;
	bool dirty, ended, full;
};

static void flush_all(void *ctx);

struct client_shared *client_shared_new(
    struct loop *loop, client_finished *finished, void *ctx)
{
	struct client_shared *group = calloc(1, sizeof *group);

	if (group == NULL)
		return NULL;
	group->loop = loop;
	group->finished = finished;
	group->ctx = ctx;
	answer_shared_init(&group->shared);
	loop_set_after(loop, flush_all, group);
	return group;
}

void client_shared_free(struct client_shared *group)
{
	if (group == NULL)
		return;
	flush_all(group);
	loop_set_after(group->loop, NULL, NULL);
	answer_shared_free(&group->shared);
	free(group);
}

/* ---- sending ---- */

static void free_client(struct client *client)
{
	loop_timer_free(client->timer);
	answer_free(&client->answer);
	free(client);
}

/* Give the gateway back and go. */
static void finish(struct client *client, bool left)
{
	struct client_shared *group = client->group;
	struct gateway *gateway = client->answer.reply.gateway;

	free_client(client);
	group->count--;
	group->finished(group->ctx, gateway, left);
}

static void leave(struct client *client)
{
	client->callbacks->left(client->ctx, client);
	finish(client, true);
}

static void flush(struct client *client)
{
	struct gateway *gateway = client->answer.reply.gateway;
	unsigned watched = gateway_watch_leave(gateway);
	enum status status;

	if (client->ended) {
		finish(client, false);
		return;
	}
	status = gateway_flush(gateway);
	if (status == STATUS_CLIENT_GONE) {
		leave(client);
		return;
	}
	if (status == STATUS_MORE)
		watched |= LOOP_WRITABLE;
	gateway_watch_set(gateway, watched);
	if (client->full && gateway_pending(gateway) < DRAINED_BYTES) {
		client->full = false;
		client->callbacks->drained(client->ctx, client);
	}
}

static void flush_all(void *ctx)
{
	struct client_shared *group = ctx;

	/* A drained run may write again, and so put its client back. */
	while (group->dirty != NULL) {
		struct client *client = group->dirty;

		group->dirty = client->next_dirty;
		client->dirty = false;
		flush(client);
	}
}

static void touch(struct client *client)
{
	if (client->dirty)
		return;
	client->dirty = true;
	client->next_dirty = client->group->dirty;
	client->group->dirty = client;
	client->written_ms = loop_now_ms(client->group->loop);
}

static void on_ready(void *ctx, unsigned events)
{
	struct client *client = ctx;

	if ((events & ~(unsigned)LOOP_WRITABLE) != 0 && !client->ended &&
	    gateway_has_left(client->answer.reply.gateway)) {
		/* It may be about to be flushed. */
		for (struct client **at = &client->group->dirty; *at != NULL;
		     at = &(*at)->next_dirty) {
			if (*at == client) {
				*at = client->next_dirty;
				break;
			}
		}
		leave(client);
		return;
	}
	touch(client);
}

/* ---- time ---- */

/* When silence since then has lasted long enough.  Of many silent streams
 * those due in the same second are served in one wake-up, which costs a
 * quarter of as many wake-ups; so a keepalive may come up to a second early. */
static uint64_t keepalive_due(const struct client *client, uint64_t since_ms)
{
	uint64_t due = since_ms + client->keepalive_ms;

	return client->keepalive_ms < 4 * TOGETHER_MS ? due
						      : due - due % TOGETHER_MS;
}

/* The timer is not moved at each event: it looks when it fires. */
static void on_timer(void *ctx)
{
	struct client *client = ctx;
	uint64_t now = loop_now_ms(client->group->loop);
	uint64_t due = keepalive_due(client, client->written_ms);

	if (client->ended)
		return;
	if (!client->answer.begun) {
		client_begin(client); /* header_wait is over */
		due = keepalive_due(client, now);
	} else if (due <= now) {
		due = keepalive_due(client, now);
		if (gateway_pending(client->answer.reply.gateway) == 0) {
			answer_keepalive(&client->answer);
			touch(client);
		}
	}
	loop_timer_start(client->timer, due - now);
}

/* ---- the answer ---- */

static bool set_up(struct client *client, const struct client_options *options)
{
	struct gateway *gateway = client->answer.reply.gateway;

	client->timer = loop_timer_new(client->group->loop, on_timer, client);
	if (client->timer == NULL)
		return false;
	/* A descriptor that cannot be watched is a file: nobody leaves. */
	if (!gateway_watch(
		gateway, on_ready, client, gateway_watch_leave(gateway)) &&
	    !gateway_is_cgi(gateway))
		return false;
	if (client->answer.form != ANSWER_JSON)
		loop_timer_start(client->timer, options->header_wait_ms);
	return true;
}

struct client *client_new(struct client_shared *group,
    const struct client_options *options,
    const struct client_callbacks *callbacks, void *ctx)
{
	struct client *client = calloc(1, sizeof *client);

	if (client == NULL)
		return NULL;
	client->group = group;
	client->callbacks = callbacks;
	client->ctx = ctx;
	client->keepalive_ms = options->keepalive_ms;
	client->header_wait_ms = options->header_wait_ms;
	answer_init(&client->answer, &options->answer, &group->shared);
	if (!set_up(client, options)) {
		free_client(client);
		return NULL;
	}
	group->count++;
	return client;
}

void client_begin(struct client *client)
{
	bool begun = client->answer.begun;

	answer_begin(&client->answer);
	touch(client);
	/* The timer runs until header_wait: too late for a first keepalive. */
	if (!begun && client->answer.begun &&
	    client->keepalive_ms < client->header_wait_ms)
		loop_timer_start(client->timer, client->keepalive_ms);
}

void client_event(struct client *client, const struct decode_event *event,
    uint64_t number, bool whole)
{
	answer_event(&client->answer, event, number, whole);
	touch(client);
}

void client_usage(struct client *client, struct slice usage)
{
	answer_usage(&client->answer, usage);
}

void client_fail(struct client *client, enum status status, uint64_t number)
{
	answer_fail(&client->answer, status, number);
	touch(client);
}

void client_end(struct client *client, const char *reason, uint64_t number)
{
	answer_end(&client->answer, reason, number);
	client->ended = true;
	touch(client);
}

bool client_full(struct client *client)
{
	if (gateway_pending(client->answer.reply.gateway) > FULL_BYTES)
		client->full = true;
	return client->full;
}

bool client_answered(const struct client *client)
{
	return client->answer.answered;
}

unsigned client_http_status(const struct client *client)
{
	return client->answer.http;
}

struct client *client_next(const struct client *client)
{
	return client->next;
}

void client_set_next(struct client *client, struct client *next)
{
	client->next = next;
}

size_t client_count(const struct client_shared *group)
{
	return group->count;
}
