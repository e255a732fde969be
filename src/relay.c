#include "relay.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "arena.h"
#include "authorise.h"
#include "client.h"
#include "config.h"
#include "digest.h"
#include "gateway.h"
#include "log.h"
#include "reply.h"
#include "request.h"
#include "run.h"
#include "selftest.h"
#include "session.h"

enum {
	/* For a minted request id: 72 bits tell all of a site's requests
	 * apart. */
	REQUEST_ID_LEN = 12,
	/* Of a body, a request keeps at most its decoded copy, the payload
	 * (JSON's escapes double it, at worst) and room for alignment. */
	ARENA_FACTOR = 4,
	ARENA_SLACK = 64 << 10,
	/* Read of a body while there is no configuration. */
	UNCONFIGURED_BODY = 64 << 10
};

struct relay {
	struct config *config; /* NULL: unusable */
	struct runs runs;
	struct selftests selftests;
	void (*finished)(void *ctx, struct gateway *gateway, bool left);
	void (*idle)(void *ctx);
	void *ctx;
	bool draining;
};

/* One request while it is looked at. */
struct exchange {
	struct relay *relay;
	struct request request;
	struct reply reply;
	struct arena arena;
};

static void on_ended(void *ctx)
{
	struct relay *relay = ctx;

	if (relay->runs.count == 0)
		relay->idle(relay->ctx);
}

struct relay *relay_new(const struct relay_options *options)
{
	struct relay *relay = calloc(1, sizeof *relay);

	if (relay == NULL)
		return NULL;
	relay->finished = options->finished;
	relay->idle = options->idle;
	relay->ctx = options->ctx;
	relay->runs = (struct runs){
	    .loop = options->loop,
	    .upstreams = options->upstreams,
	    .clients = client_shared_new(
		options->loop, options->finished, options->ctx),
	    .ended = on_ended,
	    .ctx = relay,
	};
	if (relay->runs.clients == NULL) {
		free(relay);
		return NULL;
	}
	relay->selftests = (struct selftests){
	    .loop = options->loop, .clients = relay->runs.clients};
	return relay;
}

void relay_free(struct relay *relay)
{
	if (relay == NULL)
		return;
	relay_end_all(relay);
	client_shared_free(relay->runs.clients);
	config_unref(relay->config);
	free(relay);
}

void relay_configure(struct relay *relay, struct config *config)
{
	config_unref(relay->config);
	relay->config = config;
}

size_t relay_max_body(const struct relay *relay)
{
	return relay->config == NULL ? UNCONFIGURED_BODY
				     : (size_t)relay->config->max_body;
}

void relay_drain(struct relay *relay)
{
	relay->draining = true;
}

void relay_end_all(struct relay *relay)
{
	run_end_all(&relay->runs, STATUS_STOPPING);
	selftest_end_all(&relay->selftests);
}

uint64_t relay_runs(const struct relay *relay)
{
	return relay->runs.count;
}

size_t relay_clients(const struct relay *relay)
{
	return client_count(relay->runs.clients);
}

/* ---- answers that are not runs ---- */

/* The answer is written whole: hand the gateway back. */
static void finish(struct exchange *exchange)
{
	struct relay *relay = exchange->relay;

	gateway_end(exchange->reply.gateway);
	relay->finished(relay->ctx, exchange->reply.gateway, false);
}

static void refuse(struct exchange *exchange, enum status status)
{
	const struct status_row *row = status_row(status);
	const char *methods = request_methods(exchange->request.route);

	log_write(row->operator_must_know ? LOG_WARNING : LOG_INFO,
	    "request=%s status=%u code=%s: %s", exchange->reply.request_id,
	    row->http, row->code, row->words);
	if (status == STATUS_METHOD_NOT_ALLOWED)
		reply_not_allowed(&exchange->reply, methods);
	else
		reply_error(&exchange->reply, status);
	finish(exchange);
}

/* For load balancers; and for AgentCore, which has a word of its own. */
static void health(struct exchange *exchange)
{
	const struct relay *relay = exchange->relay;
	bool well = relay->config != NULL && !relay->draining;
	bool ping = exchange->request.route == ROUTE_PING;

	if (well)
		reply_json(&exchange->reply, 200,
		    ping ? SLICE("{\"status\":\"Healthy\"}")
			 : SLICE("{\"status\":\"ok\"}"));
	else
		reply_json(&exchange->reply, 503,
		    SLICE("{\"status\":\"unavailable\"}"));
	finish(exchange);
}

/* 204 tells an EventSource to stay away. */
static void no_more(struct exchange *exchange)
{
	reply_begin(&exchange->reply, 204, NULL);
	reply_body(&exchange->reply);
	finish(exchange);
}

/* HEAD: as the answer would begin, but no run and so no session. */
static void head_only(struct exchange *exchange)
{
	struct answer answer;
	struct answer_options options = {
	    .reply = exchange->reply,
	    .form = exchange->request.answer,
	    .session_id = "",
	    .run_id = "",
	    .incremental = exchange->relay->config->incremental,
	};

	answer_init(&answer, &options, NULL);
	answer_head(&answer);
	answer_free(&answer);
	finish(exchange);
}

/* Answer what asks for no stream: HEAD, and a reconnecting EventSource, which
 * says which event it has: that never runs the prompt again. */
static bool answer_shortly(struct exchange *exchange)
{
	if (exchange->reply.head_only)
		head_only(exchange);
	else if (exchange->request.last_event_id.len > 0 &&
	    slice_equal(exchange->request.method, SLICE("GET")))
		no_more(exchange);
	else
		return false;
	return true;
}

/* ---- runs ---- */

static struct request_rules rules_of(const struct config *config)
{
	return (struct request_rules){
	    .mount = slice_from(config->mount),
	    .default_prompt = slice_from(config->default_prompt),
	    .max_prompt = (size_t)config->max_prompt,
	};
}

