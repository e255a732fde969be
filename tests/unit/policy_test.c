#include "../../src/policy.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/config.h"
#include "../../src/json.h"
#include "alloc.h"
#include "tap.h"

static char arn[] =
    "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a-0123456789";
static char qualifier[] = "prod", region[] = "us-west-2";
static char agentcore[] = "bedrock-agentcore", bedrock[] = "bedrock";

static struct config_agent agent_of(enum config_backend backend, char *service)
{
	return (struct config_agent){.backend = backend,
	    .arn = arn,
	    .qualifier = qualifier,
	    .region = region,
	    .service = service};
}

static void check_policy(
    const struct config_agent *agent, bool bedrock_key, struct slice wanted)
{
	struct json *json = NULL;
	struct slice text;
	struct buf out;

	buf_init(&out, 10000);
	CHECK(policy_knows(agent));
	policy_add(&out, agent, bedrock_key);
	CHECK_SLICE(buf_slice(&out), wanted);
	CHECK(json_parse(buf_slice(&out), &json) == STATUS_OK);
	CHECK(json_string(json_get(json, "Version"), &text));
	CHECK_SLICE(text, SLICE("2012-10-17"));
	CHECK(json_string(
	    json_at(
		json_get(json_at(json_get(json, "Statement"), 0), "Action"), 0),
	    &text));
	json_free(json);
	buf_free(&out);
}

#define STATEMENT(actions, resources)                     \
	"{\"Effect\":\"Allow\",\"Action\":[" actions "]," \
	"\"Resource\":[" resources "]}"
#define ALL(statements) \
	"{\"Version\":\"2012-10-17\",\"Statement\":[" statements "]}"
#define TEXT(actions, resources)   ALL(STATEMENT(actions, resources))
#define POLICY(actions, resources) SLICE(TEXT(actions, resources))

TEST(for_a_runtime)
{
	struct config_agent agent = agent_of(BACKEND_AGENTCORE, agentcore);

	check_policy(&agent, false,
	    POLICY("\"bedrock-agentcore:InvokeAgentRuntime\"",
		"\"arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/"
		"a-0123456789\",\"arn:aws:bedrock-agentcore:us-west-2:"
		"123456789012:runtime/a-0123456789/runtime-endpoint/prod\""));
}

static void check_model(
    const char *name, const char *where, struct slice wanted)
{
	struct config_agent agent = agent_of(BACKEND_BEDROCK, bedrock);
	char model[200], place[40];

	(void)snprintf(model, sizeof model, "%s", name);
	(void)snprintf(place, sizeof place, "%s", where);
	agent.model = model;
	agent.region = place;
	check_policy(&agent, false, wanted);
}

#define MODEL(resources) \
	POLICY("\"bedrock:InvokeModelWithResponseStream\"", resources)

TEST(for_a_model)
{
	check_model("openai.gpt-oss-120b-1:0", "us-west-2",
	    MODEL("\"arn:aws:bedrock:us-west-2::foundation-model/"
		  "openai.gpt-oss-120b-1:0\""));
	check_model("x.y-v1:0", "us-gov-west-1",
	    MODEL(
		"\"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/x.y-v1:0\""));
	/* Without a maker's name. */
	check_model("model", "us-west-2",
	    MODEL("\"arn:aws:bedrock:us-west-2::foundation-model/model\""));
}

