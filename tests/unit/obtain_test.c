#include "../../src/credentials/obtain.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/credentials/container.h"
#include "../../src/credentials/instance.h"
#include "../../src/credentials/plan.h"
#include "../../src/credentials/process.h"
#include "alloc.h"
#include "tap.h"

/* ---- fakes: the sources, all alike ---- */

struct source {
	source_done *done;
	void *ctx;
};

static struct source *running; /* the one that was started last */
static struct buf told;
static size_t starts, fail_start, cancelled;
static struct source_context context;

static void *begin_source(
    const struct source_context *with, source_done *done, void *ctx)
{
	struct source *source = malloc(sizeof *source);

	CHECK(with == &context && running == NULL);
	if (++starts == fail_start || source == NULL) {
		free(source);
		return NULL;
	}
	*source = (struct source){done, ctx};
	running = source;
	return source;
}

static void cancel_source(void *source)
{
	if (source == NULL)
		return;
	CHECK(source == running);
	cancelled++;
	free(running);
	running = NULL;
}

struct process *process_start(const struct source_context *with,
    const char *command, source_done *done, void *ctx)
{
	buf_addf(&told, "process %s ", command);
	return begin_source(with, done, ctx);
}

void process_cancel(struct process *process)
{
	cancel_source(process);
}

struct container *container_start(
    const struct source_context *with, source_done *done, void *ctx)
{
	buf_add_text(&told, "container ");
	return begin_source(with, done, ctx);
}

void container_cancel(struct container *container)
{
	cancel_source(container);
}

struct instance *instance_start(
    const struct source_context *with, source_done *done, void *ctx)
{
	buf_add_text(&told, "instance ");
	return begin_source(with, done, ctx);
}

void instance_cancel(struct instance *instance)
{
	cancel_source(instance);
}

struct sso *sso_start(const struct source_context *with,
    const struct sso_profile *profile, source_done *done, void *ctx)
{
	buf_addf(&told, "sso %s ", profile->role_name);
	return begin_source(with, done, ctx);
}

void sso_cancel(struct sso *sso)
{
	cancel_source(sso);
}

struct sts *sts_assume(const struct source_context *with,
    const struct sts_role *role, const struct keys *keys, source_done *done,
    void *ctx)
{
	buf_addf(&told, "assume %s by %s ", role->arn, keys->id);
	return begin_source(with, done, ctx);
}

struct sts *sts_exchange(const struct source_context *with,
    const struct sts_role *role, const char *token_file, source_done *done,
    void *ctx)
{
	buf_addf(&told, "exchange %s for %s ", token_file, role->arn);
	return begin_source(with, done, ctx);
}

void sts_cancel(struct sts *sts)
{
	cancel_source(sts);
}

/* It answers and is gone. */
static void reply(enum status status, const char *id)
{
	struct keys keys = {.secret = "SECRET"};
	struct source copy;

	if (running == NULL) {
		CHECK(running != NULL);
		return;
	}
	copy = *running;
	free(running);
	running = NULL;
	(void)snprintf(keys.id, sizeof keys.id, "%s", id);
	copy.done(copy.ctx, status, status == STATUS_OK ? &keys : NULL);
}

/* ---- one plan ---- */

static struct plan plan;
static struct obtain *obtain;

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	CHECK(ctx == &plan && (status == STATUS_OK) == (keys != NULL));
	/* Whoever is answered may do so much. */
	CHECK(running == NULL);
	buf_addf(&told, "%d:%s", (int)status, keys == NULL ? "" : keys->id);
	obtain = NULL;
}

static void begin(enum plan_source source, size_t roles)
{
	static const char *const arns[PLAN_MAX_ROLES] = {
	    "R1", "R2", "R3", "R4", "R5"};

	plan = (struct plan){.source = source,
	    .keys = {.id = "BASE"},
	    .command = "cmd",
	    .token_file = "/token",
	    .web = {.arn = "WEB"},
	    .sso = {.role_name = "Reader"},
	    .role_count = roles};
	for (size_t i = 0; i < PLAN_MAX_ROLES; i++)
		plan.roles[i].arn = arns[i];
	starts = fail_start = cancelled = 0;
	buf_free(&told);
	buf_init(&told, 10000);
	/* The fakes need no memory that could be failed. */
	for (size_t i = 0; i < 1000; i++)
		buf_add_char(&told, ' ');
	buf_clear(&told);
}

