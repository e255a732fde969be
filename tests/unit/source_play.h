/*
 * source_play: a source of keys whose time, environment, log and HTTP are a
 * test's.
 *
 * Takes the place of clock.c, fetch.c, http_date, log.c and loop.c at link
 * time.  What was asked is in asked; the test answers it with reply.
 */
#ifndef SOURCE_PLAY_H
#define SOURCE_PLAY_H

#include <stdlib.h>
#include <time.h>

#include "../../src/buf.h"
#include "../../src/call.h"
#include "../../src/clock.h"
#include "../../src/credentials/fetch.h"
#include "../../src/credentials/source.h"
#include "../../src/http.h"
#include "alloc.h"
#include "fake_log.h"
#include "fake_loop.h"
#include "tap.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

static int64_t now_s = NOW_S;

uint64_t clock_mono_ms(void)
{
	return 0;
}

int64_t clock_unix_s(void)
{
	return now_s;
}

bool http_date(struct slice text, int64_t *unix_s)
{
	char copy[64];
	struct tm tm = {0};

	(void)snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(text));
	if (strptime(copy, "%a, %d %b %Y %T GMT", &tm) == NULL)
		return false;
	*unix_s = timegm(&tm);
	return true;
}

/* ---- the environment ---- */

static struct {
	const char *name, *value;
} variables[16];

static const char *fake_getenv(const char *name)
{
	for (size_t i = 0; i < 16; i++)
		if (variables[i].name != NULL &&
		    strcmp(variables[i].name, name) == 0)
			return variables[i].value;
	return NULL;
}

static void set(const char *name, const char *value)
{
	for (size_t i = 0; i < 16; i++) {
		if (variables[i].name != NULL &&
		    strcmp(variables[i].name, name) != 0)
			continue;
		variables[i].name = name;
		variables[i].value = value;
		return;
	}
	abort();
}

/* ---- HTTP ---- */

struct fetch {
	fetch_done *done;
	void *ctx;
};

/* The question that waits for its answer. */
static struct fetch question;
static bool waiting, no_fetch;
static size_t questions, cancelled;
static bool asked_direct;
static const struct keys *asked_keys;
static int64_t asked_now_s;
static uint64_t asked_timeout_ms;
static struct buf asked; /* method, URL, headers, a blank line, body */

enum status fetch_start(struct fetch **fetch, struct loop *loop,
    struct http *http, const struct call_request *request, uint64_t timeout_ms,
    fetch_done *done, void *ctx)
{
	(void)loop;
	(void)http;
	CHECK(!waiting);
	*fetch = NULL;
	if (no_fetch)
		return STATUS_NO_MEMORY;
	question = (struct fetch){done, ctx};
	waiting = true;
	questions++;
	asked_direct = request->direct;
	asked_keys = request->keys;
	asked_now_s = request->now_s;
	asked_timeout_ms = timeout_ms;
	CHECK(request->connect_timeout_ms > 0 &&
	    request->connect_timeout_ms <= timeout_ms);
	buf_clear(&asked);
	buf_addf(&asked, "%s %s\n", request->method, request->url);
	for (size_t i = 0; i < request->header_count; i++)
		buf_addf(&asked, "%.*s: %.*s\n",
		    SLICE_ARG(request->headers[i].name),
		    SLICE_ARG(request->headers[i].value));
	if (request->authorization.len > 0)
		buf_addf(&asked, "Authorization: %.*s\n",
		    SLICE_ARG(request->authorization));
	if (request->keys != NULL)
		buf_addf(&asked, "signed for %.*s/%.*s\n",
		    SLICE_ARG(request->region), SLICE_ARG(request->service));
	buf_add_char(&asked, '\n');
	buf_add(&asked, request->body);
	*fetch = &question;
	return STATUS_OK;
}

void fetch_cancel(struct fetch *fetch)
{
	if (fetch == NULL)
		return;
	CHECK(waiting);
	waiting = false;
	cancelled++;
}

/* Answer what was asked. */
__attribute__((unused)) static void reply_at(
    unsigned status, const char *body, const char *date)
{
	struct fetch_answer answer = {.status = status,
	    .body = slice_from(body),
	    .date = slice_from(date)};

	if (!waiting) {
		CHECK(waiting);
		return;
	}
	waiting = false;
	question.done(question.ctx, STATUS_OK, &answer);
}

static void reply(unsigned status, const char *body)
{
	reply_at(status, body, "");
}

static void no_reply(enum status status)
{
	if (!waiting) {
		CHECK(waiting);
		return;
	}
	waiting = false;
	question.done(question.ctx, status, NULL);
}

/* ---- the answer ---- */

static struct loop loop;
static struct source_context context = {.loop = &loop, .getenv = fake_getenv};
static size_t answers;
static enum status answered;
static struct keys got;

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	CHECK(ctx == &loop);
	CHECK((status == STATUS_OK) == (keys != NULL));
	answers++;
	answered = status;
	keys_wipe(&got);
	if (keys != NULL)
		got = *keys;
}

static void begin(void)
{
	now_s = NOW_S;
	waiting = no_fetch = false;
	questions = cancelled = answers = 0;
	answered = STATUS_COUNT;
	keys_wipe(&got);
	buf_free(&asked);
	buf_init(&asked, 1u << 20);
	/* All of it now, lest the fake fail for want of memory. */
	for (size_t i = 0; i < 1u << 16; i++)
		buf_add_char(&asked, ' ');
	buf_clear(&asked);
	log_forget();
}

/* Start over, with no variables. */
__attribute__((unused)) static void forget_all(void)
{
	memset(variables, 0, sizeof variables);
	begin();
}

/* No answer was given before this, and nothing is left behind it. */
static void check_end(enum status wanted)
{
	CHECK(answers == 1 && answered == wanted && !waiting);
	CHECK(loop_timers(&loop) == 0);
	if (answered != wanted)
		printf("# answered %d, logged %s\n", answered, log_text);
	CHECK(!logged("AKIA") && !logged("SECRET") && !logged("TOKEN/"));
	buf_free(&asked);
}

static void check_keys(
    const char *id, const char *secret, const char *token, int64_t expires_s)
{
	CHECK_SLICE(slice_from(got.id), slice_from(id));
	CHECK_SLICE(slice_from(got.secret), slice_from(secret));
	CHECK_SLICE(slice_from(got.token), slice_from(token));
	CHECK(got.expires_s == expires_s);
}

/* Let it begin, and pause: nothing takes that long. */
static void run(void)
{
	loop_pass(&loop, 5000);
}

static void check_asked(const char *wanted)
{
	CHECK(waiting);
	CHECK_SLICE(buf_slice(&asked), slice_from(wanted));
}

#endif