/* It sends requests on to the model itself, in several regions. */
TEST(for_an_inference_profile)
{
	static const char *const geographies[] = {
	    "us", "us-gov", "eu", "apac", "jp", "au", "ca", "global"};

	for (size_t i = 0; i < sizeof geographies / sizeof geographies[0];
	     i++) {
		char name[100], wanted[600];

		(void)snprintf(
		    name, sizeof name, "%s.amazon.nova:0", geographies[i]);
		(void)snprintf(wanted, sizeof wanted,
		    TEXT("\"bedrock:InvokeModelWithResponseStream\"",
			"\"arn:aws:bedrock:eu-west-1:*:inference-profile/"
			"%s.amazon.nova:0\",\"arn:aws:bedrock:*::"
			"foundation-model/amazon.nova:0\""),
		    geographies[i]);
		check_model(name, "eu-west-1", slice_from(wanted));
	}
	check_model("uk.amazon.nova:0", "eu-west-1",
	    MODEL(
		"\"arn:aws:bedrock:eu-west-1::foundation-model/uk.amazon.nova:0\""));
	check_model("us-gov.a.b", "us-gov-east-1",
	    MODEL("\"arn:aws-us-gov:bedrock:us-gov-east-1:*:"
		  "inference-profile/us-gov.a.b\","
		  "\"arn:aws-us-gov:bedrock:*::foundation-model/a.b\""));
}

/* Each by its ARN: with what it sends requests on to, if that is known. */
TEST(for_a_model_by_its_arn)
{
	check_model("arn:aws:bedrock:us-east-1:123456789012:"
		    "application-inference-profile/x",
	    "us-west-2",
	    MODEL("\"arn:aws:bedrock:us-east-1:123456789012:"
		  "application-inference-profile/x\","
		  "\"arn:aws:bedrock:*::foundation-model/*\""));
	check_model("arn:aws-us-gov:bedrock:us-gov-east-1:123456789012:"
		    "inference-profile/us-gov.x.y-v1:0",
	    "us-west-2",
	    MODEL("\"arn:aws-us-gov:bedrock:us-gov-east-1:123456789012:"
		  "inference-profile/us-gov.x.y-v1:0\","
		  "\"arn:aws-us-gov:bedrock:*::foundation-model/x.y-v1:0\""));
	check_model(
	    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x",
	    "us-west-2",
	    MODEL("\"arn:aws:bedrock:us-east-1:123456789012:"
		  "inference-profile/x\","
		  "\"arn:aws:bedrock:*::foundation-model/*\""));
	check_model("arn:aws:bedrock:us-east-1::foundation-model/x.y",
	    "us-east-1",
	    MODEL("\"arn:aws:bedrock:us-east-1::foundation-model/x.y\""));
	check_model("arn:aws:bedrock:us-east-1:123456789012:"
		    "provisioned-model/a.b",
	    "us-east-1",
	    MODEL("\"arn:aws:bedrock:us-east-1:123456789012:"
		  "provisioned-model/a.b\""));
}

#define MODEL_X                                                \
	STATEMENT("\"bedrock:InvokeModelWithResponseStream\"", \
	    "\"arn:aws:bedrock:us-west-2::foundation-model/x\"")
#define APPLY(resource) \
	STATEMENT("\"bedrock:ApplyGuardrail\"", "\"" resource "\"")
#define BEARER STATEMENT("\"bedrock:CallWithBearerToken\"", "\"*\"")

TEST(for_a_guardrail_and_for_a_bedrock_key)
{
	struct config_agent agent = agent_of(BACKEND_BEDROCK, bedrock);
	char model[] = "x", id[] = "gr1";
	char by_arn[] = "arn:aws:bedrock:eu-west-1:123456789012:guardrail/g";

	agent.model = model;
	check_policy(&agent, true, SLICE(ALL(MODEL_X "," BEARER)));
	agent.guardrail = id;
	check_policy(&agent, false,
	    SLICE(ALL(MODEL_X
		"," APPLY("arn:aws:bedrock:us-west-2:*:guardrail/gr1"))));
	agent.guardrail = by_arn;
	check_policy(&agent, true,
	    SLICE(
		ALL(MODEL_X "," APPLY("arn:aws:bedrock:eu-west-1:123456789012:"
				      "guardrail/g") "," BEARER)));
}

static void check_url(const char *service, const char *where, const char *place,
    struct slice wanted)
{
	struct config_agent agent = agent_of(BACKEND_HTTP, NULL);
	char name[40], url[200], its_region[40];

