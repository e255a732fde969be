#include "diagnosis.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config.h"
#include "finding.h"
#include "policy.h"
#include "refusal.h"
#include "remedy.h"

enum {
	TEXT_MAX = 16 << 10,
	/* AWS refuses signatures that are 5 minutes off. */
	SKEW_FAILS_S = 240,
	SKEW_WARNS_S = 60
};

/* ---- the settings ---- */

/* What comes behind a "?" may be a secret. */
void diagnosis_of_target(
    struct findings *findings, const struct diagnosis_look *look)
{
	static const char *const backends[] = {
	    [BACKEND_AGENTCORE] = "AgentCore",
	    [BACKEND_BEDROCK] = "Bedrock",
	    [BACKEND_HTTP] = "HTTP",
	};
	const struct config_agent *agent = look->agent;
	struct slice url = slice_from(
	    agent->backend == BACKEND_HTTP ? agent->url : agent->endpoint);
	struct slice arn = slice_from(agent->arn);
	const char *partition = policy_partition(agent->region);
	struct buf what;
	bool fits;

	(void)slice_cut(&arn, ':');
	fits = arn.len == 0 ||
	    slice_equal(slice_cut(&arn, ':'), slice_from(partition));
	url = slice_cut(&url, '?');
	buf_init(&what, TEXT_MAX);
	buf_addf(&what, "%s%s%s at %.*s", backends[agent->backend],
	    agent->region[0] == '\0' ? "" : " in ", agent->region,
	    SLICE_ARG(url));
	if (!fits)
		buf_addf(&what,
		    ", but a region of partition %s is not that of the ARN",
		    partition);
	finding_add(findings, fits ? FINDING_OK : FINDING_FAILED, look->about,
	    buf_slice(&what),
	    fits ? SLICE("")
		 : SLICE("copy the ARN once more from where the runtime is"));
	buf_free(&what);
}

void diagnosis_of_policy(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct config_agent *agent = look->agent;
	struct buf what;

	if ((agent->auth != AUTH_SIGV4 && !look->bedrock_key) ||
	    !policy_knows(agent))
		return;
	buf_init(&what, TEXT_MAX);
	buf_addf(&what, "the smallest policy that %s%s:\n",
	    look->bedrock_key ? REMEDY_OWNER_OF_BEDROCK_KEY " needs"
			      : "its keys need",
	    agent->backend == BACKEND_HTTP &&
		    strcmp(agent->service, "execute-api") != 0
		? " (name the one resource in place of *)"
		: "");
	policy_add(&what, agent, look->bedrock_key);
	finding_add(
	    findings, FINDING_OK, look->about, buf_slice(&what), SLICE(""));
	buf_free(&what);
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

	if (look->date_s < 0 || llabs(skew_s) < SKEW_WARNS_S ||
	    look->agent->auth != AUTH_SIGV4)
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
	const char *todo = remedy_of_failure(status, said);

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
	struct buf todo;

	buf_init(&todo, TEXT_MAX);
	remedy_add_permission(&todo, look->agent, look->bedrock_key);
	finding_add(findings, FINDING_FAILED, look->about,
	    SLICE("403: the keys lack a permission"), buf_slice(&todo));
	buf_free(&todo);
}

/* A runtime has told of keys only that they are good. */
static void accept(struct findings *findings, const struct diagnosis_look *look,
    const char *what)
{
	bool more = look->agent->backend == BACKEND_AGENTCORE &&
	    look->agent->auth == AUTH_SIGV4 && !look->asks;

	add(findings, FINDING_OK, look, what,
	    more ? "--invoke tells whether the keys may InvokeAgentRuntime"
		 : "");
}

static const char accepted[] = "the service answers, and accepts the signature";

/* The look itself needs a permission that nothing else does. */
static bool lacks_only_stop(const struct diagnosis_look *look)
{
	return look->agent->backend == BACKEND_AGENTCORE &&
	    look->refusal->cause == REFUSAL_PERMISSION &&
	    says(look->refusal, "StopRuntimeSession") &&
	    !says(look->refusal, "InvokeAgentRuntime");
}

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
		accept(findings, look, accepted);
	else
		add(findings, FINDING_FAILED, look,
		    look->agent->backend == BACKEND_BEDROCK
			? "404: there is no such model"
			: "404: there is no such agent",
		    look->agent->backend == BACKEND_BEDROCK
			? "look at model and region"
			: "look at the ARN, the qualifier and the region");
}

/* Of no cause that has words of its own. */
static void judge_rest(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct refusal *refusal = look->refusal;
	enum status status =
	    refusal_status(refusal, look->agent->auth == AUTH_BEARER);
	enum finding_level level = FINDING_FAILED;
	struct buf what;

	/* Others were served meanwhile. */
	if (status == STATUS_UPSTREAM_THROTTLED)
		level = FINDING_WARNING;
	buf_init(&what, TEXT_MAX);
	buf_addf(&what, "%u%s%s", refusal->http,
	    refusal->type[0] == '\0' ? "" : " ", refusal->type);
	finding_add(findings, level, look->about, buf_slice(&what),
	    slice_from(remedy_of_refusal(refusal, look->agent)));
	buf_free(&what);
}

static void judge_refusal(
    struct findings *findings, const struct diagnosis_look *look)
{
	const struct refusal *refusal = look->refusal;
	bool known = remedy_in_words(refusal);

	if (refusal->cause == REFUSAL_UNKNOWN)
		judge_unknown(findings, look);
	else if (lacks_only_stop(look))
		accept(findings, look,
		    "the service knows the keys; they may not "
		    "StopRuntimeSession, by which this was seen, and need not");
	else if (refusal->cause == REFUSAL_PERMISSION && !known)
		judge_permission(findings, look);
	/* An empty conversation is found only by who let it in. */
	else if (look->agent->backend == BACKEND_BEDROCK &&
	    refusal->http == 400 && refusal->cause == REFUSAL_OTHER && !known)
		accept(findings, look, accepted);
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
		accept(findings, look, accepted);
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

/* It was reached, and did not do its work. */
static bool own_fault(const struct diagnosis_look *look)
{
	return look->limit != NULL || look->error == STATUS_AGENT_FAILED ||
	    look->error == STATUS_UPSTREAM_EMPTY;
}

static void judge_fault(
    struct findings *findings, const struct diagnosis_look *look)
{
	struct buf todo;

	buf_init(&todo, TEXT_MAX);
	buf_add_text(&todo, "read the agent's own log");
	if (look->limit != NULL)
		buf_addf(&todo, ", or set %s higher", look->limit);
	finding_add(findings, FINDING_FAILED, look->about,
	    slice_from(status_row(look->error)->words), buf_slice(&todo));
	buf_free(&todo);
}

void diagnosis_of_answer(
    struct findings *findings, const struct diagnosis_look *look)
{
	struct slice said = look->said;
	enum refusal_cause cause = cut_cause(&said);
	struct buf todo;

	if (cause == REFUSAL_OTHER && said.len == 0 && own_fault(look)) {
		judge_fault(findings, look);
		return;
	}
	if (cause == REFUSAL_OTHER) {
		judge_transport(findings, look->about, look->error, said);
		return;
	}
	buf_init(&todo, TEXT_MAX);
	if (cause == REFUSAL_PERMISSION ||
	    (cause == REFUSAL_CALLER && look->bedrock_key))
		remedy_add_permission(&todo, look->agent, look->bedrock_key);
	else
		buf_add_text(&todo, remedy_of_cause(cause, look->agent));
	finding_add(
	    findings, FINDING_FAILED, look->about, said, buf_slice(&todo));
	buf_free(&todo);
}
