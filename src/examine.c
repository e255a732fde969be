#include "examine.h"

#include <signal.h>
#include <stdlib.h>

#include "backend.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials/credentials.h"
#include "credentials/keys.h"
#include "decode.h"
#include "digest.h"
#include "env.h"
#include "http.h"
#include "limit.h"
#include "loop.h"
#include "session.h"
#include "translate.h"
#include "trust.h"
#include "upstream.h"

enum {
	/* A program that gets keys may take 30 s, roles with them some more. */
	KEYS_MS = 60 * 1000,
	/* No look takes a service a second; once there is a connection. */
	LOOK_MS = 20 * 1000,
	/* As far as this the SDKs, too, let a clock be. */
	SKEW_MAX_S = 240,
	REQUEST_ID_LEN = 12
};

#define QUESTION "Please answer with one word: are you there?"

struct examine {
	const struct config *config;
	struct loop *loop;
	struct http *http;
	struct loop_timer *timer;
	struct credentials *credentials;
	struct upstream_shared *upstreams;

	/* of one question */
	const struct config_agent *agent;
	int64_t skew_s; /* of our clock */
	struct vouch vouch;
	struct http_transfer *transfer;
	struct upstream *upstream;
	bool done;
	bool running; /* the loop */
	bool failed;  /* the agent, by its own words */
	bool began;
	uint64_t started_ms, heard_ms; /* of clock_mono_ms */
	struct examine_result result;
};

static void stop(struct examine *examine, enum status status)
{
	examine->done = true;
	examine->result.error = status;
	/* Else the loop would not run the next time. */
	if (examine->running)
		loop_stop(examine->loop);
}

/* True if an answer may take longer. */
static bool has_time(struct examine *examine)
{
	static const char *const names[] = {
	    [LIMIT_FIRST_BYTE] = "first_byte_timeout",
	    [LIMIT_IDLE] = "idle_timeout",
	    [LIMIT_TOTAL] = "total_timeout"};
	struct limit_times times = {
	    examine->started_ms, examine->heard_ms, examine->began, false};
	enum limit_kind kind;
	uint64_t now = clock_mono_ms();
	uint64_t due = limit_next(examine->agent, &times, &kind);

	if (due > now)
		loop_timer_start(examine->timer, due - now);
	else
		examine->result.limit = names[kind];
	return due > now;
}

/* Nothing more of it is to come. */
static void on_timer(void *ctx)
{
	struct examine *examine = ctx;

	/* In one turn of the loop the end may have come before it. */
	if (examine->done || (examine->upstream != NULL && has_time(examine)))
		return;
	if (examine->transfer != NULL)
		http_cancel(examine->transfer);
	examine->transfer = NULL;
	upstream_cancel(examine->upstream);
	examine->upstream = NULL;
	stop(examine, STATUS_UPSTREAM_TIMEOUT);
}

struct examine *examine_new(const struct config *config)
{
	struct examine *examine = calloc(1, sizeof *examine);
	struct trust trust = trust_find(config->ca_file, env_get, true);

	if (examine == NULL)
		return NULL;
	(void)signal(SIGPIPE, SIG_IGN);
	examine->config = config;
	examine->loop = loop_new();
	if (examine->loop == NULL)
		goto fail;
	examine->timer = loop_timer_new(examine->loop, on_timer, examine);
	examine->http = http_new(
	    examine->loop, &(struct http_options){trust.file, trust.dir});
	if (examine->timer == NULL || examine->http == NULL)
		goto fail;
	examine->credentials = credentials_new(&(struct credentials_options){
	    examine->loop, examine->http, env_get, NULL});
	examine->upstreams = upstream_shared_new(&(struct upstream_options){
	    examine->loop, examine->http, env_get, NULL});
	if (examine->credentials != NULL && examine->upstreams != NULL)
		return examine;
fail:
	examine_free(examine);
	return NULL;
}

void examine_free(struct examine *examine)
{
	if (examine == NULL)
		return;
	upstream_shared_free(examine->upstreams);
	credentials_free(examine->credentials);
	refusal_free(&examine->result.refusal);
	http_free(examine->http);
	loop_timer_free(examine->timer);
	loop_free(examine->loop);
	free(examine);
}

static void begin(struct examine *examine, const struct config_agent *agent,
    uint64_t timeout_ms)
{
	refusal_free(&examine->result.refusal);
	examine->agent = agent;
	examine->done = examine->failed = examine->began = false;
	examine->started_ms = clock_mono_ms();
	examine->result = (struct examine_result){.date_s = -1};
	loop_timer_start(examine->timer, timeout_ms);
}

static void wait_until_done(struct examine *examine)
{
	examine->running = true;
	if (!examine->done)
		loop_run(examine->loop);
	examine->running = false;
	loop_timer_stop(examine->timer);
}

/* ---- a look ---- */

static void on_head(void *ctx, const struct http_head *head)
{
	struct examine *examine = ctx;

	examine->result.http = head->status;
	refusal_begin(&examine->result.refusal, head);
	examine->result.date_s = examine->result.refusal.date_s;
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct examine *examine = ctx;

	refusal_add(&examine->result.refusal, bytes);
	return STATUS_OK;
}

