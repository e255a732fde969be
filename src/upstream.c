#include "upstream.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "conversation.h"
#include "credentials/credentials.h"
#include "digest.h"
#include "http.h"
#include "log.h"
#include "loop.h"
#include "peer.h"
#include "reading.h"
#include "refusal.h"
#include "turn.h"
#include "vouch.h"

struct upstream_shared {
	struct loop *loop;
	struct http *http;
	const char *(*getenv)(const char *name);
	struct credentials *credentials;
	struct conversations *conversations;
	struct peers peers;
};

struct upstream {
	struct upstream_shared *shared;
	struct peer *peer;
	struct http_transfer *transfer; /* NULL before, between and after */
	struct loop_timer *timer;       /* until the next attempt */
	const struct upstream_callbacks *callbacks;
	void *ctx;
	const struct config_agent *agent;
	char request_id[65];
	char session_id[101];
	struct vouch vouch;
	struct buf payload; /* libcurl may read it until the end */
	struct turn turn;   /* a model's */
	struct reading reading;
	struct retry retry;
	struct refusal refusal; /* of the last attempt */
	bool began;             /* the agent has accepted */
	bool renewed;           /* keys were said to have expired, once */
	int64_t skew_s;         /* that was signed with */
	bool adjusted;          /* our clock was said to be wrong, once */
	bool starting;          /* upstream_start has not returned yet */
	enum status started;    /* what it will return */
};

struct upstream_shared *upstream_shared_new(
    const struct upstream_options *options)
{
	struct upstream_shared *shared = calloc(1, sizeof *shared);

	if (shared == NULL)
		return NULL;
	shared->loop = options->loop;
	shared->http = options->http;
	shared->getenv = options->getenv;
	shared->conversations = conversation_all_new();
	shared->credentials =
	    credentials_new(&(struct credentials_options){.loop = options->loop,
		.http = options->http,
		.getenv = options->getenv,
		.cache_dir = options->cache_dir});
	if (shared->conversations != NULL && shared->credentials != NULL)
		return shared;
	upstream_shared_free(shared);
	return NULL;
}

void upstream_shared_free(struct upstream_shared *shared)
{
	if (shared == NULL)
		return;
	credentials_free(shared->credentials);
	conversation_all_free(shared->conversations);
	peer_free_all(&shared->peers);
	free(shared);
}

static void free_upstream(struct upstream *upstream)
{
	loop_timer_free(upstream->timer);
	vouch_free(&upstream->vouch);
	buf_free(&upstream->payload);
	turn_free(&upstream->turn);
	refusal_free(&upstream->refusal);
	reading_free(&upstream->reading);
	free(upstream);
}

void upstream_cancel(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	if (upstream->transfer != NULL)
		http_cancel(upstream->transfer);
	free_upstream(upstream);
}

void upstream_resume(struct upstream *upstream)
{
	if (upstream->transfer != NULL)
		http_resume(upstream->transfer);
}

/* The end, and of this struct. */
static void finish(struct upstream *upstream, enum status status)
{
	const struct upstream_callbacks *callbacks = upstream->callbacks;
	void *ctx = upstream->ctx;

	upstream_cancel(upstream);
	callbacks->end(ctx, status);
}

/* ---- a refusal, and another attempt ---- */

/* Each once: expired keys are replaced, a wrong clock goes by theirs. */
static bool mended(struct upstream *upstream)
{
	const struct refusal *refusal = &upstream->refusal;

	if (!vouch_signed(&upstream->vouch))
		return false;
	if (refusal->cause == REFUSAL_EXPIRED && !upstream->renewed) {
		upstream->renewed = true;
		vouch_renew(&upstream->vouch);
		return true;
	}
	/* By these the SDKs, too, know that a clock may be wrong. */
	if (upstream->adjusted || refusal->date_s < 0 ||
	    (refusal->cause != REFUSAL_CLOCK &&
		refusal->cause != REFUSAL_KEYS &&
		strcmp(refusal->type, "AccessDeniedException") != 0))
		return false;
	upstream->adjusted = true;
	return peer_learn_time(
	    upstream->peer, refusal->date_s, clock_unix_s(), upstream->skew_s);
}

