/*
 * upstream_play: an invocation whose keys, conversations, time, chance and
 * HTTP are a test's.
 *
 * Takes the place of backend.c, clock.c, conversation.c, credentials.c,
 * digest.c, http.c, log.c and loop.c at link time.  What was asked last is in
 * transfer, what upstream.c told is in told.
 */
#ifndef UPSTREAM_PLAY_H
#define UPSTREAM_PLAY_H

#include <stdlib.h>
#include <time.h>

#include "../../src/backend.h"
#include "../../src/buf.h"
#include "../../src/clock.h"
#include "../../src/config.h"
#include "../../src/conversation.h"
#include "../../src/credentials/credentials.h"
#include "../../src/decode.h"
#include "../../src/digest.h"
#include "../../src/http.h"
#include "../../src/upstream.h"
#include "alloc.h"
#include "fake_log.h"
#include "fake_loop.h"
#include "tap.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* ---- fakes: time, chance, environment ---- */

static struct loop loop;
static int64_t now_s;
static uint32_t chance;
static const char *max_attempts, *bedrock_token;

uint64_t clock_mono_ms(void)
{
	return loop.now;
}

int64_t clock_unix_s(void)
{
	return now_s;
}

uint32_t digest_random(void)
{
	return chance;
}

static const char *fake_getenv(const char *name)
{
	if (strcmp(name, "AWS_MAX_ATTEMPTS") == 0)
		return max_attempts;
	if (strcmp(name, "AWS_BEARER_TOKEN_BEDROCK") == 0)
		return bedrock_token;
	return NULL;
}

/* ---- fakes: keys ---- */

struct credentials {
	int unused;
};

struct credentials_wait {
	credentials_done *done;
	void *ctx;
};

static enum status keys_status;
static bool keys_later; /* they are for give_keys to give */
static struct credentials_wait keys_wait;
static bool waiting;
static size_t keys_asked, refused;
static char refused_id[32];
static struct http *const the_http = (struct http *)&keys_asked;

struct credentials *credentials_new(const struct credentials_options *options)
{
	CHECK(options->loop == &loop && options->http == the_http);
	CHECK(options->getenv == fake_getenv);
	CHECK_SLICE(slice_from(options->cache_dir), SLICE("/cache"));
	return malloc(sizeof(struct credentials));
}

void credentials_free(struct credentials *credentials)
{
	free(credentials);
}

static void give_keys(credentials_done *done, void *ctx)
{
	struct keys keys = {.secret = "SECRET"};

	/* Others each time. */
	(void)snprintf(keys.id, sizeof keys.id, "AKIA%zu", keys_asked);
	done(ctx, keys_status, keys_status == STATUS_OK ? &keys : NULL);
}

struct credentials_wait *credentials_get(struct credentials *credentials,
    const struct credentials_source *source, credentials_done *done, void *ctx)
{
	CHECK(credentials != NULL && !waiting);
	CHECK_SLICE(slice_from(source->profile), SLICE("work"));
	CHECK_SLICE(slice_from(source->region), SLICE("us-west-2"));
	keys_asked++;
	if (!keys_later) {
		give_keys(done, ctx);
		return NULL;
	}
	keys_wait = (struct credentials_wait){done, ctx};
	waiting = true;
	return &keys_wait;
}

void credentials_cancel(struct credentials_wait *wait)
{
	if (wait == NULL)
		return;
	CHECK(wait == &keys_wait && waiting);
	waiting = false;
}

void credentials_refused(struct credentials *credentials,
    const struct credentials_source *source, const char *id)
{
	CHECK(credentials != NULL);
	CHECK_SLICE(slice_from(source->profile), SLICE("work"));
	CHECK_SLICE(slice_from(source->region), SLICE("us-west-2"));
	refused++;
	(void)snprintf(refused_id, sizeof refused_id, "%s", id);
}

__attribute__((unused)) static void keys_come(void)
{
	CHECK(waiting);
	waiting = false;
	give_keys(keys_wait.done, keys_wait.ctx);
}

/* ---- fakes: conversations ---- */

struct conversations {
	int unused;
};

static const char *history; /* what was said before */
static enum status history_status;
static char kept[4096]; /* "" if nothing was */

struct conversations *conversation_all_new(void)
{
	return malloc(sizeof(struct conversations));
}

void conversation_all_free(struct conversations *all)
{
	free(all);
}

static void check_id(const struct conversation_id *id)
{
	CHECK_SLICE(slice_from(id->state_dir), SLICE("/state"));
	CHECK_SLICE(slice_from(id->agent), SLICE("one"));
	CHECK_SLICE(slice_from(id->session), SLICE("session-1"));
}

enum status conversation_add(struct conversations *all,
    const struct conversation_id *id, int64_t at_s, struct buf *out)
{
	CHECK(all != NULL && at_s == now_s);
	check_id(id);
	buf_add_text(out, history);
	return history_status == STATUS_OK ? buf_status(out) : history_status;
}

void conversation_keep(struct conversations *all,
    const struct conversation_id *id, int64_t at_s, struct slice turn)
{
	CHECK(all != NULL && at_s == now_s && kept[0] == '\0');
	check_id(id);
	(void)snprintf(kept, sizeof kept, "%.*s", SLICE_ARG(turn));
}

/* ---- fakes: HTTP ---- */

struct http_transfer {
	const struct http_callbacks *callbacks;
	void *ctx;
	/* Of the last request. */
	const struct config_agent *agent;
	char session_id[101], key_id[32], authorization[64], api_key[64];
	int64_t now_s;
	struct buf body;
	size_t count, resumed, cancelled;
	bool running;
};