static void on_end(void *ctx, enum status status)
{
	struct examine *examine = ctx;

	examine->transfer = NULL;
	if (examine->result.http != 0)
		refusal_end(&examine->result.refusal, true);
	stop(examine, status);
}

/* What spends nothing, by backend. */
static const struct {
	enum backend_operation operation;
	struct slice body;
} looks[] = {
    [BACKEND_AGENTCORE] = {BACKEND_STOP, {"{}", 2}},
    [BACKEND_BEDROCK] = {BACKEND_INVOKE, {"{\"messages\":[]}", 15}},
    [BACKEND_HTTP] = {BACKEND_LOOK, {"", 0}},
};

static void on_vouched(
    void *ctx, enum status status, const struct voucher *voucher)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct examine *examine = ctx;
	char session_id[SESSION_MAX_LEN + 1];
	struct backend_request request = {
	    .agent = examine->agent,
	    .operation = looks[examine->agent->backend].operation,
	    .session_id = session_id,
	    .body = looks[examine->agent->backend].body,
	    .now_s = clock_unix_s() + examine->skew_s,
	};

	if (status == STATUS_OK) {
		examine->result.vouched = true;
		loop_timer_start(examine->timer,
		    examine->agent->connect_timeout_ms + LOOK_MS);
		if (voucher->keys != NULL)
			examine->result.expires_s = voucher->keys->expires_s;
		session_choose(session_id, (struct slice){0});
		request.keys = voucher->keys;
		request.authorization = voucher->authorization;
		request.api_key = voucher->api_key;
		status = backend_start(examine->http, &request, &callbacks,
		    examine, &examine->transfer);
	}
	if (status != STATUS_OK)
		stop(examine, status);
}

static void look(struct examine *examine, const struct config_agent *agent)
{
	begin(examine, agent, KEYS_MS);
	if (vouch_init(&examine->vouch, examine->credentials, env_get, agent,
		(struct slice){0}) != STATUS_OK)
		stop(examine, STATUS_NO_MEMORY);
	else
		vouch_get(&examine->vouch, on_vouched, examine);
	wait_until_done(examine);
	vouch_free(&examine->vouch);
}

/* A refusal that our clock may be the reason of hides all others. */
static bool wrong_time(struct examine *examine)
{
	const struct examine_result *result = &examine->result;

	if (result->date_s < 0 || (result->http != 400 && result->http != 403))
		return false;
	examine->skew_s = result->date_s - clock_unix_s();
	return llabs(examine->skew_s) >= SKEW_MAX_S;
}

const struct examine_result *examine_look(
    struct examine *examine, const struct config_agent *agent)
{
	examine->skew_s = 0;
	look(examine, agent);
	if (wrong_time(examine))
		look(examine, agent);
	return &examine->result;
}

/* ---- a question ---- */

static void on_began(void *ctx, bool whole)
{
	struct examine *examine = ctx;

	(void)whole;
	examine->began = true;
	examine->heard_ms = clock_mono_ms();
	loop_timer_start(examine->timer, 0); /* a shorter limit may count now */
}

static bool on_full(void *ctx)
{
	(void)ctx;
	return false;
}

static void on_alive(void *ctx)
{
	struct examine *examine = ctx;

	examine->heard_ms = clock_mono_ms();
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct examine *examine = ctx;
	struct buf data;

	examine->result.events += event->has_data;
	buf_init(&data, DECODE_MAX_EVENT);
	decode_add_data(&data, event);
	if (event->has_data &&
	    translate_is_error(event->name, buf_slice(&data)))
		examine->failed = true;
	buf_free(&data);
	return STATUS_OK;
}

static void on_usage(void *ctx, struct slice usage)
{
	(void)ctx;
	(void)usage;
}

static void on_answered(void *ctx, enum status status)
{
	struct examine *examine = ctx;

	examine->upstream = NULL;
	if (status == STATUS_OK && examine->failed)
		status = STATUS_AGENT_FAILED;
	else if (status == STATUS_OK && examine->result.events == 0)
		status = STATUS_UPSTREAM_EMPTY;
	stop(examine, status);
}

const struct examine_result *examine_ask(
    struct examine *examine, const struct config_agent *agent)
{
	static const struct upstream_callbacks callbacks = {
	    .began = on_began,
	    .full = on_full,
	    .alive = on_alive,
	    .event = on_event,
	    .usage = on_usage,
	    .end = on_answered,
	};
	char session_id[SESSION_MAX_LEN + 1], request_id[REQUEST_ID_LEN + 1];
	struct upstream_request request = {
	    .agent = agent,
	    .state_dir = "", /* this is no conversation to be kept */
	    .session_id = session_id,
	    .request_id = request_id,
	    .payload = SLICE("{\"prompt\":\"" QUESTION "\"}"),
	    .prompt = SLICE(QUESTION),
	};
	enum status status;

	begin(examine, agent, 0);
	session_choose(session_id, (struct slice){0});
	digest_random_token(request_id, REQUEST_ID_LEN);
	status = upstream_start(examine->upstreams, &request, &callbacks,
	    examine, &examine->upstream);
	if (status != STATUS_OK)
		stop(examine, status);
	wait_until_done(examine);
	return &examine->result;
}