static void start(enum plan_source source, size_t roles)
{
	begin(source, roles);
	obtain = obtain_start(&context, &plan, on_keys, &plan);
	CHECK(obtain != NULL && running != NULL);
}

static void finish(const char *wanted)
{
	CHECK_SLICE(buf_slice(&told), slice_from(wanted));
	CHECK(obtain == NULL && running == NULL);
	buf_free(&told);
}

TEST(each_source)
{
	static const struct {
		enum plan_source source;
		const char *told;
	} cases[] = {
	    {PLAN_PROCESS, "process cmd 0:ONE"},
	    {PLAN_WEB_IDENTITY, "exchange /token for WEB 0:ONE"},
	    {PLAN_SSO, "sso Reader 0:ONE"},
	    {PLAN_CONTAINER, "container 0:ONE"},
	    {PLAN_INSTANCE, "instance 0:ONE"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		start(cases[i].source, 0);
		reply(STATUS_OK, "ONE");
		finish(cases[i].told);
	}
}

TEST(keys_that_are_there_assume_a_role)
{
	start(PLAN_ENVIRONMENT, 1);
	reply(STATUS_OK, "ROLE");
	finish("assume R1 by BASE 0:ROLE");
	start(PLAN_PROFILE, 2);
	reply(STATUS_OK, "ONE");
	reply(STATUS_OK, "TWO");
	finish("assume R1 by BASE assume R2 by ONE 0:TWO");
}

TEST(roles_follow_the_source_in_order)
{
	start(PLAN_WEB_IDENTITY, PLAN_MAX_ROLES);
	reply(STATUS_OK, "K0");
	reply(STATUS_OK, "K1");
	reply(STATUS_OK, "K2");
	reply(STATUS_OK, "K3");
	reply(STATUS_OK, "K4");
	reply(STATUS_OK, "K5");
	finish("exchange /token for WEB assume R1 by K0 assume R2 by K1 "
	       "assume R3 by K2 assume R4 by K3 assume R5 by K4 0:K5");
}

/* The n-th answer is no keys: that ends it. */
TEST(what_fails_ends_it)
{
	static const char *const wanted[] = {"process cmd ",
	    "process cmd assume R1 by K ",
	    "process cmd assume R1 by K assume R2 by K "};
	static const enum status statuses[] = {
	    STATUS_NO_CREDENTIALS, STATUS_NO_MEMORY};

	for (size_t s = 0; s < 2; s++) {
		for (size_t n = 0; n < 3; n++) {
			char text[100];

			start(PLAN_PROCESS, 2);
			for (size_t i = 0; i < n; i++)
				reply(STATUS_OK, "K");
			reply(statuses[s], "");
			(void)snprintf(text, sizeof text, "%s%d:", wanted[n],
			    (int)statuses[s]);
			finish(text);
		}
	}
}

TEST(cancelled_wherever_it_is)
{
	for (int source = PLAN_ENVIRONMENT; source <= PLAN_INSTANCE; source++) {
		for (size_t n = 0; n < 3; n++) {
			start((enum plan_source)source, 3);
			for (size_t i = 0; i < n; i++)
				reply(STATUS_OK, "K");
			buf_clear(&told);
			obtain_cancel(obtain);
			obtain = NULL;
			CHECK(cancelled == 1);
			finish("");
		}
	}
	obtain_cancel(NULL);
}

TEST(nothing_to_be_done_is_not_done)
{
	begin(PLAN_ENVIRONMENT, 0);
	CHECK(obtain_start(&context, &plan, on_keys, &plan) == NULL);
	finish("");
}

/* A source that cannot be started. */
TEST(sources_without_memory)
{
	char text[100];

	for (int source = PLAN_ENVIRONMENT; source <= PLAN_INSTANCE; source++) {
		begin((enum plan_source)source, 1);
		fail_start = 1;
		CHECK(obtain_start(&context, &plan, on_keys, &plan) == NULL);
		buf_clear(&told);
		finish("");
	}
	start(PLAN_SSO, 2);
	fail_start = 3;
	reply(STATUS_OK, "ONE");
	buf_clear(&told);
	reply(STATUS_OK, "TWO");
	CHECK(starts == 3);
	(void)snprintf(
	    text, sizeof text, "assume R2 by TWO %d:", (int)STATUS_NO_MEMORY);
	finish(text);
}

TEST(no_memory)
{
	size_t n = 0;

	for (;; n++) {
		begin(PLAN_SSO, 1);
		alloc_fail_at(n);
		obtain = obtain_start(&context, &plan, on_keys, &plan);
		if (!alloc_failed())
			break;
		CHECK(obtain == NULL && running == NULL);
	}
	CHECK(n == 2 && obtain != NULL);
	obtain_cancel(obtain);
	obtain = NULL;
	buf_clear(&told);
	finish("");
}

/* ---- what keys depend on ---- */

static const char *uri_name, *uri;

static const char *fake_getenv(const char *name)
{
	return uri_name != NULL && strcmp(name, uri_name) == 0 ? uri : NULL;
}

static struct buf names[32];
static size_t name_count;

/* No two of these are the same. */
static void take_name(void)
{
	struct buf *name = &names[name_count];

	buf_init(name, 10000);
	obtain_identify(name, &plan, fake_getenv);
	CHECK(buf_status(name) == STATUS_OK);
	CHECK(slice_find(buf_slice(name), SLICE("SECRET")) == name->len);
	for (size_t i = 0; i < name_count; i++) {
		bool same = slice_equal(buf_slice(&names[i]), buf_slice(name));

		CHECK(!same);
		if (same)
			printf("# %zu and %zu\n", i, name_count);
	}
	name_count++;
}

static void plan_nothing(void)
{
	static const struct sts_role none = {"", "", "", 0, ""};

	plan = (struct plan){.source = PLAN_PROCESS,
	    .keys = {.secret = "SECRET", .token = "SECRET"},
	    .command = "",
	    .token_file = "",
	    .web = none,
	    .sso = {"", "", "", "", ""},
	    .profile = ""};
	for (size_t i = 0; i < PLAN_MAX_ROLES; i++)
		plan.roles[i] = none;
}

TEST(texts_that_keys_depend_on)
{
	const char **const texts[] = {&plan.command, &plan.token_file,
	    &plan.web.arn, &plan.web.session_name, &plan.sso.session,
	    &plan.sso.start_url, &plan.sso.account_id, &plan.sso.role_name};
	const char **const of_roles[] = {&plan.roles[0].arn,
	    &plan.roles[0].external_id, &plan.roles[0].session_name,
	    &plan.roles[1].arn};

	plan_nothing();
	take_name();
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		*texts[i] = "X";
		take_name();
		*texts[i] = "";
	}
	plan.role_count = 1;
	take_name();
	plan.role_count = 2;
	take_name();
	for (size_t i = 0; i < sizeof of_roles / sizeof of_roles[0]; i++) {
		*of_roles[i] = "X";
		take_name();
		*of_roles[i] = "";
	}
	plan.roles[0].duration_s = 900;
	take_name();
}

TEST(other_things_that_keys_depend_on)
{
	static const char *const variables[] = {
	    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT"};

	plan_nothing();
	memcpy(plan.keys.id, "AKIAONE", 8);
	take_name();
	for (int source = PLAN_ENVIRONMENT; source <= PLAN_INSTANCE; source++) {
		plan_nothing();
		plan.source = (enum plan_source)source;
		if (source != PLAN_PROCESS)
			take_name();
	}
	uri = "http://localhost/";
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		uri_name = variables[i];
		take_name();
	}
	/* The same text, if nothing has changed. */
	buf_init(&names[name_count], 10000);
	obtain_identify(&names[name_count], &plan, fake_getenv);
	CHECK_SLICE(
	    buf_slice(&names[name_count]), buf_slice(&names[name_count - 1]));
	CHECK(name_count > 24);
	while (name_count > 0)
		buf_free(&names[name_count--]);
	buf_free(&names[0]);
}

int main(void)
{
	return tap_run();
}
