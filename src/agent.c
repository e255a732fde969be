#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "endpoint.h"
#include "syntax.h"

#define HOUR UINT64_C(3600000)

/* In the order of their enums. */
static const char *const backends[] = {"agentcore", "bedrock", "http", NULL};
static const char *const auths[] = {"sigv4", "bearer", "api_key", "none", NULL};
static const char *const payloads[] = {"prompt", "passthrough", NULL};
static const char *const events[] = {"raw", "normalised", NULL};
static const char *const disconnects[] = {"cancel", "continue", NULL};

#define AT(member)               offsetof(struct config_agent, member)
#define TEXT(key, text, allowed) SETTING_TEXT_ROW(#key, AT(key), text, allowed)
#define CHOICE(key, names, text) SETTING_CHOICE_ROW(#key, AT(key), names, text)
#define TIME(key, text, low, high) \
	SETTING_RANGE_ROW(#key, SETTING_DURATION, AT(key##_ms), text, low, high)

static const struct setting rows[] = {
    {CHOICE(backend, backends, "agentcore"), .later = true},
    {TEXT(arn, "", endpoint_check_arn)},
    {TEXT(qualifier, "DEFAULT", syntax_qualifier)},
    {TEXT(region, "", endpoint_check_region)},
    {TEXT(endpoint, "", endpoint_check_url)},
    {CHOICE(auth, auths, "sigv4"), .later = true, .now = 2},
    {TEXT(profile, "", NULL)},
    {CHOICE(payload, payloads, "prompt")},
    {CHOICE(events, events, "raw"), .later = true},
    {CHOICE(on_disconnect, disconnects, "cancel"), .later = true},
    /* A day: the spool is not an archive. */
    {TIME(resume_window, "60s", 0, 24 * HOUR), .later = true},
    /* Below 100ms nothing would ever succeed; no run lasts a day. */
    {TIME(first_byte_timeout, "900s", 100, 24 * HOUR)}, /* AgentCore: 15 min */
    {TIME(idle_timeout, "300s", 100, 24 * HOUR)},
    {TIME(total_timeout, "3600s", 100, 24 * HOUR)}, /* AgentCore: 60 min */
    {TIME(connect_timeout, "5s", 100, 24 * HOUR)},
    {TEXT(model, "", NULL), .later = true},
    {TEXT(system, "", NULL), .later = true},
    {TEXT(url, "", endpoint_check_url), .later = true},
    {TEXT(service, "", syntax_service), .later = true},
};

const struct setting_table agent_table = {
    .rows = rows, .len = sizeof rows / sizeof rows[0]};

struct config_agent *agent_new(struct slice name)
{
	struct config_agent *agent = calloc(1, sizeof *agent);

	if (agent == NULL)
		return NULL;
	if (setting_put_text(&agent->name, name) != STATUS_OK ||
	    setting_defaults(&agent_table, agent) != STATUS_OK) {
		agent_free(agent);
		return NULL;
	}
	return agent;
}

void agent_free(struct config_agent *agent)
{
	if (agent == NULL)
		return;
	setting_free(&agent_table, agent);
	free(agent->name);
	free(agent);
}

__attribute__((format(printf, 2, 3))) static enum status refuse(
    struct setting_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, sizeof error->text, format, args);
	va_end(args);
	return STATUS_NOT_CONFIGURED;
}

/* An address from the variable; none if it is not set. */
static enum status take_endpoint(struct config_agent *agent, config_getenv *env,
    const char *name, struct setting_error *error)
{
	struct slice value = slice_from(env(name));
	const char *allowed = endpoint_check_url(value);

	if (agent->endpoint[0] != '\0')
		return STATUS_OK;
	if (allowed != NULL)
		return refuse(
		    error, "%s in the environment must be %s", name, allowed);
	return setting_put_text(&agent->endpoint, value);
}

static enum status make_endpoint(struct config_agent *agent)
{
	struct buf made;
	enum status status;

	buf_init(&made, 256);
	endpoint_add(&made, slice_from(agent->region));
	status = buf_status(&made);
	if (status == STATUS_OK)
		status = setting_put_text(&agent->endpoint, buf_slice(&made));
	buf_free(&made);
	return status;
}

/* The order of the SDKs: our own key, the variable of the service, that of
 * all services, the address that AWS gives. */
static enum status finish_endpoint(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	struct slice ignore =
	    slice_from(env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
	enum status status = STATUS_OK;
	size_t len;

	if (!slice_equal_nocase(ignore, SLICE("true"))) {
		status = take_endpoint(
		    agent, env, "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", error);
		if (status == STATUS_OK)
			status = take_endpoint(
			    agent, env, "AWS_ENDPOINT_URL", error);
	}
	if (status == STATUS_OK && agent->endpoint[0] == '\0')
		status = make_endpoint(agent);
	if (status != STATUS_OK)
		return status;
	/* A path will be put behind it. */
	len = strlen(agent->endpoint);
	while (agent->endpoint[len - 1] == '/')
		agent->endpoint[--len] = '\0';
	return STATUS_OK;
}

static enum status finish_arn(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	struct slice value = slice_from(env("AGENT_RUNTIME_ARN"));
	const char *allowed = endpoint_check_arn(value);

	if (agent->arn[0] != '\0')
		return STATUS_OK;
	if (strcmp(agent->name, "default") != 0)
		return refuse(error,
		    "[agent %s] needs arn = the ARN of its runtime",
		    agent->name);
	if (value.len == 0)
		return refuse(error,
		    "[agent default] needs arn = the ARN of its runtime, or "
		    "AGENT_RUNTIME_ARN in the environment");
	if (allowed != NULL)
		return refuse(error,
		    "AGENT_RUNTIME_ARN in the environment must be %s", allowed);
	return setting_put_text(&agent->arn, value);
}

static enum status finish_region(
    struct config_agent *agent, struct setting_error *error)
{
	struct slice region = endpoint_region(slice_from(agent->arn));

	if (agent->region[0] == '\0')
		return setting_put_text(&agent->region, region);
	if (slice_equal(slice_from(agent->region), region))
		return STATUS_OK;
	return refuse(error,
	    "[agent %s] has region = %s, but its ARN is of %.*s: leave region "
	    "out",
	    agent->name, agent->region, SLICE_ARG(region));
}

enum status agent_finish(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	enum status status;

	if (agent->backend == BACKEND_HTTP && agent->url[0] == '\0')
		return refuse(error,
		    "[agent %s] needs url = where its service answers",
		    agent->name);
	if (agent->backend == BACKEND_BEDROCK && agent->model[0] == '\0')
		return refuse(
		    error, "[agent %s] needs model = a model id", agent->name);
	if (agent->backend != BACKEND_AGENTCORE)
		return STATUS_OK;
	status = finish_arn(agent, env, error);
	if (status == STATUS_OK)
		status = finish_region(agent, error);
	if (status == STATUS_OK)
		status = finish_endpoint(agent, env, error);
	return status;
}
