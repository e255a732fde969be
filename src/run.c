#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "client.h"
#include "config.h"
#include "decode.h"
#include "digest.h"
#include "limit.h"
#include "log.h"
#include "loop.h"
#include "translate.h"
#include "upstream.h"

struct run {
	struct runs *runs;
	struct run *next, **link;
	struct config *config; /* a reference */
	const struct config_agent *agent;
	struct upstream *upstream; /* NULL before and after */
	struct client *clients;
	struct loop_timer *timer;
	uint64_t started_ms, heard_ms; /* heard: the last bytes of the agent */
	uint64_t number;               /* of the last event */
	uint64_t events;               /* of the agent */
	bool began, whole, paused;
	enum status failure; /* the first one */
	unsigned http;
	char id[RUN_ID_LEN + 1];
	char request_id[65];
};

/* ---- the end ---- */

static void free_run(struct run *run)
{
	struct runs *runs = run->runs;

	upstream_cancel(run->upstream);
	loop_timer_free(run->timer);
	*run->link = run->next;
	if (run->next != NULL)
		run->next->link = run->link;
	config_unref(run->config);
	free(run);
	runs->count--;
	if (runs->ended != NULL)
		runs->ended(runs->ctx);
}

static void log_end(const struct run *run, const char *reason)
{
	uint64_t ms = loop_now_ms(run->runs->loop) - run->started_ms;

	log_write(LOG_INFO,
	    "request=%s agent=%s status=%u reason=%s code=%s events=%llu "
	    "ms=%llu",
	    run->request_id, run->agent->name, run->http, reason,
	    status_row(run->failure)->code, (unsigned long long)run->events,
	    (unsigned long long)ms);
}

/* Clients are told of the first failure: what follows comes of it. */
static void fail(struct run *run, enum status status)
{
	if (run->failure != STATUS_OK)
		return;
	run->failure = status;
	run->number++;
	for (struct client *client = run->clients; client != NULL;
	     client = client_next(client))
		client_fail(client, status, run->number);
}

static void end(struct run *run, const char *reason)
{
	struct client *client = run->clients, *next;

	run->number++;
	for (; client != NULL; client = next) {
		next = client_next(client);
		run->http = client_http_status(client);
		client_end(client, reason, run->number);
	}
	run->clients = NULL;
	log_end(run, reason);
	free_run(run);
}

static void end_failed(struct run *run, enum status status)
{
	fail(run, status);
	end(run, "error");
}

/* ---- time ---- */

/* The timer is not moved at each event: it looks when it fires. */
static void on_timer(void *ctx)
{
	struct run *run = ctx;
	struct limit_times times = {
	    run->started_ms, run->heard_ms, run->began, run->paused};
	enum limit_kind kind;
	uint64_t now = loop_now_ms(run->runs->loop);
	uint64_t due = limit_next(run->agent, &times, &kind);

	if (due > now) {
		loop_timer_start(run->timer, due - now);
	} else if (kind != LIMIT_TOTAL) {
		end_failed(run, STATUS_UPSTREAM_TIMEOUT);
	} else if (!run->began) {
		end_failed(run, STATUS_TIME_LIMIT);
	} else {
		run->failure = STATUS_TIME_LIMIT;
		end(run, "limit");
	}
}

/* ---- clients ---- */

static void go_on(struct run *run)
{
	if (!run->paused || run->upstream == NULL)
		return;
	run->paused = false;
	run->heard_ms = loop_now_ms(run->runs->loop);
	loop_timer_start(run->timer, 0);
	upstream_resume(run->upstream); /* last: it may end the run */
}

static void on_left(void *ctx, struct client *client)
{
	struct run *run = ctx;
	struct client *one = run->clients;

	run->http = client_http_status(client);
	if (one == client) {
		run->clients = client_next(client);
	} else {
		while (client_next(one) != client)
			one = client_next(one);
		client_set_next(one, client_next(client));
	}
	if (run->clients != NULL) {
		go_on(run); /* it may have been the slow one */
		return;
	}
	/* on_disconnect = continue needs a place to keep the events. */
	run->failure = STATUS_CLIENT_GONE;
	log_end(run, "left");
	free_run(run);
}

static void on_drained(void *ctx, struct client *client)
{
	(void)client;
	go_on(ctx);
}

/* ---- the agent ---- */

static void on_began(void *ctx, bool whole)
{
	struct run *run = ctx;

	run->began = true;
	run->whole = whole;
	run->heard_ms = loop_now_ms(run->runs->loop);
	loop_timer_start(run->timer, 0); /* a shorter limit may count now */
	for (struct client *client = run->clients; client != NULL;
	     client = client_next(client))
		client_begin(client);
}

static bool on_full(void *ctx)
{
	struct run *run = ctx;

	for (struct client *client = run->clients; client != NULL;
	     client = client_next(client))
		run->paused |= client_full(client);
	return run->paused;
}

