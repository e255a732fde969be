#include "diagnosis.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config.h"
#include "finding.h"
#include "policy.h"
#include "refusal.h"

enum {
	TEXT_MAX = 16 << 10,
	/* AWS refuses signatures that are 5 minutes off. */
	SKEW_FAILS_S = 240,
	SKEW_WARNS_S = 60
};

/* ---- what is known to go wrong ---- */

/* What to do about a permission that is missing. */
static void add_advice(struct buf *out, const struct config_agent *agent)
{
	static const char *const others[] = {
	    [AUTH_BEARER] = "the caller's token may not",
	    [AUTH_API_KEY] = "look at whom the key in api_key_file belongs to",
	    [AUTH_NONE] = "it wants to know who asks: set auth",
	};

	if (agent->auth != AUTH_SIGV4) {
		buf_add_text(out, others[agent->auth]);
		return;
	}
	buf_addf(out,
	    "the smallest policy to attach to whoever the keys belong to%s:\n",
	    agent->backend == BACKEND_HTTP
		? " (name the one resource in place of *)"
		: "");
	policy_add(out, agent);
}

struct known {
	const char *words;
	const char *todo;
};

static const char *todo_of(
    const struct known *rows, size_t count, struct slice text)
{
	for (size_t i = 0; i < count; i++) {
		struct slice words = slice_from(rows[i].words);

		if (slice_find(text, words) < text.len)
			return rows[i].todo;
	}
	return NULL;
}

/* Of no connection, by libcurl's number, as multi.c logs it: those have not
 * changed in twenty years. */
static const struct known connections[] = {
    {"(curl error 5)", "DNS knows no proxy of the name in HTTPS_PROXY"},
    {"(curl error 6)",
	"DNS does not know the host: look at the region, at endpoint or url, "
	"and at this machine's DNS (/etc/resolv.conf)"},
    {"(curl error 7)",
	"nothing listens there, or a firewall refuses: look at endpoint or "
	"url, routes and firewalls; in a VPC without Internet, at its "
	"interface endpoint"},
    {"(curl error 28)",
	"nothing answers there: look at routes and firewalls, and whether "
	"HTTPS_PROXY is needed"},
    {"(curl error 35)",
	"what listens there speaks no TLS, or none that this machine takes: "
	"look at endpoint or url, and whether it is to be http://"},
    {"(curl error 60)",
	"the certificate is of an authority that is not trusted here, has "
	"expired, or is for another name than the endpoint's; openssl "
	"s_client -connect HOST:PORT shows it. Set ca_file, or AWS_CA_BUNDLE, "
	"to the bundle that has its authority (a proxy that inspects TLS has "
	"one of its own)"},
    {"(curl error 77)",
	"ca_file, AWS_CA_BUNDLE or SSL_CERT_FILE names a file that cannot be "
	"read, or holds no certificates"},
};

/* Of refusals that say too little, or the wrong thing, by their name. */
static const struct known refusals[] = {
    {"Credential should be scoped",
	"the endpoint is of another region or service than the ARN, region or "
	"service says: take endpoint out of the configuration, or "
	"AWS_ENDPOINT_URL... out of the environment"},
    {"model identifier is invalid",
	"there is no such model in this region: look at model and region"},
    {"on-demand throughput",
	"this model is used by an inference profile: set model to its id, "
	"such as us.MODEL"},
    {"access to the model",
	"ask for access to the model: Model access, in Bedrock's console"},
    {"API Key is valid", "the API key is wrong or has expired: make another"},
    {"explicit deny",
	"a policy denies it, perhaps one of the organisation or of a VPC "
	"endpoint: no policy that allows it helps against that one"},
};

#define TODO_OF(rows, text) \
	todo_of(rows, sizeof(rows) / sizeof((rows)[0]), text)

static const struct {
	enum status status;
	const char *todo;
} failures[] = {
    {STATUS_UPSTREAM_UNREACHABLE,
	"look at the endpoint's name, DNS, routes and firewalls"},
    {STATUS_UPSTREAM_UNTRUSTED, "look at ca_file and the endpoint"},
    {STATUS_UPSTREAM_TIMEOUT,
	"there is a connection, but no answer: look at what listens there, "
	"proxies included"},
    {STATUS_UPSTREAM_EMPTY,
	"what listens there is no HTTP service, or wants TLS: look at "
	"endpoint or url, and its log"},
    {STATUS_UPSTREAM_NOT_FOUND,
	"look at the ARN, the qualifier, the model or the URL, and the region"},
    {STATUS_UPSTREAM_THROTTLED,
	"402 and 429 mean a quota: look at Service Quotas, at sessions that "
	"idle, and try again"},
    {STATUS_AGENT_FAILED,
	"the agent's own code failed or did not start: read its log (of "
	"AgentCore: in CloudWatch, /aws/bedrock-agentcore/runtimes/)"},
};

