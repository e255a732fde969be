#include "diagnosis.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config.h"
#include "finding.h"
#include "refusal.h"
#include "remedy.h"

enum {
	TEXT_MAX = 16 << 10,
	/* AWS refuses signatures that are 5 minutes off. */
	SKEW_FAILS_S = 240,
	SKEW_WARNS_S = 60
};

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
	/* The look itself needs one that nothing else does. */
	bool stop = look->agent->backend == BACKEND_AGENTCORE &&
	    says(look->refusal, "StopRuntimeSession") &&
	    !says(look->refusal, "InvokeAgentRuntime");
	struct buf todo;

	buf_init(&todo, TEXT_MAX);
	if (stop)
		buf_add_text(&todo, "if --invoke fails with 403, ");
	remedy_add_permission(&todo, look->agent);
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

/* It was reached, and did not do its work. */
static bool own_fault(enum status error)
{
	return error == STATUS_AGENT_FAILED || error == STATUS_UPSTREAM_EMPTY ||
	    error == STATUS_UPSTREAM_TIMEOUT;
}

void diagnosis_of_answer(
    struct findings *findings, const struct diagnosis_look *look)
{
	struct slice said = look->said;
	struct refusal refusal = {.cause = cut_cause(&said)};
	struct buf what, todo;

	if (refusal.cause == REFUSAL_OTHER &&
	    (said.len > 0 || !own_fault(look->error))) {
		judge_transport(findings, look->about, look->error, said);
		return;
	}
	buf_init(&what, TEXT_MAX);
	buf_init(&todo, TEXT_MAX);
	buf_add(&what, said);
	if (refusal.cause == REFUSAL_PERMISSION) {
		remedy_add_permission(&todo, look->agent);
	} else if (refusal.cause != REFUSAL_OTHER) {
		buf_add_text(
		    &todo, remedy_of_cause(refusal.cause, look->agent));
	} else {
		buf_add_text(&what, status_row(look->error)->words);
		buf_addf(&todo, "read the agent's own log%s",
		    look->error == STATUS_UPSTREAM_TIMEOUT
			? ", or set first_byte_timeout higher"
			: "");
	}
	finding_add(findings, FINDING_FAILED, look->about, buf_slice(&what),
	    buf_slice(&todo));
	buf_free(&what);
	buf_free(&todo);
}
