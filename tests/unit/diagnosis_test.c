#include "../../src/diagnosis.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "../../src/config.h"
#include "../../src/finding.h"
#include "../../src/http.h"
#include "../../src/policy.h"
#include "../../src/refusal.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

#define NOW_S INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* ---- what is told ---- */

static struct findings findings;
static size_t tellings;
static char told[8192]; /* "level|about|what|todo\n" for each */

void finding_add(struct findings *where, enum finding_level level,
    const char *about, struct slice what, struct slice todo)
{
	static const char *const levels[] = {"ok", "warning", "failed"};
	size_t n = strlen(told);

	CHECK(where == &findings);
	tellings++;
	(void)snprintf(told + n, sizeof told - n, "%s|%s|%.*s|%.*s\n",
	    levels[level], about, SLICE_ARG(what), SLICE_ARG(todo));
}

static void forget(void)
{
	told[0] = '\0';
	tellings = 0;
}

static void check_told(struct slice wanted)
{
	CHECK_SLICE(slice_from(told), wanted);
	forget();
}

/* ---- the agents ---- */

static char arn[] =
    "arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a-0123456789";
static char qualifier[] = "prod", url[] = "https://x.example/";
static char model[] = "openai.gpt-oss-120b-1:0";
static char agentcore[] = "bedrock-agentcore", bedrock[] = "bedrock";
static char lambda[] = "lambda", storage[] = "s3", region[] = "us-west-2";

static struct config_agent agent_of(enum config_backend backend, char *service)
{
	return (struct config_agent){.backend = backend,
	    .arn = arn,
	    .qualifier = qualifier,
	    .region = region,
	    .url = url,
	    .model = model,
	    .service = service};
}

static struct config_agent runtime(void)
{
	return agent_of(BACKEND_AGENTCORE, agentcore);
}

/* ---- a look ---- */

static struct refusal refusal;
static bool bedrock_key; /* of the next look */

static struct diagnosis_look look_at(const struct config_agent *agent)
{
	return (struct diagnosis_look){.agent = agent,
	    .about = "agent x: service",
	    .date_s = -1,
	    .now_s = NOW_S,
	    .bedrock_key = bedrock_key};
}

/* An answer; its refusal is read as examine does. */
static void answer(const struct config_agent *agent, unsigned http,
    const char *type, const char *body)
{
	struct diagnosis_look look = look_at(agent);
	char lines[200];
	struct http_head head = {.status = http};

	(void)snprintf(lines, sizeof lines, "x-amzn-errortype: %s\r\n", type);
	head.lines = slice_from(lines);
	refusal_begin(&refusal, &head);
	refusal_add(&refusal, slice_from(body));
	refusal_end(&refusal, true);
	look.http = http;
	look.refusal = &refusal;
	diagnosis_of_look(&findings, &look);
	refusal_free(&refusal);
}

static void fail(const struct config_agent *agent, enum status error,
    const char *said, const char *what, const char *todo)
{
	struct diagnosis_look look = look_at(agent);
	char wanted[1000];

	look.error = error;
	look.said = slice_from(said);
	/* Nobody was there to say the time. */
	look.date_s = 0;
	diagnosis_of_look(&findings, &look);
	(void)snprintf(wanted, sizeof wanted, "failed|agent x: service|%s|%s\n",
	    what, todo);
	check_told(slice_from(wanted));
	/* Nor does a question get any further. */
	diagnosis_of_answer(&findings, &look);
	check_told(slice_from(wanted));
}

TEST(no_answer)
{
	struct config_agent agent = runtime();

	/* Without words of the log, those of its row. */
	fail(&agent, STATUS_UPSTREAM_UNREACHABLE, "",
	    "The agent could not be reached.",
	    "look at the endpoint's name, DNS, routes and firewalls");
	fail(&agent, STATUS_UPSTREAM_UNTRUSTED, "the log's words",
	    "the log's words", "look at ca_file and the endpoint");
	fail(&agent, STATUS_UPSTREAM_TIMEOUT, "two\nlines", "two\nlines",
	    "there is a connection, but no answer: look at what listens "
	    "there, proxies included");
	fail(&agent, STATUS_UPSTREAM_EMPTY, "x", "x",
	    "what listens there is no HTTP service, or wants TLS: look at "
	    "endpoint or url, and its log");
	fail(&agent, STATUS_UPSTREAM_CUT, "", "The agent's answer broke off.",
	    "look at endpoint or url, and at the service's own log; with "
	    "log_level = debug, agentcgi invoke shows its words");
}

