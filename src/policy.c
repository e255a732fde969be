#include "policy.h"

#include <string.h>

#include "buf.h"
#include "config.h"
#include "endpoint.h"
#include "json.h"
#include "slice.h"

enum {
	ARN_MAX = 4096
};

const char *policy_partition(const char *region)
{
	static const char *const rows[][2] = {{"us-gov-", "aws-us-gov"},
	    {"cn-", "aws-cn"}, {"eusc-", "aws-eusc"}, {"us-iso-", "aws-iso"},
	    {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"},
	    {"us-isof-", "aws-iso-f"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (slice_starts(slice_from(region), slice_from(rows[i][0])))
			return rows[i][1];
	}
	return "aws";
}

/* "us.amazon.nova" sends requests to amazon.nova in several regions, which
 * must be allowed as well. */
static bool is_profile(struct slice geography)
{
	static const char *const known[] = {
	    "us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (slice_equal(geography, slice_from(known[i])))
			return true;
	}
	return false;
}

/* The partition that an ARN names. */
static struct slice partition_of(struct slice arn)
{
	(void)slice_cut(&arn, ':');
	return slice_cut(&arn, ':');
}

/* The models that an inference profile sends requests on to; its own name
 * tells them, unless it is the account's. */
static struct slice models_behind(struct slice arn)
{
	static const char own[] = ":inference-profile/";
	size_t at = slice_find(arn, slice_from(own));
	struct slice model = slice_skip(arn, at + sizeof own - 1);

	(void)slice_cut(&model, '.');
	if (model.len > 0)
		return model;
	if (at < arn.len ||
	    slice_find(arn, SLICE(":application-inference-profile/")) < arn.len)
		return SLICE("*");
	return SLICE("");
}

static void add_models(struct buf *out, struct slice partition,
    const char *region, struct slice model)
{
	struct buf arn;

	buf_init(&arn, ARN_MAX);
	buf_addf(&arn, "arn:%.*s:bedrock:%s::foundation-model/%.*s",
	    SLICE_ARG(partition), region, SLICE_ARG(model));
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
}

static void add_model_by_arn(struct buf *out, struct slice arn)
{
	struct slice behind = models_behind(arn);

	json_add_string(out, arn);
	if (behind.len == 0)
		return;
	buf_add_char(out, ',');
	add_models(out, partition_of(arn), "*", behind);
}

static void add_model(struct buf *out, const struct config_agent *agent)
{
	struct slice model = slice_from(agent->model);
	struct slice partition = slice_from(policy_partition(agent->region));
	struct buf arn;

	if (slice_starts(model, SLICE("arn:"))) {
		add_model_by_arn(out, model);
		return;
	}
	if (!is_profile(slice_cut(&model, '.'))) {
		add_models(
		    out, partition, agent->region, slice_from(agent->model));
		return;
	}
	buf_init(&arn, ARN_MAX);
	buf_addf(&arn, "arn:%.*s:bedrock:%s:*:inference-profile/%s",
	    SLICE_ARG(partition), agent->region, agent->model);
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
	buf_add_char(out, ',');
	add_models(out, partition, "*", model);
}

static void add_guardrail(struct buf *out, const struct config_agent *agent)
{
	struct slice guardrail = slice_from(agent->guardrail);
	struct buf arn;

	if (slice_starts(guardrail, SLICE("arn:"))) {
		json_add_string(out, guardrail);
		return;
	}
	buf_init(&arn, ARN_MAX);
	buf_addf(&arn, "arn:%s:bedrock:%s:*:guardrail/%s",
	    policy_partition(agent->region), agent->region, agent->guardrail);
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
}

static struct slice host_of(const struct config_agent *agent)
{
	struct slice rest = slice_from(agent->url);

	rest = slice_skip(rest, slice_find(rest, SLICE("//")) + 2);
	rest = slice_cut(&rest, '?');
	rest = slice_cut(&rest, '/');
	return slice_cut(&rest, ':');
}

/* A host of an endpoint in a VPC has "-vpce-..." behind the API's id. */
static struct slice api_id(const struct config_agent *agent)
{
	struct slice host = host_of(agent), region;
	const char *service;

	if (!endpoint_scope(slice_from(agent->url), &service, &region) ||
	    strcmp(service, "execute-api") != 0)
		return SLICE("*");
	host = slice_cut(&host, '.');
	return slice_cut(&host, '-');
}

static void add_resources(struct buf *out, const struct config_agent *agent)
{
	struct buf arn;

	if (agent->backend == BACKEND_BEDROCK) {
		add_model(out, agent);
		return;
	}
	buf_init(&arn, ARN_MAX);
	if (agent->backend == BACKEND_AGENTCORE) {
		json_add_string(out, slice_from(agent->arn));
		buf_addf(&arn, "%s/runtime-endpoint/%s", agent->arn,
		    agent->qualifier);
		buf_add_char(out, ',');
	} else if (strcmp(agent->service, "execute-api") == 0) {
		buf_addf(&arn, "arn:%s:execute-api:%s:*:%.*s/*",
		    policy_partition(agent->region), agent->region,
		    SLICE_ARG(api_id(agent)));
	} else {
		buf_add_char(&arn, '*');
	}
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
}

#define INVOKE_RUNTIME "\"bedrock-agentcore:InvokeAgentRuntime\""

/* NULL if they are not known. */
static const char *actions(const struct config_agent *agent)
{
	static const char before_gateways[] = ".gateway.bedrock-agentcore.";
	struct slice host = host_of(agent);

	if (agent->backend == BACKEND_AGENTCORE)
		return INVOKE_RUNTIME;
	if (agent->backend == BACKEND_BEDROCK)
		return "\"bedrock:InvokeModelWithResponseStream\"";
	if (strcmp(agent->service, "lambda") == 0)
		return "\"lambda:InvokeFunctionUrl\","
		       "\"lambda:InvokeFunction\"";
	if (strcmp(agent->service, "execute-api") == 0)
		return "\"execute-api:Invoke\"";
	if (strcmp(agent->service, "bedrock-agentcore") != 0)
		return NULL;
	if (slice_find(host, slice_from(before_gateways)) < host.len)
		return "\"bedrock-agentcore:InvokeGateway\"";
	return slice_starts(host, SLICE("bedrock-agentcore.")) ? INVOKE_RUNTIME
							       : NULL;
}

bool policy_knows(const struct config_agent *agent)
{
	return actions(agent) != NULL;
}

static void begin_statement(struct buf *out, const char *allowed)
{
	buf_addf(out, "{\"Effect\":\"Allow\",\"Action\":[%s],\"Resource\":[",
	    allowed);
}

void policy_add(
    struct buf *out, const struct config_agent *agent, bool bedrock_key)
{
	buf_add_text(out, "{\"Version\":\"2012-10-17\",\"Statement\":[");
	begin_statement(out, actions(agent));
	add_resources(out, agent);
	if (agent->backend == BACKEND_BEDROCK &&
	    slice_from(agent->guardrail).len > 0) {
		buf_add_text(out, "]},");
		begin_statement(out, "\"bedrock:ApplyGuardrail\"");
		add_guardrail(out, agent);
	}
	if (bedrock_key) {
		buf_add_text(out, "]},");
		begin_statement(out, "\"bedrock:CallWithBearerToken\"");
		buf_add_text(out, "\"*\"");
	}
	buf_add_text(out, "]}]}");
}