	(void)snprintf(name, sizeof name, "%s", service);
	(void)snprintf(url, sizeof url, "%s", where);
	(void)snprintf(its_region, sizeof its_region, "%s", place);
	agent.service = name;
	agent.url = url;
	agent.region = its_region;
	if (wanted.len > 0)
		check_policy(&agent, false, wanted);
	else
		CHECK(!policy_knows(&agent));
}

#define API(where) POLICY("\"execute-api:Invoke\"", "\"" where "\"")
#define NONE       SLICE("")

TEST(for_a_url)
{
	check_url("lambda", "https://x.lambda-url.us-west-2.on.aws/",
	    "us-west-2",
	    POLICY("\"lambda:InvokeFunctionUrl\",\"lambda:InvokeFunction\"",
		"\"*\""));
	check_url("execute-api",
	    "https://ab1.execute-api.us-west-2.amazonaws.com/prod?x=y",
	    "us-west-2", API("arn:aws:execute-api:us-west-2:*:ab1/*"));
	check_url("execute-api",
	    "https://ab1-vpce-02c.execute-api.cn-north-1.amazonaws.com.cn/",
	    "cn-north-1", API("arn:aws-cn:execute-api:cn-north-1:*:ab1/*"));
	check_url("execute-api", "https://api.example/", "us-west-2",
	    API("arn:aws:execute-api:us-west-2:*:*/*"));
	/* Not what its host says. */
	check_url("execute-api", "https://x.lambda-url.us-west-2.on.aws/",
	    "us-west-2", API("arn:aws:execute-api:us-west-2:*:*/*"));
}

TEST(for_a_url_of_agentcore)
{
	check_url("bedrock-agentcore",
	    "https://g-1.gateway.bedrock-agentcore.us-west-2.amazonaws.com/mcp",
	    "us-west-2",
	    POLICY("\"bedrock-agentcore:InvokeGateway\"", "\"*\""));
	check_url("bedrock-agentcore",
	    "https://bedrock-agentcore.us-west-2.amazonaws.com/runtimes/x",
	    "us-west-2",
	    POLICY("\"bedrock-agentcore:InvokeAgentRuntime\"", "\"*\""));
	check_url("bedrock-agentcore", "https://x.example/", "us-west-2", NONE);
	/* Not of its host. */
	check_url("bedrock-agentcore",
	    "https://x.example/a.gateway.bedrock-agentcore.b", "us-west-2",
	    NONE);
	check_url("s3", "https://x.example/", "us-west-2", NONE);
}

TEST(partitions)
{
	static const char *const rows[][2] = {{"us-east-1", "aws"},
	    {"eu-central-1", "aws"}, {"us-gov-east-1", "aws-us-gov"},
	    {"cn-north-1", "aws-cn"}, {"eusc-de-east-1", "aws-eusc"},
	    {"us-iso-east-1", "aws-iso"}, {"us-isob-east-1", "aws-iso-b"},
	    {"eu-isoe-west-1", "aws-iso-e"}, {"us-isof-south-1", "aws-iso-f"},
	    {"mars-north-1", "aws"}, {"", "aws"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		CHECK_SLICE(slice_from(policy_partition(rows[i][0])),
		    slice_from(rows[i][1]));
}

/* Nothing leaks; a policy that lacks a resource lets nobody in too far. */
TEST(no_memory)
{
	char model[] = "us.amazon.nova:0", guardrail[] = "g";
	bool failed = true;
	size_t n;

	for (n = 0; failed; n++) {
		struct config_agent agent = agent_of(BACKEND_BEDROCK, bedrock);
		struct buf out;

		agent.model = model;
		agent.guardrail = guardrail;
		buf_init(&out, 10000);
		alloc_fail_at(n);
		policy_add(&out, &agent, true);
		failed = alloc_failed();
		if (!failed)
			CHECK(buf_status(&out) == STATUS_OK);
		buf_free(&out);
	}
	CHECK(n > 2);
}

int main(void)
{
	return tap_run();
}