TEST(no_connection)
{
	static const struct {
		int number;
		const char *words; /* of what to do */
	} rows[] = {
	    {5, "HTTPS_PROXY"},
	    {6, "DNS does not know the host"},
	    {7, "nothing listens there"},
	    {28, "routes and firewalls"},
	    {35, "speaks no TLS"},
	    {60, "ca_file, or AWS_CA_BUNDLE"},
	    {77, "cannot be read, or holds no certificates"},
	    {52, "look at the endpoint's name"},
	};
	struct config_agent agent = runtime();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct diagnosis_look look = look_at(&agent);
		char said[100], begin[200];

		(void)snprintf(said, sizeof said, "no luck (curl error %d)",
		    rows[i].number);
		(void)snprintf(
		    begin, sizeof begin, "failed|agent x: service|%s|", said);
		look.error = STATUS_UPSTREAM_UNREACHABLE;
		look.said = slice_from(said);
		diagnosis_of_look(&findings, &look);
		CHECK(tellings == 1);
		CHECK(slice_starts(slice_from(told), slice_from(begin)));
		CHECK(strstr(told, rows[i].words) != NULL);
		forget();
	}
}

#define ACCEPTED                                                    \
	"ok|agent x: service|the service answers, and accepts the " \
	"signature|"
/* Of a model; that of a runtime tells less. */
#define GOOD      ACCEPTED "\n"
#define MORE      "--invoke tells whether the keys may InvokeAgentRuntime"
#define KEYS_GOOD ACCEPTED MORE "\n"

TEST(a_success)
{
	struct config_agent agents[] = {
	    runtime(), agent_of(BACKEND_BEDROCK, bedrock)};

	for (size_t i = 0; i < 2; i++) {
		struct diagnosis_look look = look_at(&agents[i]);

		/* Then there is no refusal. */
		look.http = i == 0 ? 200 : 299;
		diagnosis_of_look(&findings, &look);
		check_told(i == 0 ? SLICE(KEYS_GOOD) : SLICE(GOOD));
		look.asks = true;
		diagnosis_of_look(&findings, &look);
		check_told(SLICE(GOOD));
	}
}

/* ---- the clock ---- */

static void check_clock(int64_t date_s, const char *wanted)
{
	struct config_agent agent = runtime();
	struct diagnosis_look look = look_at(&agent);
	char all[500];

	look.http = 200;
	look.date_s = date_s;
	diagnosis_of_look(&findings, &look);
	(void)snprintf(all, sizeof all, "%s%s", wanted, KEYS_GOOD);
	check_told(slice_from(all));
}

#define CLOCK(level, words)                                             \
	level "|clock|this machine's clock is " words " the service's|" \
	      "let NTP set it: signatures are good for 5 minutes\n"

TEST(the_clock)
{
	check_clock(-1, "");
	check_clock(NOW_S, "");
	check_clock(NOW_S + 59, "");
	check_clock(NOW_S - 59, "");
	check_clock(NOW_S + 60, CLOCK("warning", "60 s behind"));
	check_clock(NOW_S - 60, CLOCK("warning", "60 s ahead of"));
	check_clock(NOW_S + 239, CLOCK("warning", "239 s behind"));
	check_clock(NOW_S - 239, CLOCK("warning", "239 s ahead of"));
	check_clock(NOW_S + 240, CLOCK("failed", "240 s behind"));
	check_clock(NOW_S - 240, CLOCK("failed", "240 s ahead of"));
	check_clock(0, CLOCK("failed", "1767225600 s ahead of"));
}

/* ---- refusals of a runtime ---- */

#define ATTACH "attach the policy above to whoever the keys belong to"
#define OWNER  "the IAM user or role that the Bedrock key belongs to"
#define LACK   "failed|agent x: service|403: the keys lack a permission|"

