/*
 * credentials_play: a store of keys whose plan, source, file, time and chance
 * are a test's.
 *
 * Takes the place of clock.c, digest.c, keyfile.c, log.c, obtain.c and plan.c
 * at link time.
 */
#ifndef CREDENTIALS_PLAY_H
#define CREDENTIALS_PLAY_H

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/clock.h"
#include "../../src/credentials/credentials.h"
#include "../../src/credentials/keyfile.h"
#include "../../src/credentials/obtain.h"
#include "../../src/credentials/plan.h"
#include "../../src/digest.h"
#include "fake_log.h"
#include "tap.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* ---- time, chance, environment ---- */

static int64_t now_s;
static uint64_t mono_ms;
static uint32_t chance;
static const char *aws_profile;

uint64_t clock_mono_ms(void)
{
	return mono_ms;
}

int64_t clock_unix_s(void)
{
	return now_s;
}

uint32_t digest_random(void)
{
	return chance;
}

/* Both clocks. */
static void pass(int64_t s)
{
	now_s += s;
	mono_ms += (uint64_t)s * 1000;
}

static const char *fake_getenv(const char *name)
{
	return strcmp(name, "AWS_PROFILE") == 0 ? aws_profile : NULL;
}

/* ---- the plan ---- */

static struct plan next_plan;
static enum status plan_status;
static size_t plans;
static char asked_profile[32], asked_region[32];

enum status plan_make(struct plan *plan, const struct plan_request *request)
{
	plans++;
	CHECK(request->getenv == fake_getenv);
	/* One that was not freed would leak. */
	CHECK(plan->texts == NULL);
	(void)snprintf(
	    asked_profile, sizeof asked_profile, "%s", request->profile);
	(void)snprintf(
	    asked_region, sizeof asked_region, "%s", request->region);
	*plan = next_plan;
	plan->texts = malloc(1);
	return plan->texts == NULL ? STATUS_NO_MEMORY : plan_status;
}

void plan_free(struct plan *plan)
{
	free(plan->texts);
	*plan = (struct plan){0};
}

/* Of this kind, with nothing in it. */
static void plan_for(enum plan_source source)
{
	static const struct sts_role none = {"", "", "", 0, ""};

	next_plan = (struct plan){.source = source,
	    .command = "",
	    .token_file = "",
	    .web = none,
	    .sso = {"", "", "", "", ""},
	    .profile = ""};
	for (size_t i = 0; i < PLAN_MAX_ROLES; i++)
		next_plan.roles[i] = none;
}

/* ---- the source ---- */

struct obtain {
	const struct plan *plan;
	source_done *done;
	void *ctx;
};

static struct obtain *obtaining; /* the last that was started */
static size_t obtains, cancelled;
static struct loop *const the_loop = (struct loop *)&obtains;
static struct http *const the_http = (struct http *)&cancelled;

struct obtain *obtain_start(const struct source_context *context,
    const struct plan *plan, source_done *done, void *ctx)
{
	struct obtain *obtain = malloc(sizeof *obtain);

	CHECK(context->loop == the_loop && context->http == the_http);
	CHECK(context->getenv == fake_getenv);
	if (obtain == NULL)
		return NULL;
	*obtain = (struct obtain){plan, done, ctx};
	obtaining = obtain;
	obtains++;
	return obtain;
}

void obtain_cancel(struct obtain *obtain)
{
	if (obtain == NULL)
		return;
	CHECK(obtain->plan->texts != NULL);
	cancelled++;
	free(obtain);
}

void obtain_identify(
    struct buf *out, const struct plan *plan, keys_getenv *getenv)
{
	CHECK(getenv == fake_getenv && plan->texts != NULL);
	buf_addf(out, "%s by source %d", plan->command, (int)plan->source);
}

static void answer_of(
    struct obtain *obtain, enum status status, const struct keys *keys)
{
	struct obtain copy;

	if (obtain == NULL) {
		CHECK(obtain != NULL);
		return;
	}
	copy = *obtain;
	if (obtain == obtaining)
		obtaining = NULL;
	free(obtain);
	/* It was borrowed until now. */
	CHECK(copy.plan->texts != NULL);
	copy.done(copy.ctx, status, keys);
}

