#include "policy.h"

#include <string.h>

#include "buf.h"
#include "config.h"
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

static void add_model(struct buf *out, const struct config_agent *agent)
{
	struct slice model = slice_from(agent->model);
	const char *partition = policy_partition(agent->region);
	struct buf arn;

	buf_init(&arn, ARN_MAX);
	if (slice_starts(model, SLICE("arn:"))) {
		json_add_string(out, model);
		return;
	}
	if (is_profile(slice_cut(&model, '.'))) {
		buf_addf(&arn, "arn:%s:bedrock:%s:*:inference-profile/%s",
		    partition, agent->region, agent->model);
		json_add_string(out, buf_slice(&arn));
		buf_add_char(out, ',');
		buf_clear(&arn);
	} else {
		model = slice_from(agent->model);
	}
	buf_addf(&arn, "arn:%s:bedrock:*::foundation-model/%.*s", partition,
	    SLICE_ARG(model));
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
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
	} else {
		buf_add_char(&arn, '*');
	}
	json_add_string(out, buf_slice(&arn));
	buf_free(&arn);
}

static const char *actions(const struct config_agent *agent)
{
	if (agent->backend == BACKEND_AGENTCORE)
		return "\"bedrock-agentcore:InvokeAgentRuntime\"";
	if (agent->backend == BACKEND_BEDROCK)
		return "\"bedrock:InvokeModelWithResponseStream\"";
	if (strcmp(agent->service, "lambda") == 0)
		return "\"lambda:InvokeFunctionUrl\","
		       "\"lambda:InvokeFunction\"";
	if (strcmp(agent->service, "execute-api") == 0)
		return "\"execute-api:Invoke\"";
	return "\"bedrock-agentcore:InvokeGateway\"";
}

void policy_add(struct buf *out, const struct config_agent *agent)
{
	buf_addf(out,
	    "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
	    "\"Action\":[%s],\"Resource\":[",
	    actions(agent));
	add_resources(out, agent);
	buf_add_text(out, "]}]}");
}
