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
    {CHOICE(backend, backends, "agentcore")},
    {TEXT(arn, "", endpoint_check_arn)},
    {TEXT(qualifier, "DEFAULT", syntax_qualifier)},
    {TEXT(region, "", endpoint_check_region)},
    {TEXT(endpoint, "", endpoint_check_url)},
    {CHOICE(auth, auths, "sigv4")},
    {TEXT(profile, "", NULL)},
    {TEXT(api_key_file, "", syntax_file)},
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
    {TEXT(model, "", syntax_model)},
    {TEXT(system, "", NULL)},
    /* More than any model gives; a larger number is a slip. */
    {SETTING_RANGE_ROW(
	 "max_tokens", SETTING_NUMBER, AT(max_tokens), "off", 1, 1000000),
	.off = true},
    {TEXT(temperature, "", syntax_fraction)},
    {TEXT(top_p, "", syntax_fraction)},
    {TEXT(stop, "", syntax_stop)},
    {TEXT(guardrail, "", syntax_guardrail)},
    {TEXT(guardrail_version, "DRAFT", syntax_version)},
    {TEXT(url, "", endpoint_check_target)},
    {TEXT(service, "", syntax_service)},
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

/* host is the first label of the address that AWS gives. */
static enum status make_endpoint(struct config_agent *agent, const char *host)
{
	struct buf made;
	enum status status;

	buf_init(&made, 256);
	endpoint_add(&made, host, slice_from(agent->region));
	status = buf_status(&made);
	if (status == STATUS_OK)
		status = setting_put_text(&agent->endpoint, buf_slice(&made));
	buf_free(&made);
	return status;
}

/* The order of the SDKs: our own key, the variable of the service, that of
 * all services, the address that AWS gives. */