static struct keys keys_of(const char *id, int64_t expires_s)
{
	struct keys keys = {.secret = "SECRET", .expires_s = expires_s};

	(void)snprintf(keys.id, sizeof keys.id, "%s", id);
	return keys;
}

/* Keys that last so long; 0: they do not say. */
static void succeed(const char *id, int64_t left_s)
{
	struct keys keys = keys_of(id, left_s == 0 ? 0 : now_s + left_s);

	answer_of(obtaining, STATUS_OK, &keys);
}

static void fail(void)
{
	answer_of(obtaining, STATUS_NO_CREDENTIALS, NULL);
}

/* ---- the file ---- */

static bool has_kept;
static struct keys kept;
static size_t reads, writes;
static char read_name[4096], written_name[4096];

bool keyfile_read(
    struct keys *out, const char *dir, struct slice name, int64_t at_s)
{
	CHECK(strcmp(dir, "/cache") == 0 && at_s == now_s);
	CHECK(name.len < sizeof read_name);
	(void)snprintf(read_name, sizeof read_name, "%.*s", SLICE_ARG(name));
	reads++;
	keys_wipe(out);
	if (has_kept)
		*out = kept;
	return has_kept;
}

void keyfile_write(const char *dir, struct slice name, const struct keys *keys)
{
	CHECK(strcmp(dir, "/cache") == 0);
	(void)snprintf(
	    written_name, sizeof written_name, "%.*s", SLICE_ARG(name));
	writes++;
	kept = *keys;
}

/* ---- who asks ---- */

static struct credentials *all;

struct asker {
	struct credentials_wait *wait;
	size_t calls;
	enum status status;
	struct keys keys;
	void (*then)(struct asker *asker);
};

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	struct asker *asker = ctx;

	CHECK((status == STATUS_OK) == (keys != NULL));
	asker->wait = NULL;
	asker->calls++;
	asker->status = status;
	keys_wipe(&asker->keys);
	if (keys != NULL)
		asker->keys = *keys;
	if (asker->then != NULL)
		asker->then(asker);
}

static const struct credentials_source work = {"work", "us-west-2"};

static void ask_for(
    struct asker *asker, const struct credentials_source *source)
{
	size_t calls = asker->calls;

	asker->wait = credentials_get(all, source, on_keys, asker);
	/* At once, or later. */
	CHECK((asker->wait == NULL) == (asker->calls == calls + 1));
}

static void ask(struct asker *asker)
{
	ask_for(asker, &work);
}

/* What is given at once; "": to wait is. */
static void check_now(const char *id)
{
	struct asker asker = {0};

	ask(&asker);
	CHECK_SLICE(slice_from(asker.keys.id), slice_from(id));
	CHECK(asker.calls == (id[0] == '\0' ? 0 : 1));
	credentials_cancel(asker.wait);
}

__attribute__((unused)) static void check_none_now(void)
{
	struct asker asker = {0};

	ask(&asker);
	CHECK(asker.calls == 1 && asker.status == STATUS_NO_CREDENTIALS);
	credentials_cancel(asker.wait);
}

static void begin_with(const char *cache_dir)
{
	now_s = NOW_S;
	mono_ms = 5000;
	chance = 0;
	aws_profile = NULL;
	plan_for(PLAN_PROCESS);
	plan_status = STATUS_OK;
	plans = obtains = cancelled = reads = writes = 0;
	obtaining = NULL;
	has_kept = false;
	log_forget();
	all = credentials_new(&(struct credentials_options){.loop = the_loop,
	    .http = the_http,
	    .getenv = fake_getenv,
	    .cache_dir = cache_dir});
}

static void begin(void)
{
	begin_with(NULL);
	CHECK(all != NULL);
}

static void finish(void)
{
	credentials_free(all);
	all = NULL;
	CHECK(!logged("AKIA") && !logged("SECRET"));
}

/* The first keys, asked for and given. */
static void have(const char *id, int64_t left_s)
{
	check_now("");
	succeed(id, left_s);
}

#endif