static const char *todo_of_status(enum status status)
{
	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
		if (failures[i].status == status)
			return failures[i].todo;
	}
	return "look at endpoint or url, and at the service's own log; with "
	       "log_level = debug, agentcgi invoke shows its words";
}

/* ---- one look ---- */

static void add(struct findings *findings, enum finding_level level,
    const struct diagnosis_look *look, const char *what, const char *todo)
{
	finding_add(
	    findings, level, look->about, slice_from(what), slice_from(todo));
}

static void judge_clock(
    struct findings *findings, const struct diagnosis_look *look)
{
	int64_t skew_s = look->date_s - look->now_s;
	struct buf text;

	if (look->date_s < 0 || llabs(skew_s) < SKEW_WARNS_S)
		return;
	buf_init(&text, TEXT_MAX);
	buf_addf(&text, "this machine's clock is %lld s %s the service's",
	    llabs(skew_s), skew_s > 0 ? "behind" : "ahead of");
	finding_add(findings,
	    llabs(skew_s) < SKEW_FAILS_S ? FINDING_WARNING : FINDING_FAILED,
	    "clock", buf_slice(&text),
	    SLICE("let NTP set it: signatures are good for 5 minutes"));
	buf_free(&text);
}

static void judge_transport(struct findings *findings, const char *about,
    enum status status, struct slice said)
{
	const char *todo = TODO_OF(connections, said);

	if (todo == NULL)
		todo = todo_of_status(status);
	if (said.len == 0)
		said = slice_from(status_row(status)->words);
	finding_add(findings, FINDING_FAILED, about, said, slice_from(todo));
}

static bool says(const struct refusal *refusal, const char *words)
{
	struct slice body = buf_slice(&refusal->body);

	return slice_find(body, slice_from(words)) < body.len;
}

static void judge_permission(
    struct findings *findings, const struct diagnosis_look *look)
{
	/* The look itself needs one that nothing else does. */
	bool stop = look->agent->backend == BACKEND_AGENTCORE &&
	    says(look->refusal, "StopRuntimeSession") &&
	    !says(look->refusal, "InvokeAgentRuntime");
	struct buf todo;

	buf_init(&todo, TEXT_MAX);
	if (stop)
		buf_add_text(&todo, "if --invoke fails with 403, ");
	add_advice(&todo, look->agent);
	finding_add(findings, stop ? FINDING_OK : FINDING_FAILED, look->about,
	    stop ? SLICE("the service knows the keys; they may not "
			 "StopRuntimeSession, by which this was seen, and need "
			 "not")
		 : SLICE("403: the keys lack a permission"),
	    buf_slice(&todo));
	buf_free(&todo);
}

static const char accepted[] = "the service answers, and accepts the signature";

/* Whether it is the session that is unknown: the agent's name, which may be
 * made of any words, is in its ARN. */
static bool misses_session(const struct refusal *refusal)
{
	struct slice rest = buf_slice(&refusal->body);

	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');

		if (slice_find(word, SLICE("arn:")) == word.len &&
		    slice_find(word, SLICE("ession")) < word.len)
			return true;
	}
	return false;
}

static void judge_unknown(
    struct findings *findings, const struct diagnosis_look *look)
{
	if (look->agent->backend == BACKEND_AGENTCORE &&
	    misses_session(look->refusal))
		add(findings, FINDING_OK, look, accepted, "");
	else
		add(findings, FINDING_FAILED, look,
		    "404: there is no such agent",
		    todo_of_status(STATUS_UPSTREAM_NOT_FOUND));
}