/* Whether there will be another attempt. */
static bool try_again(struct upstream *upstream, enum status error)
{
	const struct refusal *refusal = &upstream->refusal;
	struct retry_outcome outcome = {
	    .error = error,
	    /* Both say that there was no connection. */
	    .sent = error != STATUS_UPSTREAM_UNREACHABLE &&
		error != STATUS_UPSTREAM_TIMEOUT,
	    .now_s = clock_unix_s(),
	};
	uint64_t wait_ms = 0;

	refusal_fill(refusal, &outcome);
	if (!mended(upstream) &&
	    !retry_again(&upstream->retry, &outcome, digest_random(), &wait_ms))
		return false;
	if (refusal->http == 0)
		log_write(LOG_INFO, "request=%s again in %u ms",
		    upstream->request_id, (unsigned)wait_ms);
	else
		log_write(LOG_INFO,
		    "request=%s upstream answered %u%s%s, again in %u ms",
		    upstream->request_id, refusal->http,
		    refusal->type[0] == '\0' ? "" : " ", refusal->type,
		    (unsigned)wait_ms);
	loop_timer_start(upstream->timer, wait_ms);
	return true;
}

/* There was no answer of an agent. */
static void take_failure(struct upstream *upstream, enum status error)
{
	struct refusal *refusal = &upstream->refusal;

	if (refusal->http != 0)
		refusal_end(refusal, vouch_signed(&upstream->vouch));
	if (try_again(upstream, error))
		return;
	if (refusal->http != 0) {
		refusal_log(refusal, upstream->request_id);
		error = refusal_status(
		    refusal, upstream->agent->auth == AUTH_BEARER);
	}
	finish(upstream, error);
}

/* ---- the answer ---- */

static void on_began(void *ctx, bool whole)
{
	struct upstream *upstream = ctx;

	upstream->began = true;
	retry_succeeded(&upstream->retry);
	vouch_free(&upstream->vouch); /* there will be no other attempt */
	upstream->callbacks->began(upstream->ctx, whole);
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct upstream *upstream = ctx;

	return upstream->callbacks->event(upstream->ctx, event);
}

static void on_head(void *ctx, const struct http_head *head)
{
	struct upstream *upstream = ctx;
	enum status status;

	if (head->status < 200 || head->status > 299) {
		refusal_begin(&upstream->refusal, head);
		return;
	}
	status = reading_begin(&upstream->reading, upstream->agent,
	    http_header(head, "content-type"), upstream->request_id);
	if (status == STATUS_OK)
		return;
	log_write(LOG_WARNING,
	    "request=%s upstream's content type is not an agent's",
	    upstream->request_id);
	finish(upstream, status);
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct upstream *upstream = ctx;
	enum status status;

	if (upstream->refusal.http != 0) {
		refusal_add(&upstream->refusal, bytes);
		return STATUS_OK;
	}
	if (upstream->callbacks->full(upstream->ctx))
		return STATUS_MORE;
	upstream->callbacks->alive(upstream->ctx);
	status = reading_feed(&upstream->reading, bytes);
	if (status == STATUS_OK)
		return STATUS_OK;
	if (status == STATUS_TOO_LARGE) {
		log_write(LOG_WARNING, "request=%s an event is above %u bytes",
		    upstream->request_id, DECODE_MAX_EVENT);
		status = STATUS_UPSTREAM_ERROR;
	}
	finish(upstream, status);
	return STATUS_OK;
}

static void on_end(void *ctx, enum status status)
{
	struct upstream *upstream = ctx;
	struct slice usage;

	upstream->transfer = NULL;
	if (!upstream->began && upstream->reading.by == READING_NOTHING) {
		take_failure(upstream, status);
		return;
	}
	if (status == STATUS_OK)
		status = reading_finish(&upstream->reading);
	if (status == STATUS_OK)
		turn_end(&upstream->turn, reading_text(&upstream->reading));
	usage = reading_usage(&upstream->reading);
	if (usage.len > 0)
		upstream->callbacks->usage(upstream->ctx, usage);
	finish(upstream, status);
}

/* ---- the request ---- */

