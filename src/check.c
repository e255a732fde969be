#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials/plan.h"
#include "diagnosis.h"
#include "env.h"
#include "examine.h"
#include "finding.h"
#include "log.h"
#include "machine.h"
#include "options.h"

enum {
	TEXT_MAX = 32 << 10,
	/* Keys that are over sooner were renewed too late. */
	SOON_S = 60,
	/* Services agree as far as this. */
	SAME_S = 30
};

struct check {
	const struct check_options *options;
	struct config *config;
	struct examine *examine;
	struct findings findings;
	struct buf said;                  /* by the log, since last time */
	bool deaf;                        /* it has said that before */
	const struct config_agent *agent; /* that is looked at */
	char about[96];
	bool clock_seen;
	int64_t skew_s; /* of our clock, when it was last told of */
};

static struct slice without(struct slice text, struct slice beginning)
{
	return slice_skip(
	    text, slice_starts(text, beginning) ? beginning.len : 0);
}

/* One line of the log. */
static void on_log(void *ctx, const char *line)
{
	struct check *check = ctx;
	struct slice text = slice_from(line);

	if (check->deaf)
		return;
	/* There is but one request at a time, and one upstream. */
	if (slice_starts(text, SLICE("request=")))
		(void)slice_cut(&text, ' ');
	text = without(text, SLICE("upstream answered "));
	text = without(text, SLICE("upstream: "));
	if (check->said.len > 0)
		buf_add_char(&check->said, '\n');
	buf_add(&check->said, text);
}

static const char *about(struct check *check, const char *topic)
{
	(void)snprintf(check->about, sizeof check->about, "agent %s: %s",
	    check->agent->name, topic);
	return check->about;
}

/* ---- the configuration ---- */

static void check_settings(struct check *check)
{
	const char *path = check->config->path;
	struct buf unsupported;
	struct slice rest;

	finding_add(&check->findings, FINDING_OK, "configuration",
	    path[0] == '\0' ? SLICE("the environment alone") : slice_from(path),
	    SLICE(""));
	buf_init(&unsupported, TEXT_MAX);
	config_unsupported(check->config, &unsupported);
	rest = buf_slice(&unsupported);
	while (rest.len > 0)
		finding_add(&check->findings, FINDING_WARNING, "configuration",
		    slice_cut(&rest, '\n'),
		    SLICE("it has no effect in this version"));
	buf_free(&unsupported);
}

/* ---- keys ---- */

/* Whether an API key of Bedrock vouches. */
static bool has_bedrock_key(const struct config_agent *agent)
{
	return agent->backend == BACKEND_BEDROCK &&
	    (agent->auth == AUTH_API_KEY ||
		slice_from(env_get("AWS_BEARER_TOKEN_BEDROCK")).len > 0);
}

/* Where they come from, as far as that can be told without asking. */
static void describe_source(struct check *check, struct buf *out)
{
	const struct config_agent *agent = check->agent;
	struct plan plan = {0};
	struct plan_request request = {.getenv = env_get,
	    .profile = agent->profile,
	    .region = agent->region};

	check->deaf = true;
	if (agent->auth == AUTH_API_KEY)
		buf_addf(out, "the key in %s", agent->api_key_file);
	else if (has_bedrock_key(agent))
		buf_add_text(out, "AWS_BEARER_TOKEN_BEDROCK");
	else if (plan_make(&plan, &request) == STATUS_OK)
		plan_describe(out, &plan);
	/* The last of all sources has nobody's word that it is meant. */
	if (plan.source == PLAN_INSTANCE && plan.role_count == 0 &&
	    out->len > 0)
		buf_add_text(out,
		    ", as there are no AWS_ACCESS_KEY_ID, profile, "
		    "AWS_WEB_IDENTITY_TOKEN_FILE and "
		    "AWS_CONTAINER_CREDENTIALS_..._URI");
	plan_free(&plan);
	check->deaf = false;
}

static void add_duration(struct buf *out, int64_t s)
{
	if (s < 2 * 60)
		buf_addf(out, "%lld s", (long long)s);
	else if (s < 2 * 60 * 60)
		buf_addf(out, "%lld min", (long long)(s / 60));
	else
		buf_addf(out, "%lld h", (long long)(s / (60 * 60)));
}