TEST(keys_without_a_permission)
{
	struct config_agent agent = runtime();

	answer(&agent, 403, "AccessDeniedException",
	    "{\"message\":\"User: x is not authorized to perform: "
	    "bedrock-agentcore:InvokeAgentRuntime\"}");
	check_told(SLICE(LACK ATTACH "\n"));
	answer(&agent, 403, "AccessDeniedException",
	    "{\"message\":\"StopRuntimeSession, InvokeAgentRuntime\"}");
	check_told(SLICE(LACK ATTACH "\n"));
	answer(&agent, 403, "", "");
	check_told(SLICE(LACK ATTACH "\n"));
}

#define MAY_NOT_STOP                                            \
	"{\"message\":\"User: x is not authorized to perform: " \
	"bedrock-agentcore:StopRuntimeSession on resource: y"
#define NO_STOP                                                     \
	"ok|agent x: service|the service knows the keys; they may " \
	"not StopRuntimeSession, by which this was seen, and need not|"

/* Whether they may invoke is not known then. */
TEST(the_permission_that_only_the_look_needs)
{
	struct config_agent agent = runtime();

	answer(&agent, 403, "AccessDeniedException", MAY_NOT_STOP "\"}");
	check_told(SLICE(NO_STOP MORE "\n"));
	answer(&agent, 403, "AccessDeniedException",
	    MAY_NOT_STOP " with an explicit deny in a policy\"}");
	check_told(SLICE(NO_STOP MORE "\n"));
	/* No other service knows it. */
	agent = agent_of(BACKEND_BEDROCK, bedrock);
	answer(&agent, 403, "AccessDeniedException", MAY_NOT_STOP "\"}");
	check_told(SLICE(LACK ATTACH "\n"));
	bedrock_key = true;
	answer(&agent, 403, "AccessDeniedException", MAY_NOT_STOP "\"}");
	bedrock_key = false;
	check_told(SLICE(LACK "attach the policy above to " OWNER "\n"));
}

#define NO_AGENT                                                       \
	"failed|agent x: service|404: there is no such agent|look at " \
	"the ARN, the qualifier and the region\n"
#define NO_MODEL                                                       \
	"failed|agent x: service|404: there is no such model|look at " \
	"model and region\n"

static void check_missing(const char *message, struct slice wanted)
{
	struct config_agent agent = runtime();
	char body[300];

	(void)snprintf(body, sizeof body, "{\"message\":\"%s\"}", message);
	answer(&agent, 404, "ResourceNotFoundException", body);
	check_told(wanted);
}

TEST(what_is_not_found)
{
	struct config_agent agent = agent_of(BACKEND_BEDROCK, bedrock);

	check_missing("", SLICE(NO_AGENT));
	check_missing("No endpoint or agent found", SLICE(NO_AGENT));
	/* It was a session that nobody has. */
	check_missing("Session not found", SLICE(KEYS_GOOD));
	check_missing("No such session", SLICE(KEYS_GOOD));
	/* An agent may have any name. */
	check_missing("No agent arn:aws:bedrock-agentcore:us-west-2:"
		      "123456789012:runtime/sessions-0123456789 found",
	    SLICE(NO_AGENT));
	answer(&agent, 404, "ResourceNotFoundException",
	    "{\"message\":\"Session not found\"}");
	check_told(SLICE(NO_MODEL));
}

static void check_refusal(unsigned http, const char *type, const char *message,
    const char *level, const char *todo)
{
	struct config_agent agent = runtime();
	char body[500], wanted[700];

	(void)snprintf(body, sizeof body, "{\"message\":\"%s\"}", message);
	answer(&agent, http, type, body);
	(void)snprintf(wanted, sizeof wanted, "%s|agent x: service|%u%s%s|%s\n",
	    level, http, type[0] == '\0' ? "" : " ", type, todo);
	check_told(slice_from(wanted));
}