static struct http_transfer transfer;
static enum status backend_status;

static void keep_text(char *out, size_t size, struct slice text)
{
	(void)snprintf(out, size, "%.*s", SLICE_ARG(text));
}

enum status backend_start(struct http *http,
    const struct backend_request *request,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **out)
{
	CHECK(http == the_http && request->operation == BACKEND_INVOKE);
	CHECK(!transfer.running);
	transfer.callbacks = callbacks;
	transfer.ctx = ctx;
	transfer.agent = request->agent;
	transfer.now_s = request->now_s;
	keep_text(transfer.session_id, sizeof transfer.session_id,
	    slice_from(request->session_id));
	keep_text(transfer.key_id, sizeof transfer.key_id,
	    slice_from(request->keys == NULL ? "" : request->keys->id));
	keep_text(transfer.authorization, sizeof transfer.authorization,
	    request->authorization);
	keep_text(transfer.api_key, sizeof transfer.api_key, request->api_key);
	buf_clear(&transfer.body);
	buf_add(&transfer.body, request->body);
	if (backend_status != STATUS_OK)
		return backend_status;
	transfer.count++;
	transfer.running = true;
	*out = &transfer;
	return STATUS_OK;
}

void http_cancel(struct http_transfer *which)
{
	CHECK(which == &transfer && which->running);
	which->running = false;
	which->cancelled++;
}

void http_resume(struct http_transfer *which)
{
	CHECK(which->running);
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

bool http_date(struct slice text, int64_t *unix_s)
{
	char copy[64];
	struct tm tm = {0};

	keep_text(copy, sizeof copy, text);
	if (strptime(copy, "%a, %d %b %Y %T GMT", &tm) == NULL)
		return false;
	*unix_s = timegm(&tm);
	return true;
}

/* ---- one invocation ---- */

static char one[] = "one", profile[] = "work", region[] = "us-west-2";
static struct config_agent agent;
static struct upstream_shared *shared;
static struct upstream *upstream;
static struct buf told;
static bool full;
static enum status event_status;
static const char *authorization;

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

static void on_usage(void *ctx, struct slice usage)
{
	CHECK(ctx == &told);
	buf_addf(&told, "usage:%.*s ", SLICE_ARG(usage));
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
    .usage = on_usage,
    .end = on_end};

static enum status start(void)
{
	char payload[] = "{\"prompt\":\"Hi\"}", prompt[] = "Hi", bearer[64];
	struct upstream_request request = {.agent = &agent,
	    .state_dir = "/state",
	    .session_id = "session-1",
	    .request_id = "req-1",
	    .payload = slice_from(payload),
	    .prompt = slice_from(prompt)};
	enum status status;

	(void)snprintf(bearer, sizeof bearer, "%s", authorization);
	request.authorization = slice_from(bearer);
	buf_clear(&told);
	status = upstream_start(shared, &request, &callbacks, &told, &upstream);
	CHECK(told.len == 0);
	/* It was borrowed for that call alone. */
	memset(payload, 0, sizeof payload);
	memset(prompt, 0, sizeof prompt);
	memset(bearer, 0, sizeof bearer);
	return status;
}

static struct upstream_shared *new_shared(void)
{
	return upstream_shared_new(&(struct upstream_options){.loop = &loop,
	    .http = the_http,
	    .getenv = fake_getenv,
	    .cache_dir = "/cache"});
}

/* Nothing has been asked yet. */
static void begin(void)
{
	loop = (struct loop){.now = 5000};
	now_s = NOW_S;
	chance = 0;
	max_attempts = bedrock_token = NULL;
	keys_status = history_status = event_status = backend_status =
	    STATUS_OK;
	keys_later = waiting = full = false;
	keys_asked = refused = 0;
	history = authorization = "";
	kept[0] = refused_id[0] = '\0';
	upstream = NULL;
	transfer = (struct http_transfer){0};
	buf_init(&transfer.body, 100000);
	buf_init(&told, 64u << 20);
	agent = (struct config_agent){.name = one,
	    .backend = BACKEND_AGENTCORE,
	    .profile = profile,
	    .region = region};
	log_forget();
	shared = new_shared();
	CHECK(shared != NULL);
}

static void finish(void)
{
	CHECK(!logged("SECRET") && !logged("AKIA") && !logged("Hi"));
	upstream_cancel(upstream);
	upstream = NULL;
	CHECK(!waiting && !transfer.running && loop_timers(&loop) == 0);
	upstream_shared_free(shared);
	shared = NULL;
	buf_free(&transfer.body);
	buf_free(&told);
}

static void head(unsigned status, const char *lines)
{
	struct http_head answer = {
	    .status = status, .lines = slice_from(lines)};

	CHECK(transfer.running);
	transfer.callbacks->head(transfer.ctx, &answer);
}

static enum status body_of(struct slice bytes)
{
	CHECK(transfer.running);
	return transfer.callbacks->body(transfer.ctx, bytes);
}

static enum status body(const char *bytes)
{
	return body_of(slice_from(bytes));
}

static void end(enum status status)
{
	CHECK(transfer.running);
	transfer.running = false;
	transfer.callbacks->end(transfer.ctx, status);
}

static void check_told(const char *wanted, enum status status)
{
	char text[600];

	(void)snprintf(text, sizeof text, "%send:%d", wanted, (int)status);
	CHECK_SLICE(buf_slice(&told), slice_from(text));
}

#endif