static void tell_good_keys(
    struct check *check, const struct examine_result *result)
{
	/* What the service takes for now counts, not this machine. */
	int64_t now_s = result->date_s < 0 ? clock_unix_s() : result->date_s;
	int64_t left_s = result->expires_s - now_s;
	enum finding_level level = FINDING_OK;
	struct buf what;

	buf_init(&what, TEXT_MAX);
	describe_source(check, &what);
	if (result->expires_s != 0) {
		if (left_s < SOON_S)
			level = left_s <= 0 ? FINDING_FAILED : FINDING_WARNING;
		buf_add_text(&what,
		    left_s <= 0 ? "; expired for " : "; good for another ");
		add_duration(&what, left_s <= 0 ? -left_s : left_s);
	}
	finding_add(&check->findings, level, about(check, "keys"),
	    buf_slice(&what),
	    level == FINDING_OK ? SLICE("")
				: SLICE("renew them at their source"));
	buf_free(&what);
}

/* Each clause on a line of its own: they list what was looked at. */
static void add_clauses(struct buf *out, struct slice text)
{
	size_t len;

	while ((len = slice_find(text, SLICE("; "))) < text.len) {
		buf_add(out, slice_first(text, len));
		buf_add_char(out, '\n');
		text = slice_skip(text, len + 2);
	}
	buf_add(out, text);
}

/* Keys that have failed a moment ago are not asked for again: who told. */
static const struct config_agent *same_keys(const struct check *check)
{
	const struct config_agent *agent = check->agent;
	const struct config_agent *one = check->config->agents;

	while (one != agent &&
	    (one->auth != AUTH_SIGV4 || has_bedrock_key(one) ||
		strcmp(one->profile, agent->profile) != 0 ||
		strcmp(one->region, agent->region) != 0))
		one = one->next;
	return one == agent ? NULL : one;
}

static void add_reason(struct check *check, struct buf *out, enum status error)
{
	const struct config_agent *same = same_keys(check);

	if (check->said.len > 0)
		add_clauses(out, buf_slice(&check->said));
	else if (error == STATUS_UPSTREAM_TIMEOUT)
		buf_add_text(out, "no answer for a minute");
	else if (error == STATUS_NO_CREDENTIALS && same != NULL)
		buf_addf(out, "the same as of agent %s, above", same->name);
	else
		buf_add_text(out, status_row(error)->words);
}

static void tell_bad_keys(struct check *check, enum status error)
{
	struct buf what;

	buf_init(&what, TEXT_MAX);
	describe_source(check, &what);
	if (what.len > 0)
		buf_add_text(&what, ":\n");
	add_reason(check, &what, error);
	finding_add(&check->findings, FINDING_FAILED, about(check, "keys"),
	    buf_slice(&what),
	    check->agent->auth == AUTH_API_KEY
		? SLICE("write the key into that file, and let the user that "
			"agentcgi runs as read it")
		: SLICE("CREDENTIALS in agentcgi(8) tells where keys may come "
			"from"));
	buf_free(&what);
}

static void tell_keys(struct check *check, const struct examine_result *result)
{
	const struct config_agent *agent = check->agent;
	struct slice said = buf_slice(&check->said);

	if (!result->vouched) {
		tell_bad_keys(check, result->error);
		return;
	}
	if (agent->auth == AUTH_SIGV4 || agent->auth == AUTH_API_KEY)
		tell_good_keys(check, result);
	machine_check_secret(
	    &check->findings, about(check, "keys"), check->agent->api_key_file);
	/* There was an answer, so that cannot be about the way to it. */
	while (result->http != 0 && said.len > 0)
		finding_add(&check->findings, FINDING_WARNING,
		    about(check, "keys"), slice_cut(&said, '\n'), SLICE(""));
}

/* ---- an agent ---- */

/* The service's time, or -1 if nothing new is to be said of our clock. */
static int64_t news_of_clock(struct check *check, int64_t date_s)
{
	int64_t skew_s = date_s - clock_unix_s();

	if (date_s < 0 || check->agent->auth != AUTH_SIGV4)
		return date_s;
	if (check->clock_seen && llabs(skew_s - check->skew_s) < SAME_S)
		return -1;
	check->clock_seen = true;
	check->skew_s = skew_s;
	return date_s;
}