static void on_alive(void *ctx)
{
	struct run *run = ctx;

	run->heard_ms = loop_now_ms(run->runs->loop);
}

/* An agent's own error may hold ARNs and stack traces: the client reads our
 * words, the log has the agent's. */
static bool is_failure(const struct run *run, const struct decode_event *event)
{
	struct slice error = SLICE("error");
	struct buf data;
	bool failure;

	if (!slice_equal(event->name, error) &&
	    slice_find(event->lines, error) == event->lines.len)
		return false;
	buf_init(&data, DECODE_MAX_EVENT);
	decode_add_data(&data, event);
	failure = translate_is_error(event->name, buf_slice(&data));
	if (failure) {
		log_write(LOG_WARNING,
		    "request=%s the agent reported an error "
		    "(log_level = debug shows its words)",
		    run->request_id);
		log_write(LOG_DEBUG, "request=%s the agent said: %.*s",
		    run->request_id, SLICE_ARG(buf_slice(&data)));
	}
	buf_free(&data);
	return failure;
}

/* Whether nobody will read any more: a whole answer has been refused. */
static bool all_answered(const struct run *run)
{
	for (const struct client *client = run->clients; client != NULL;
	     client = client_next(client)) {
		if (!client_answered(client))
			return false;
	}
	return true;
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct run *run = ctx;

	if (event->has_data) {
		run->events++;
		if (is_failure(run, event)) {
			fail(run, STATUS_AGENT_FAILED);
			return all_answered(run) ? STATUS_AGENT_FAILED
						 : STATUS_OK;
		}
		run->number++;
	}
	for (struct client *client = run->clients; client != NULL;
	     client = client_next(client))
		client_event(client, event, run->number, run->whole);
	return STATUS_OK;
}

static void on_usage(void *ctx, struct slice usage)
{
	struct run *run = ctx;

	for (struct client *client = run->clients; client != NULL;
	     client = client_next(client))
		client_usage(client, usage);
}

static void on_end(void *ctx, enum status status)
{
	struct run *run = ctx;

	run->upstream = NULL;
	if (status == STATUS_OK && run->events == 0)
		status = STATUS_UPSTREAM_EMPTY;
	if (status != STATUS_OK)
		end_failed(run, status);
	else
		end(run, run->failure == STATUS_OK ? "complete" : "error");
}

/* ---- the beginning ---- */

static void link_run(struct run *run)
{
	struct runs *runs = run->runs;

	run->link = &runs->first;
	run->next = runs->first;
	if (run->next != NULL)
		run->next->link = &run->next;
	runs->first = run;
	runs->count++;
}

static struct run *new_run(struct runs *runs, const struct run_request *request)
{
	struct run *run = calloc(1, sizeof *run);

	if (run == NULL)
		return NULL;
	run->runs = runs;
	run->timer = loop_timer_new(runs->loop, on_timer, run);
	if (run->timer == NULL) {
		free(run);
		return NULL;
	}
	run->config = config_ref(request->config);
	run->agent = request->agent;
	run->started_ms = run->heard_ms = loop_now_ms(runs->loop);
	run->number = 1; /* event: session */
	digest_random_token(run->id, RUN_ID_LEN);
	(void)stpncpy(
	    run->request_id, request->request_id, sizeof run->request_id - 1);
	link_run(run);
	return run;
}

static void start_upstream(struct run *run, const struct run_request *request)
{
	static const struct upstream_callbacks callbacks = {
	    .began = on_began,
	    .full = on_full,
	    .alive = on_alive,
	    .event = on_event,
	    .usage = on_usage,
	    .end = on_end,
	};
	struct upstream_request wanted = {
	    .agent = run->agent,
	    .session_id = request->session_id,
	    .request_id = run->request_id,
	    .state_dir = run->config->state_dir,
	    .payload = request->payload,
	    .prompt = request->prompt,
	    .authorization = request->authorization,
	};
	enum status status = upstream_start(
	    run->runs->upstreams, &wanted, &callbacks, run, &run->upstream);

	if (status != STATUS_OK)
		end_failed(run, status);
	else
		on_timer(run);
}

enum status run_start(struct runs *runs, const struct run_request *request,
    struct client_options *options)
{
	static const struct client_callbacks callbacks = {
	    .left = on_left, .drained = on_drained};
	struct run *run = new_run(runs, request);

	if (run == NULL)
		return STATUS_NO_MEMORY;
	options->answer.session_id = request->session_id;
	options->answer.run_id = run->id;
	run->clients = client_new(runs->clients, options, &callbacks, run);
	if (run->clients == NULL) {
		free_run(run);
		return STATUS_NO_MEMORY;
	}
	start_upstream(run, request);
	return STATUS_OK;
}

void run_end_all(struct runs *runs, enum status status)
{
	struct run *run = runs->first, *next;

	for (; run != NULL; run = next) {
		next = run->next;
		end_failed(run, status);
	}
}