/* Of no cause that has words of its own. */
static void judge_rest(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct refusal *refusal = look->refusal;
	enum status status =
	    refusal_status(refusal, look->agent->auth == AUTH_BEARER);
	enum finding_level level = FINDING_FAILED;
	const char *todo = TODO_OF(refusals, buf_slice(&refusal->body));
	struct buf what;

	if (todo == NULL && refusal->cause != REFUSAL_OTHER)
		todo = refusal_advice(refusal) + strlen(": ");
	if (todo == NULL && refusal->http >= 500)
		todo = "the service itself is in trouble: try again, and look "
		       "at health.aws.amazon.com";
	if (todo == NULL)
		todo = todo_of_status(status);
	/* Others were served meanwhile. */
	if (status == STATUS_UPSTREAM_THROTTLED)
		level = FINDING_WARNING;
	buf_init(&what, TEXT_MAX);
	buf_addf(&what, "%u%s%s", refusal->http,
	    refusal->type[0] == '\0' ? "" : " ", refusal->type);
	finding_add(
	    findings, level, look->about, buf_slice(&what), slice_from(todo));
	buf_free(&what);
}

static void judge_refusal(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct refusal *refusal = look->refusal;
	bool known = TODO_OF(refusals, buf_slice(&refusal->body)) != NULL;

	if (refusal->cause == REFUSAL_UNKNOWN)
		judge_unknown(findings, look);
	else if (refusal->cause == REFUSAL_PERMISSION && !known)
		judge_permission(findings, look);
	/* An empty conversation is found only by who let it in. */
	else if (look->agent->backend == BACKEND_BEDROCK &&
	    refusal->http == 400 && refusal->cause == REFUSAL_OTHER && !known)
		add(findings, FINDING_OK, look, accepted, "");
	else
		judge_rest(findings, look);
}

/* A token is the caller's, so the look went without: 401 is as it should
 * be. */
static void judge_bearer(
    struct findings *findings, const struct diagnosis_look *look)
{
	if (look->http == 401)
		add(findings, FINDING_OK, look,
		    "the service answers; callers bring their token", "");
	else if (look->http == 403)
		add(findings, FINDING_FAILED, look,
		    "403 without a token, where a runtime that takes one "
		    "says 401",
		    "if the runtime takes signed requests, set auth = sigv4");
	else
		judge_refusal(findings, look);
}

static void judge_server(
    struct findings *findings, const struct diagnosis_look *look)
{
	struct buf what;

	/* 501 says only that there is no OPTIONS. */
	if (look->http < 502 || look->http > 504) {
		add(findings, FINDING_OK, look,
		    "the server answers (--invoke tells whether it takes our "
		    "requests)",
		    "");
		return;
	}
	buf_init(&what, TEXT_MAX);
	buf_addf(
	    &what, "%u: a proxy answers, not the server behind it", look->http);
	finding_add(findings, FINDING_WARNING, look->about, buf_slice(&what),
	    SLICE("look whether the server behind url runs"));
	buf_free(&what);
}

void diagnosis_of_look(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct config_agent *agent = look->agent;

	if (look->http == 0) {
		judge_transport(findings, look->about, look->error, look->said);
		return;
	}
	judge_clock(findings, look);
	if (agent->backend == BACKEND_HTTP)
		judge_server(findings, look);
	else if (look->http < 300)
		add(findings, FINDING_OK, look, accepted, "");
	else if (agent->auth == AUTH_BEARER)
		judge_bearer(findings, look);
	else
		judge_refusal(findings, look);
}

/* ---- a question ---- */

/* The log has it at the end of its line, in the words of refusal.h, which
 * are cut off. */
static enum refusal_cause cut_cause(struct slice *said)
{
	struct refusal refusal = {.cause = REFUSAL_UNKNOWN};

	for (; refusal.cause != REFUSAL_OTHER; refusal.cause--) {
		struct slice advice = slice_from(refusal_advice(&refusal));

		if (slice_ends(*said, advice)) {
			said->len -= advice.len;
			break;
		}
	}
	return refusal.cause;
}

void diagnosis_of_answer(
    struct findings *findings, const struct diagnosis_look *look)
{
	struct slice said = look->said;
	struct refusal refusal = {.cause = cut_cause(&said)};
	struct buf todo;

	if (refusal.cause == REFUSAL_OTHER) {
		judge_transport(findings, look->about, look->error, said);
		return;
	}
	buf_init(&todo, TEXT_MAX);
	if (refusal.cause == REFUSAL_PERMISSION)
		add_advice(&todo, look->agent);
	else
		buf_add_text(&todo, refusal_advice(&refusal) + strlen(": "));
	finding_add(
	    findings, FINDING_FAILED, look->about, said, buf_slice(&todo));
	buf_free(&todo);
}