static enum status finish_endpoint(struct config_agent *agent,
    config_getenv *env, const char *variable, const char *host,
    struct setting_error *error)
{
	struct slice ignore =
	    slice_from(env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
	enum status status = STATUS_OK;
	size_t len;

	if (!slice_equal_nocase(ignore, SLICE("true"))) {
		status = take_endpoint(agent, env, variable, error);
		if (status == STATUS_OK)
			status = take_endpoint(
			    agent, env, "AWS_ENDPOINT_URL", error);
	}
	if (status == STATUS_OK && agent->endpoint[0] == '\0')
		status = make_endpoint(agent, host);
	if (status != STATUS_OK)
		return status;
	/* A path will be put behind it. */
	len = strlen(agent->endpoint);
	while (agent->endpoint[len - 1] == '/')
		agent->endpoint[--len] = '\0';
	return STATUS_OK;
}

/* Of a service whose name is no matter of choice. */
static enum status finish_service(struct config_agent *agent,
    const char *service, struct setting_error *error)
{
	if (agent->service[0] == '\0')
		return setting_put_text(&agent->service, slice_from(service));
	if (strcmp(agent->service, service) == 0)
		return STATUS_OK;
	return refuse(error,
	    "[agent %s] has service = %s, but its backend is %s: leave "
	    "service out",
	    agent->name, agent->service, service);
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

/* region is that of what, an ARN or a host. */
static enum status finish_region(struct config_agent *agent,
    struct slice region, const char *what, struct setting_error *error)
{
	if (agent->region[0] == '\0')
		return setting_put_text(&agent->region, region);
	if (slice_equal(slice_from(agent->region), region))
		return STATUS_OK;
	return refuse(error,
	    "[agent %s] has region = %s, but its %s is of %.*s: leave region "
	    "out",
	    agent->name, agent->region, what, SLICE_ARG(region));
}

static enum status finish_agentcore(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	enum status status = finish_arn(agent, env, error);

	if (status == STATUS_OK)
		status = finish_region(agent,
		    endpoint_region(slice_from(agent->arn)), "ARN", error);
	if (status == STATUS_OK)
		status = finish_service(agent, "bedrock-agentcore", error);
	if (status == STATUS_OK)
		status = finish_endpoint(agent, env,
		    "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "bedrock-agentcore",
		    error);
	return status;
}

/* Our own key, the variables of the SDKs, the model's ARN. */
static enum status finish_model_region(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
	struct slice model = slice_from(agent->model);
	struct slice own = {0};
	enum status status = STATUS_OK;

	if (slice_starts(model, SLICE("arn:")))
		own = endpoint_region(model);
	if (endpoint_check_region(own) != NULL)
		own.len = 0;
	if (agent->region[0] == '\0')
		status = setting_put_text(&agent->region, own);
	for (size_t i = 0;
	     i < 2 && status == STATUS_OK && agent->region[0] == '\0'; i++) {
		struct slice value = slice_from(env(names[i]));
		const char *allowed = endpoint_check_region(value);

		status = allowed != NULL
		    ? refuse(error, "%s in the environment must be %s",
			  names[i], allowed)
		    : setting_put_text(&agent->region, value);
	}
	if (status != STATUS_OK)
		return status;
	if (agent->region[0] == '\0')
		return refuse(error,
		    "[agent %s] needs region = the AWS region of its model, "
		    "or AWS_REGION in the environment",
		    agent->name);
	if (own.len == 0 || slice_equal(own, slice_from(agent->region)))
		return STATUS_OK;
	return refuse(error,
	    "[agent %s] would ask region %s, but its model is of %.*s: set "
	    "region = %.*s",
	    agent->name, agent->region, SLICE_ARG(own), SLICE_ARG(own));
}

static enum status finish_bedrock(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	enum status status;

	if (agent->model[0] == '\0')
		return refuse(
		    error, "[agent %s] needs model = a model id", agent->name);
	status = finish_model_region(agent, env, error);
	if (status == STATUS_OK)
		status = finish_service(agent, "bedrock", error);
	if (status == STATUS_OK)
		status = finish_endpoint(agent, env,
		    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "bedrock-runtime",
		    error);
	return status;
}

static enum status finish_http(
    struct config_agent *agent, struct setting_error *error)
{
	enum status status = STATUS_OK;
	const char *service;
	struct slice region;

	if (agent->url[0] == '\0')
		return refuse(error,
		    "[agent %s] needs url = where its service answers",
		    agent->name);
	if (agent->auth != AUTH_SIGV4)
		return STATUS_OK;
	if (endpoint_scope(slice_from(agent->url), &service, &region)) {
		status = finish_region(agent, region, "url", error);
		if (status == STATUS_OK && agent->service[0] == '\0')
			status = setting_put_text(
			    &agent->service, slice_from(service));
		return status;
	}
	if (agent->region[0] != '\0' && agent->service[0] != '\0')
		return STATUS_OK;
	return refuse(error,
	    "[agent %s] signs its requests, but its url does not tell for "
	    "which service and region: set service and region, or auth = none",
	    agent->name);
}

static enum status check_auth(
    const struct config_agent *agent, struct setting_error *error)
{
	static const struct {
		bool auths[AUTH_NONE + 1];
		const char *words;
	} known[] = {
	    [BACKEND_AGENTCORE] = {{[AUTH_SIGV4] = true, [AUTH_BEARER] = true},
		"sigv4 or bearer"},
	    [BACKEND_BEDROCK] = {{[AUTH_SIGV4] = true, [AUTH_API_KEY] = true},
		"sigv4 or api_key"},
	    [BACKEND_HTTP] = {{true, true, true, true}, ""},
	};

	if (!known[agent->backend].auths[agent->auth])
		return refuse(error,
		    "[agent %s] has auth = %s, which backend = %s does not "
		    "take: set auth = %s",
		    agent->name, auths[agent->auth], backends[agent->backend],
		    known[agent->backend].words);
	if (agent->auth == AUTH_API_KEY && agent->api_key_file[0] == '\0')
		return refuse(error,
		    "[agent %s] has auth = api_key and needs api_key_file = "
		    "the file that holds the key",
		    agent->name);
	return STATUS_OK;
}

enum status agent_finish(
    struct config_agent *agent, config_getenv *env, struct setting_error *error)
{
	enum status status = check_auth(agent, error);

	if (status != STATUS_OK)
		return status;
	if (agent->backend == BACKEND_BEDROCK)
		return finish_bedrock(agent, env, error);
	if (agent->backend == BACKEND_HTTP)
		return finish_http(agent, error);
	return finish_agentcore(agent, env, error);
}
