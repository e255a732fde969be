#include "obtain.h"

#include <stdlib.h>

#include "../buf.h"
#include "container.h"
#include "instance.h"
#include "plan.h"
#include "process.h"
#include "sso.h"
#include "sts.h"

struct obtain {
	const struct source_context *context;
	const struct plan *plan;
	source_done *done;
	void *ctx;
	size_t role; /* the next to be assumed */

	/* What runs, of one of these; all others are NULL. */
	struct process *process;
	struct container *container;
	struct instance *instance;
	struct sso *sso;
	struct sts *sts;
};

static void forget(struct obtain *obtain)
{
	obtain->process = NULL;
	obtain->container = NULL;
	obtain->instance = NULL;
	obtain->sso = NULL;
	obtain->sts = NULL;
}

void obtain_cancel(struct obtain *obtain)
{
	if (obtain == NULL)
		return;
	process_cancel(obtain->process);
	container_cancel(obtain->container);
	instance_cancel(obtain->instance);
	sso_cancel(obtain->sso);
	sts_cancel(obtain->sts);
	free(obtain);
}

static void finish(
    struct obtain *obtain, enum status status, const struct keys *keys)
{
	source_done *done = obtain->done;
	void *ctx = obtain->ctx;

	free(obtain);
	done(ctx, status, status == STATUS_OK ? keys : NULL);
}

static void on_keys(void *ctx, enum status status, const struct keys *keys);

static bool assume_next(struct obtain *obtain, const struct keys *keys)
{
	const struct sts_role *role = &obtain->plan->roles[obtain->role++];

	obtain->sts = sts_assume(obtain->context, role, keys, on_keys, obtain);
	return obtain->sts != NULL;
}

/* Whoever was asked has answered, and is gone. */
static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	struct obtain *obtain = ctx;

	forget(obtain);
	if (status != STATUS_OK || obtain->role == obtain->plan->role_count)
		finish(obtain, status, keys);
	else if (!assume_next(obtain, keys))
		finish(obtain, STATUS_NO_MEMORY, NULL);
}

static bool ask(struct obtain *obtain)
{
	const struct source_context *context = obtain->context;
	const struct plan *plan = obtain->plan;

	switch (plan->source) {
	case PLAN_ENVIRONMENT:
	case PLAN_PROFILE:
		return plan->role_count > 0 && assume_next(obtain, &plan->keys);
	case PLAN_PROCESS:
		obtain->process =
		    process_start(context, plan->command, on_keys, obtain);
		return obtain->process != NULL;
	case PLAN_WEB_IDENTITY:
		obtain->sts = sts_exchange(
		    context, &plan->web, plan->token_file, on_keys, obtain);
		return obtain->sts != NULL;
	case PLAN_SSO:
		obtain->sso = sso_start(context, &plan->sso, on_keys, obtain);
		return obtain->sso != NULL;
	case PLAN_CONTAINER:
		obtain->container = container_start(context, on_keys, obtain);
		return obtain->container != NULL;
	case PLAN_INSTANCE:
		obtain->instance = instance_start(context, on_keys, obtain);
		return obtain->instance != NULL;
	}
	return false;
}

struct obtain *obtain_start(const struct source_context *context,
    const struct plan *plan, source_done *done, void *ctx)
{
	struct obtain *obtain = calloc(1, sizeof *obtain);

	if (obtain == NULL)
		return NULL;
	obtain->context = context;
	obtain->plan = plan;
	obtain->done = done;
	obtain->ctx = ctx;
	if (ask(obtain))
		return obtain;
	free(obtain);
	return NULL;
}

void obtain_identify(
    struct buf *out, const struct plan *plan, keys_getenv *getenv)
{
	static const char *const variables[] = {
	    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT"};
	const char *texts[] = {plan->command, plan->token_file, plan->web.arn,
	    plan->web.session_name, plan->sso.session, plan->sso.start_url,
	    plan->sso.account_id, plan->sso.role_name, plan->keys.id};

	buf_addf(out, "%d\n", (int)plan->source);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		buf_addf(out, "%s\n", texts[i]);
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
		const char *value = getenv(variables[i]);

		buf_addf(out, "%s\n", value == NULL ? "" : value);
	}
	for (size_t i = 0; i < plan->role_count; i++)
		buf_addf(out, "%s\n%s\n%s\n%u\n", plan->roles[i].arn,
		    plan->roles[i].external_id, plan->roles[i].session_name,
		    plan->roles[i].duration_s);
}