/* False if a question to it cannot do better. */
static bool look(struct check *check)
{
	const struct examine_result *result =
	    examine_look(check->examine, check->agent);
	struct diagnosis_look seen = {
	    .agent = check->agent,
	    .error = result->error,
	    .http = result->http,
	    .refusal = &result->refusal,
	    .date_s = news_of_clock(check, result->date_s),
	    .now_s = clock_unix_s(),
	    .said = buf_slice(&check->said),
	    .bedrock_key = has_bedrock_key(check->agent),
	    .asks = check->options->invoke,
	};

	tell_keys(check, result);
	if (!result->vouched)
		return false;
	seen.about = about(check, "service");
	diagnosis_of_look(&check->findings, &seen);
	return result->http != 0;
}

static void ask(struct check *check)
{
	const char *words = "it has answered";
	enum finding_level level = FINDING_OK;
	struct diagnosis_look seen = {.agent = check->agent,
	    .bedrock_key = has_bedrock_key(check->agent)};
	const struct examine_result *result;

	if (check->agent->auth == AUTH_BEARER) {
		level = FINDING_WARNING;
		words = "not asked: it takes a caller's token";
	} else {
		buf_clear(&check->said);
		result = examine_ask(check->examine, check->agent);
		seen.error = result->error;
		seen.limit = result->limit;
	}
	seen.about = about(check, "answer");
	seen.said = buf_slice(&check->said);
	if (seen.error != STATUS_OK)
		diagnosis_of_answer(&check->findings, &seen);
	else
		finding_add(&check->findings, level, seen.about,
		    slice_from(words), SLICE(""));
}

static void tell_settings(struct check *check)
{
	struct diagnosis_look look = {.agent = check->agent,
	    .bedrock_key = has_bedrock_key(check->agent)};

	look.about = about(check, "target");
	diagnosis_of_target(&check->findings, &look);
	look.about = about(check, "policy");
	diagnosis_of_policy(&check->findings, &look);
}

static void check_agent(struct check *check, const struct config_agent *agent)
{
	check->agent = agent;
	buf_clear(&check->said);
	tell_settings(check);
	if (look(check) && check->options->invoke)
		ask(check);
}

/* False if there is none of the name that was asked for. */
static bool check_agents(struct check *check)
{
	const char *wanted = check->options->agent;
	const struct config_agent *agent = check->config->agents;
	bool found = wanted == NULL;

	for (; agent != NULL; agent = agent->next) {
		if (wanted != NULL && strcmp(wanted, agent->name) != 0)
			continue;
		found = true;
		check_agent(check, agent);
	}
	return found;
}

static void tell_no_agent(struct check *check)
{
	const struct config_agent *agent = check->config->agents;
	struct buf todo;

	buf_init(&todo, TEXT_MAX);
	buf_add_text(&todo, "there are:");
	for (; agent != NULL; agent = agent->next)
		buf_addf(&todo, " %s", agent->name);
	finding_add(&check->findings, FINDING_FAILED, "--agent",
	    SLICE("there is no agent of this name"), buf_slice(&todo));
	buf_free(&todo);
}

/* ---- the command ---- */

static int check_all(struct check *check)
{
	check_settings(check);
	machine_check(&check->findings, check->config);
	check->examine = examine_new(check->config);
	if (check->examine == NULL) {
		finding_add(&check->findings, FINDING_FAILED, "memory",
		    SLICE("out of memory"), SLICE(""));
	} else if (!check_agents(check)) {
		tell_no_agent(check);
	}
	examine_free(check->examine);
	return finding_end(&check->findings) ? EXIT_DONE : EXIT_FAILED;
}

int check_run(const struct check_options *options)
{
	struct check check = {.options = options};
	struct config_error error = {"out of memory"};
	int result = EXIT_BAD_CONFIG;

	log_init(LOG_WARNING, NULL);
	log_divert(on_log, &check);
	buf_init(&check.said, TEXT_MAX);
	finding_begin(&check.findings, options->json);
	if (config_load(options->config, env_get, &check.config, &error) ==
	    STATUS_OK) {
		result = check_all(&check);
	} else {
		finding_add(&check.findings, FINDING_FAILED, "configuration",
		    slice_from(error.text),
		    SLICE("agentcgi.conf(5) has all keys and their values"));
		(void)finding_end(&check.findings);
	}
	log_divert(NULL, NULL);
	buf_free(&check.said);
	config_unref(check.config);
	return result;
}