static struct client_options client_of(const struct exchange *exchange)
{
	const struct config *config = exchange->relay->config;

	return (struct client_options){
	    .answer = {.reply = exchange->reply,
		.form = exchange->request.answer,
		.incremental = config->incremental},
	    .keepalive_ms = config->keepalive_ms,
	    .header_wait_ms = config->header_wait_ms,
	};
}

static enum status start_run(
    struct exchange *exchange, const struct config_agent *agent)
{
	struct relay *relay = exchange->relay;
	char session_id[SESSION_MAX_LEN + 1];
	struct run_request wanted = {
	    .config = relay->config,
	    .agent = agent,
	    .session_id = session_id,
	    .request_id = exchange->reply.request_id,
	    .payload = exchange->request.payload,
	    .prompt = exchange->request.prompt,
	    .authorization = authorise_passed_on(&exchange->request, agent),
	};
	struct client_options options = client_of(exchange);

	session_choose(session_id, exchange->request.session_id);
	return run_start(&relay->runs, &wanted, &options);
}

static enum status may_run(const struct exchange *exchange)
{
	const struct relay *relay = exchange->relay;

	if (relay->draining)
		return STATUS_STOPPING;
	if (relay->runs.count >= relay->config->max_streams)
		return STATUS_OVERLOADED;
	return STATUS_OK;
}

static void invoke(struct exchange *exchange)
{
	const struct config *config = exchange->relay->config;
	const struct config_agent *agent =
	    config_agent(config, exchange->request.name);
	struct gateway *gateway = exchange->reply.gateway;
	struct request_rules rules = rules_of(config);
	enum status status;

	if (agent == NULL) {
		refuse(exchange, STATUS_NO_AGENT);
		return;
	}
	if (answer_shortly(exchange))
		return;
	status = request_parse_input(&exchange->request,
	    gateway_params(gateway), gateway_body(gateway),
	    agent->payload == PAYLOAD_PASSTHROUGH &&
		agent->backend != BACKEND_BEDROCK, /* which reads a prompt */
	    &rules, &exchange->arena);
	if (status == STATUS_OK)
		status = authorise_agent(&exchange->request, agent);
	if (status == STATUS_OK)
		status = may_run(exchange);
	if (status == STATUS_OK)
		status = start_run(exchange, agent);
	if (status != STATUS_OK)
		refuse(exchange, status);
	else
		gateway_forget(gateway); /* a stream may last an hour */
}

static void selftest(struct exchange *exchange)
{
	struct relay *relay = exchange->relay;
	struct gateway *gateway = exchange->reply.gateway;
	struct client_options options;
	enum status status = STATUS_STOPPING;

	exchange->request.answer = ANSWER_SSE; /* nothing else is measured */
	if (answer_shortly(exchange))
		return;
	options = client_of(exchange);
	if (!relay->draining)
		status = selftest_start(
		    &relay->selftests, &options, gateway_params(gateway));
	if (status != STATUS_OK)
		refuse(exchange, status);
	else
		gateway_forget(gateway);
}

/* ---- the story ---- */

static void route(struct exchange *exchange)
{
	enum request_route route = exchange->request.route;

	if (route == ROUTE_INVOKE || route == ROUTE_INVOCATIONS)
		invoke(exchange);
	else if (route == ROUTE_SELFTEST)
		selftest(exchange);
	else
		refuse(exchange, STATUS_NOT_FOUND);
}

/* Who asks, for answers and log, whatever else is wrong with the request. */
static void identify(struct exchange *exchange)
{
	const struct request *request = &exchange->request;
	const struct config *config = exchange->relay->config;
	struct reply *reply = &exchange->reply;

	if (request->id.len > 0)
		memcpy(reply->request_id, request->id.ptr, request->id.len);
	else
		digest_random_token(reply->request_id, REQUEST_ID_LEN);
	reply->head_only = slice_equal(request->method, SLICE("HEAD"));
	if (config != NULL && authorise_origin(request, config) &&
	    request->origin.len < sizeof reply->allow_origin)
		memcpy(reply->allow_origin, request->origin.ptr,
		    request->origin.len);
}

static void answer(
    struct exchange *exchange, enum status read, enum status parsed)
{
	const struct config *config = exchange->relay->config;
	const struct request *request = &exchange->request;
	enum status status = parsed != STATUS_OK ? parsed : read;

	if (status == STATUS_OK &&
	    slice_equal(request->method, SLICE("OPTIONS"))) {
		reply_options(
		    &exchange->reply, request_methods(request->route));
		finish(exchange);
		return;
	}
	if (status == STATUS_OK &&
	    (request->route == ROUTE_HEALTH || request->route == ROUTE_PING)) {
		health(exchange);
		return;
	}
	if (config == NULL) {
		refuse(exchange, STATUS_NOT_CONFIGURED);
		return;
	}
	if (status == STATUS_OK)
		status = authorise(request, config);
	if (status != STATUS_OK)
		refuse(exchange, status);
	else
		route(exchange);
}

void relay_handle(
    struct relay *relay, struct gateway *gateway, enum status read)
{
	struct request_rules rules = {0};
	struct exchange exchange = {
	    .relay = relay, .reply = {.gateway = gateway}};
	enum status parsed;

	if (relay->config != NULL)
		rules = rules_of(relay->config);
	arena_init(&exchange.arena,
	    ARENA_FACTOR * relay_max_body(relay) + ARENA_SLACK);
	parsed = request_parse(&exchange.request, gateway_params(gateway),
	    &rules, &exchange.arena);
	identify(&exchange);
	answer(&exchange, read, parsed);
	arena_free(&exchange.arena);
}