static void on_vouched(
    void *ctx, enum status status, const struct voucher *voucher)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct upstream *upstream = ctx;
	struct backend_request request = {
	    .agent = upstream->agent,
	    .operation = BACKEND_INVOKE,
	    .session_id = upstream->session_id,
	    .body = buf_slice(&upstream->payload),
	    .now_s = clock_unix_s() + upstream->peer->skew_s,
	};

	upstream->skew_s = upstream->peer->skew_s;
	if (status == STATUS_OK) {
		request.keys = voucher->keys;
		request.authorization = voucher->authorization;
		request.api_key = voucher->api_key;
		status = backend_start(upstream->shared->http, &request,
		    &callbacks, upstream, &upstream->transfer);
	}
	upstream->started = status;
	if (status != STATUS_OK && !upstream->starting)
		finish(upstream, status);
}

/* If it fails at once, the caller finishes. */
static enum status attempt(struct upstream *upstream)
{
	refusal_free(&upstream->refusal);
	upstream->starting = true;
	upstream->started = STATUS_OK;
	vouch_get(&upstream->vouch, on_vouched, upstream);
	upstream->starting = false;
	return upstream->started;
}

static void on_timer(void *ctx)
{
	struct upstream *upstream = ctx;
	enum status status = attempt(upstream);

	if (status != STATUS_OK)
		finish(upstream, status);
}

/* A model is told the conversation so far; all others remember it. */
static enum status make_payload(
    struct upstream *upstream, const struct upstream_request *request)
{
	if (request->agent->backend == BACKEND_BEDROCK) {
		upstream->turn = (struct turn){
		    .conversations = upstream->shared->conversations,
		    .state_dir = request->state_dir,
		    .agent = request->agent,
		    .session_id = upstream->session_id,
		};
		return turn_begin(
		    &upstream->turn, request->prompt, &upstream->payload);
	}
	buf_init(&upstream->payload, request->payload.len);
	buf_add(&upstream->payload, request->payload);
	return buf_status(&upstream->payload);
}

static struct upstream *new_upstream(
    struct upstream_shared *shared, const struct upstream_request *request)
{
	static const struct reading_callbacks callbacks = {
	    .began = on_began, .event = on_event};
	struct upstream *upstream = calloc(1, sizeof *upstream);

	if (upstream == NULL)
		return NULL;
	upstream->shared = shared;
	upstream->agent = request->agent;
	upstream->reading.callbacks = &callbacks;
	upstream->reading.ctx = upstream;
	(void)stpncpy(upstream->session_id, request->session_id,
	    sizeof upstream->session_id - 1);
	(void)stpncpy(upstream->request_id, request->request_id,
	    sizeof upstream->request_id - 1);
	upstream->timer = loop_timer_new(shared->loop, on_timer, upstream);
	upstream->peer = peer_of(&shared->peers, request->agent->name);
	if (upstream->timer != NULL && upstream->peer != NULL &&
	    vouch_init(&upstream->vouch, shared->credentials, shared->getenv,
		request->agent, request->authorization) == STATUS_OK &&
	    make_payload(upstream, request) == STATUS_OK)
		return upstream;
	free_upstream(upstream);
	return NULL;
}

enum status upstream_start(struct upstream_shared *shared,
    const struct upstream_request *request,
    const struct upstream_callbacks *callbacks, void *ctx,
    struct upstream **out)
{
	struct upstream *upstream;
	enum status status;

	/* Our keys never stand in for a caller's token. */
	if (request->agent->auth == AUTH_BEARER &&
	    request->authorization.len == 0)
		return STATUS_NO_TOKEN;
	upstream = new_upstream(shared, request);
	if (upstream == NULL)
		return STATUS_NO_MEMORY;
	upstream->callbacks = callbacks;
	upstream->ctx = ctx;
	retry_init(&upstream->retry, &upstream->peer->bucket,
	    slice_from(shared->getenv("AWS_MAX_ATTEMPTS")));
	status = attempt(upstream);
	if (status != STATUS_OK) {
		free_upstream(upstream);
		return status;
	}
	*out = upstream;
	return STATUS_OK;
}