TEST(refusals_that_say_why)
{
	check_refusal(403, "ExpiredTokenException", "", "failed",
	    "the keys have expired: renew them at their source");
	check_refusal(403, "InvalidSignatureException", "Signature expired: x",
	    "failed", "this machine's clock is wrong: let NTP set it");
	check_refusal(403, "UnrecognizedClientException", "", "failed",
	    "there are no keys of this id, in this partition of AWS, or the "
	    "session token that belongs to them is missing or of others");
	check_refusal(403, "InvalidSignatureException", "", "failed",
	    "the secret key is not that of the key id, or something on the "
	    "way changes requests");
	check_refusal(403, "SignatureDoesNotMatch", "", "failed",
	    "the key id is unknown there, or the secret is not its: look at "
	    "both, and at the region");
	check_refusal(400, "ValidationException",
	    "This runtime is not MMDSv2-enabled", "failed",
	    "the runtime must be updated to MMDSv2: set requireMMDSV2 = true "
	    "in its metadata configuration");
	check_refusal(403, "AccessDeniedException",
	    "Authorization method mismatch: (OAuth or SigV4)", "failed",
	    "the runtime takes a bearer token (JWT), no signature: set auth = "
	    "bearer, or create it without a JWT authorizer");
	check_refusal(403, "InvalidSignatureException",
	    "Credential should be scoped to a valid region.", "failed",
	    "the endpoint is of another region or service than the ARN, "
	    "region or service says: take endpoint out of the configuration, "
	    "or AWS_ENDPOINT_URL... out of the environment");
	check_refusal(403, "AccessDeniedException",
	    "with an explicit deny in a service control policy", "failed",
	    "a policy denies it, perhaps one of the organisation or of a VPC "
	    "endpoint: no policy that allows it helps against that one");
}

TEST(refusals_that_do_not)
{
	static const char quota[] =
	    "a quota of the account is used up: try again, look for "
	    "sessions that idle, and at Service Quotas";
	static const char trouble[] =
	    "the service itself is in trouble: try again, and look at "
	    "health.aws.amazon.com";
	static const char other[] =
	    "look at endpoint or url, and at the service's own log; with "
	    "log_level = debug, agentcgi invoke shows its words";

	check_refusal(429, "ThrottlingException", "", "warning", quota);
	check_refusal(
	    402, "ServiceQuotaExceededException", "", "warning", quota);
	check_refusal(500, "InternalServerException", "", "failed", trouble);
	check_refusal(503, "", "", "failed", trouble);
	check_refusal(424, "RuntimeClientError", "", "failed",
	    "the agent's own code failed or did not start: read its log (of "
	    "AgentCore: in CloudWatch, /aws/bedrock-agentcore/runtimes/)");
	check_refusal(400, "ValidationException", "bad", "failed", other);
	check_refusal(301, "", "", "failed", other);
}

TEST(a_runtime_that_takes_tokens)
{
	struct config_agent agent = runtime();

	agent.auth = AUTH_BEARER;
	answer(&agent, 401, "UnauthorizedException", "");
	check_told(SLICE("ok|agent x: service|the service answers; callers "
			 "bring their token|\n"));
	answer(&agent, 403, "AccessDeniedException", "");
	check_told(SLICE("failed|agent x: service|403 without a token, where a "
			 "runtime that takes one says 401|if the runtime takes "
			 "signed requests, set auth = sigv4\n"));
	answer(&agent, 404, "ResourceNotFoundException", "");
	check_told(SLICE(NO_AGENT));
}

/* ---- the other services ---- */

#define MODEL(message, wanted)                             \
	do {                                               \
		answer(&agent, 400, "ValidationException", \
		    "{\"message\":\"" message "\"}");      \
		check_told(SLICE(wanted));                 \
	} while (0)
#define BAD_MODEL "failed|agent x: service|400 ValidationException|"

TEST(a_model_that_is_not_asked_anything)
{
	struct config_agent agent = agent_of(BACKEND_BEDROCK, bedrock);

	MODEL("A conversation must start with a user message.", GOOD);
	MODEL("The provided model identifier is invalid.",
	    BAD_MODEL "there is no such model in this region: look at model "
		      "and region\n");
	MODEL("Invocation of model ID x with on-demand throughput isn't "
	      "supported.",
	    BAD_MODEL "this model is used by an inference profile: set model "
		      "to its id, such as us.MODEL\n");
	answer(&agent, 400, "ExpiredToken", "");
	check_told(SLICE("failed|agent x: service|400 ExpiredToken|the keys "
			 "have expired: renew them at their source\n"));
	answer(&agent, 403, "AccessDeniedException",
	    "{\"message\":\"You don't have access to the model with the "
	    "specified model ID.\"}");
	check_told(SLICE("failed|agent x: service|403 AccessDeniedException|"
			 "ask for access to the model: Model access, in "
			 "Bedrock's console\n"));
	agent.auth = AUTH_API_KEY;
	answer(&agent, 403, "AccessDeniedException",
	    "{\"Message\":\"Please make sure your API Key is valid.\"}");
	check_told(
	    SLICE("failed|agent x: service|403 AccessDeniedException|"
		  "the API key is wrong or has expired: make another\n"));
}

/* Whether it takes our requests, only a request would tell. */
TEST(any_answer_of_a_url)
{
	struct config_agent agent = agent_of(BACKEND_HTTP, lambda);
	static const unsigned answers[] = {
	    200, 204, 301, 401, 403, 404, 405, 500, 501, 505};

	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		agent.auth = i % 2 == 0 ? AUTH_SIGV4 : AUTH_BEARER;
		answer(&agent, answers[i], "AccessDeniedException", "");
		check_told(SLICE("ok|agent x: service|the server answers "
				 "(--invoke tells whether it takes our "
				 "requests)|\n"));
	}
	for (unsigned http = 502; http <= 504; http++) {
		char wanted[200];

		answer(&agent, http, "", "");
		(void)snprintf(wanted, sizeof wanted,
		    "warning|agent x: service|%u: a proxy answers, not the "
		    "server behind it|look whether the server behind url "
		    "runs\n",
		    http);
		check_told(slice_from(wanted));
	}
}

/* ---- a question ---- */

static void ask(const struct config_agent *agent, enum refusal_cause cause)
{
	struct refusal one = {.cause = cause};
	struct diagnosis_look look = look_at(agent);
	char said[500];

	(void)snprintf(said, sizeof said,
	    "request=a upstream answered 403 Name%s", refusal_advice(&one));
	look.error = STATUS_UPSTREAM_DENIED;
	look.said = slice_from(said);
	diagnosis_of_answer(&findings, &look);
}

#define ANSWERED "request=a upstream answered 403 Name"
#define DENIED   "failed|agent x: service|" ANSWERED "|"

/* What the log says is told once, not twice. */
TEST(a_question_that_is_refused)
{
	struct config_agent agent = runtime();

	for (int i = REFUSAL_EXPIRED; i <= REFUSAL_UNKNOWN; i++) {
		struct refusal one = {.cause = (enum refusal_cause)i};
		char wanted[500];

		if (i == REFUSAL_PERMISSION)
			continue;
		ask(&agent, one.cause);
		/* It was signed. */
		if (i == REFUSAL_MISMATCH)
			one.cause = REFUSAL_WANTS_TOKEN;
		(void)snprintf(wanted, sizeof wanted,
		    "failed|agent x: service|" ANSWERED "|%s\n",
		    refusal_advice(&one) + 2);
		check_told(slice_from(wanted));
	}
	ask(&agent, REFUSAL_OTHER);
	check_told(SLICE("failed|agent x: service|" ANSWERED
			 "|look at endpoint or url, and at the service's own "
			 "log; with log_level = debug, agentcgi invoke shows "
			 "its words\n"));
}

TEST(a_question_that_is_not_allowed)
{
	static const struct {
		enum config_auth auth;
		const char *todo;
	} rows[] = {
	    {AUTH_BEARER, "the caller's token may not"},
	    {AUTH_API_KEY, "look at whom the key in api_key_file belongs to"},
	    {AUTH_NONE, "it wants to know who asks: set auth"},
	};
	struct config_agent agent = runtime();

	ask(&agent, REFUSAL_PERMISSION);
	check_told(SLICE(DENIED ATTACH "\n"));
	agent = agent_of(BACKEND_HTTP, lambda);
	ask(&agent, REFUSAL_PERMISSION);
	check_told(SLICE(DENIED ATTACH "\n"));
	agent.service = storage;
	ask(&agent, REFUSAL_PERMISSION);
	check_told(SLICE(DENIED "allow the keys whatever action s3 wants for "
				"this address\n"));
	bedrock_key = true;
	agent = agent_of(BACKEND_BEDROCK, bedrock);
	ask(&agent, REFUSAL_CALLER);
	bedrock_key = false;
	check_told(SLICE(DENIED "attach the policy above to " OWNER "\n"));
	agent = runtime();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char wanted[200];

		agent.auth = rows[i].auth;
		ask(&agent, REFUSAL_PERMISSION);
		(void)snprintf(wanted, sizeof wanted,
		    "failed|agent x: service|" ANSWERED "|%s\n", rows[i].todo);
		check_told(slice_from(wanted));
	}
}

TEST(an_agent_that_was_reached)
{
	static const struct {
		enum status error;
		const char *limit;
	} rows[] = {
	    {STATUS_AGENT_FAILED, NULL},
	    {STATUS_UPSTREAM_EMPTY, NULL},
	    {STATUS_UPSTREAM_TIMEOUT, "idle_timeout"},
	};
	struct config_agent agent = runtime();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct diagnosis_look look = look_at(&agent);

		look.error = rows[i].error;
		look.limit = rows[i].limit;
		diagnosis_of_answer(&findings, &look);
		CHECK(slice_starts(slice_from(told),
		    SLICE("failed|agent x: service|The agent ")));
		CHECK(strstr(told, "|read the agent's own log") != NULL);
		CHECK((strstr(told, ", or set idle_timeout higher\n") !=
			  NULL) == (rows[i].limit != NULL));
		forget();
	}
}

/* ---- the settings ---- */

TEST(the_target)
{
	struct config_agent agent = agent_of(BACKEND_HTTP, lambda);
	struct diagnosis_look look = look_at(&agent);
	char with_secret[] = "https://x.example/y?code=1";
	char none[] = "", china[] = "cn-north-1";

	agent.arn = none;
	agent.url = with_secret;
	diagnosis_of_target(&findings, &look);
	check_told(SLICE("ok|agent x: service|HTTP in us-west-2 at "
			 "https://x.example/y|\n"));
	agent = runtime();
	agent.endpoint = url;
	agent.region = china;
	diagnosis_of_target(&findings, &look);
	check_told(
	    SLICE("failed|agent x: service|AgentCore in cn-north-1 at "
		  "https://x.example/, but a region of partition aws-cn is "
		  "not that of the ARN|copy the ARN once more from where the "
		  "runtime is\n"));
}

/* what, and then the policy, which has a test of its own. */
static void check_policy(const struct config_agent *agent, const char *what)
{
	struct diagnosis_look look = look_at(agent);
	char wanted[2000];
	struct buf policy;

	diagnosis_of_policy(&findings, &look);
	buf_init(&policy, 1000);
	policy_add(&policy, agent, bedrock_key);
	CHECK(policy.len > 0);
	(void)snprintf(wanted, sizeof wanted,
	    "ok|agent x: service|the smallest policy that %s:\n%.*s|\n", what,
	    SLICE_ARG(buf_slice(&policy)));
	check_told(slice_from(wanted));
	buf_free(&policy);
}

TEST(the_policy)
{
	struct config_agent agent = runtime();
	struct diagnosis_look look = look_at(&agent);

	check_policy(&agent, "its keys need");
	agent.auth = AUTH_BEARER;
	diagnosis_of_policy(&findings, &look);
	agent = agent_of(BACKEND_HTTP, storage);
	diagnosis_of_policy(&findings, &look);
	CHECK(tellings == 0);
	agent = agent_of(BACKEND_HTTP, lambda);
	check_policy(
	    &agent, "its keys need (name the one resource in place of *)");
	bedrock_key = true;
	agent = agent_of(BACKEND_BEDROCK, bedrock);
	check_policy(&agent, OWNER " needs");
	agent.auth = AUTH_API_KEY;
	check_policy(&agent, OWNER " needs");
	bedrock_key = false;
}

/* ---- without memory ---- */

/* Something is told whatever happens, and as a failure. */
TEST(no_memory)
{
	struct config_agent agent = runtime();
	struct http_head head = {.status = 403};
	struct diagnosis_look look = look_at(&agent);
	bool failed = true;
	size_t n;

	refusal_begin(&refusal, &head);
	refusal_end(&refusal, true);
	look.http = 403;
	look.refusal = &refusal;
	look.date_s = NOW_S + 1000;
	for (n = 0; failed; n++) {
		alloc_fail_at(n);
		diagnosis_of_look(&findings, &look);
		failed = alloc_failed();
		CHECK(tellings == 2);
		CHECK(slice_starts(slice_from(told), SLICE("failed|clock|")));
		CHECK(strstr(told, "\nfailed|agent x: service|") != NULL);
		forget();
	}
	CHECK(n > 2);
	refusal_free(&refusal);
}

int main(void)
{
	return tap_run();
}
