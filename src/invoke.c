#include "invoke.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "clock.h"
#include "config.h"
#include "console.h"
#include "decode.h"
#include "digest.h"
#include "env.h"
#include "http.h"
#include "limit.h"
#include "log.h"
#include "loop.h"
#include "options.h"
#include "request.h"
#include "session.h"
#include "table.h"
#include "translate.h"
#include "trust.h"
#include "upstream.h"

enum {
	/* As relay's: tells one line of the log from another. */
	REQUEST_ID_LEN = 12,
	/* Of a prompt, the payload has at most six bytes for each. */
	ARENA_FACTOR = 8,
	ARENA_SLACK = 64 << 10,
	/* Memory that is kept between two events. */
	KEEP = 64 << 10,
	READ_SIZE = 16 << 10
};

struct invoke {
	const struct invoke_options *options;
	struct config *config;
	const struct config_agent *agent;
	struct loop *loop;
	struct http *http;
	struct loop_timer *timer;
	struct upstream_shared *upstreams;
	struct upstream *upstream; /* NULL before and after */
	struct translate translate;
	struct console console;
	struct buf data, text;         /* of one event */
	struct buf input;              /* what was read from in */
	uint64_t started_ms, heard_ms; /* of clock_mono_ms: writing may
					* block for longer than a turn */
	uint64_t events;               /* of the agent */
	bool began, whole;
	enum status failure; /* the first one */
	char request_id[REQUEST_ID_LEN + 1];
	char session_id[SESSION_MAX_LEN + 1];
};

/* ---- the end ---- */

/* What follows the first failure comes of it. */
static void fail(struct invoke *invoke, enum status status)
{
	if (invoke->failure == STATUS_OK)
		invoke->failure = status;
}

static void end(struct invoke *invoke, enum status status)
{
	fail(invoke, status);
	upstream_cancel(invoke->upstream);
	invoke->upstream = NULL;
	loop_stop(invoke->loop);
}

/* The same limits as a run has. */
static void on_timer(void *ctx)
{
	struct invoke *invoke = ctx;
	struct limit_times times = {
	    invoke->started_ms, invoke->heard_ms, invoke->began, false};
	enum limit_kind kind;
	uint64_t now = clock_mono_ms();
	uint64_t due = limit_next(invoke->agent, &times, &kind);

	if (due > now)
		loop_timer_start(invoke->timer, due - now);
	else if (kind == LIMIT_TOTAL)
		end(invoke, STATUS_TIME_LIMIT);
	else
		end(invoke, STATUS_UPSTREAM_TIMEOUT);
}

/* ---- the agent ---- */

static void on_began(void *ctx, bool whole)
{
	struct invoke *invoke = ctx;

	invoke->began = true;
	invoke->whole = whole;
	invoke->heard_ms = clock_mono_ms();
	loop_timer_start(invoke->timer, 0); /* a shorter limit may count now */
}

/* Writing waits for whoever reads, and the agent with it. */
static bool on_full(void *ctx)
{
	(void)ctx;
	return false;
}

static void on_alive(void *ctx)
{
	struct invoke *invoke = ctx;

	invoke->heard_ms = clock_mono_ms();
}

/* An agent's own error may hold ARNs and stack traces, as in run.c. */
static void take_failure(struct invoke *invoke)
{
	fail(invoke, STATUS_AGENT_FAILED);
	log_write(LOG_DEBUG, "request=%s the agent said: %.*s",
	    invoke->request_id, SLICE_ARG(buf_slice(&invoke->data)));
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct invoke *invoke = ctx;
	struct buf *data = &invoke->data, *text = &invoke->text;
	enum status status;

	if (!event->has_data)
		return STATUS_OK;
	invoke->events++;
	buf_reset(data, KEEP);
	buf_reset(text, KEEP);
	decode_add_data(data, event);
	if (translate_is_error(event->name, buf_slice(data))) {
		take_failure(invoke);
		return STATUS_OK;
	}
	if (invoke->whole)
		translate_add_whole(&invoke->translate, text, buf_slice(data));
	else
		translate_add_text(
		    &invoke->translate, text, event->name, buf_slice(data));
	if (buf_status(data) != STATUS_OK || buf_status(text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	status = console_write(&invoke->console, buf_slice(text));
	invoke->heard_ms = clock_mono_ms(); /* it was the reader's silence */
	return status;
}

static void on_end(void *ctx, enum status status)
{
	struct invoke *invoke = ctx;

	invoke->upstream = NULL;
	if (status == STATUS_OK && invoke->events == 0)
		status = STATUS_UPSTREAM_EMPTY;
	end(invoke, status);
}

/* ---- the question ---- */

/* One byte more than it may have is enough to know. */
static enum status read_input(struct invoke *invoke)
{
	size_t most = (size_t)invoke->config->max_prompt + 1;
	struct buf *input = &invoke->input;
	char bytes[READ_SIZE];
	ssize_t n = 1;

	buf_init(input, most);
	while (n != 0 && input->len < most) {
		size_t room = most - input->len;

		n = read(invoke->options->in, bytes,
		    room < sizeof bytes ? room : sizeof bytes);
		if (n > 0)
			buf_add(input, (struct slice){bytes, (size_t)n});
		else if (n < 0 && errno != EINTR)
			return STATUS_REQUEST_CUT;
		if (buf_status(input) != STATUS_OK)
			return STATUS_NO_MEMORY;
	}
	return STATUS_OK;
}

/* As if it had come as text/plain: the same rules, the same payload. */
static enum status read_prompt(
    struct invoke *invoke, struct request *request, struct arena *arena)
{
	struct request_rules rules = {
	    .max_prompt = (size_t)invoke->config->max_prompt};
	struct slice prompt = slice_from(invoke->options->prompt);
	struct table params = {0};
	enum status status = table_add(
	    &params, arena, SLICE("CONTENT_TYPE"), SLICE("text/plain"));

	if (status == STATUS_OK && slice_equal(prompt, SLICE("-"))) {
		status = read_input(invoke);
		prompt = buf_slice(&invoke->input);
	}
	if (status == STATUS_OK)
		status = request_parse_input(
		    request, &params, prompt, false, &rules, arena);
	return status;
}

/* A terminal wants the answer alone. */
static void on_usage(void *ctx, struct slice usage)
{
	(void)ctx;
	(void)usage;
}

static enum status start(struct invoke *invoke, const struct request *request)
{
	static const struct upstream_callbacks callbacks = {
	    .began = on_began,
	    .full = on_full,
	    .alive = on_alive,
	    .event = on_event,
	    .usage = on_usage,
	    .end = on_end,
	};
	struct upstream_request wanted = {
	    .agent = invoke->agent,
	    .session_id = invoke->session_id,
	    .request_id = invoke->request_id,
	    .state_dir = invoke->config->state_dir,
	    .payload = request->payload,
	    .prompt = request->prompt,
	};
	struct trust trust = trust_find(invoke->config->ca_file, env_get, true);

	(void)signal(SIGPIPE, SIG_IGN);
	invoke->loop = loop_new();
	if (invoke->loop == NULL)
		return STATUS_NO_MEMORY;
	invoke->http = http_new(invoke->loop,
	    &(struct http_options){.ca_file = trust.file, .ca_dir = trust.dir});
	invoke->timer = loop_timer_new(invoke->loop, on_timer, invoke);
	if (invoke->http == NULL || invoke->timer == NULL)
		return STATUS_NO_MEMORY;
	invoke->upstreams =
	    upstream_shared_new(&(struct upstream_options){.loop = invoke->loop,
		.http = invoke->http,
		.getenv = env_get,
		.cache_dir = invoke->config->state_dir});
	if (invoke->upstreams == NULL)
		return STATUS_NO_MEMORY;
	return upstream_start(
	    invoke->upstreams, &wanted, &callbacks, invoke, &invoke->upstream);
}

/* ---- the command ---- */

/* Ask, until the answer has ended. */
static int converse(struct invoke *invoke, const struct request *request)
{
	enum status status;

	invoke->started_ms = invoke->heard_ms = clock_mono_ms();
	status = start(invoke, request);
	if (status != STATUS_OK) {
		fail(invoke, status);
	} else {
		loop_timer_start(invoke->timer, 0);
		loop_run(invoke->loop);
	}
	fail(invoke, console_end(&invoke->console));
	if (invoke->failure == STATUS_OK && invoke->console.last == '\0')
		(void)fprintf(stderr,
		    "agentcgi: no text in the answer (events: %llu)\n",
		    (unsigned long long)invoke->events);
	if (invoke->failure != STATUS_OK &&
	    invoke->failure != STATUS_CLIENT_GONE)
		console_tell(invoke->failure);
	if (invoke->began && invoke->options->session_id == NULL)
		(void)fprintf(
		    stderr, "agentcgi: session %s\n", invoke->session_id);
	return invoke->failure == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
}

/* Wrong use, or what else kept a prompt from being read. */
static int refuse(enum status status)
{
	if (status == STATUS_REQUEST_CUT)
		(void)fprintf(stderr, "agentcgi: cannot read the prompt: %s\n",
		    strerror(errno));
	else
		console_tell(status);
	return status == STATUS_REQUEST_CUT || status == STATUS_NO_MEMORY
	    ? EXIT_FAILED
	    : EXIT_WRONG_USE;
}

static void tell_agents(const struct config *config)
{
	const struct config_agent *agent = config->agents;

	(void)fprintf(stderr, "agentcgi: there are:");
	for (; agent != NULL; agent = agent->next)
		(void)fprintf(stderr, " %s", agent->name);
	(void)fprintf(stderr, "\n");
}

static int ask(struct invoke *invoke)
{
	const struct invoke_options *options = invoke->options;
	struct request request = {.method = SLICE("POST")};
	struct arena arena;
	enum status status;
	int result;

	invoke->agent =
	    config_agent(invoke->config, slice_from(options->agent));
	if (invoke->agent == NULL) {
		console_tell(STATUS_NO_AGENT);
		tell_agents(invoke->config);
		return EXIT_WRONG_USE;
	}
	digest_random_token(invoke->request_id, REQUEST_ID_LEN);
	session_choose(invoke->session_id, slice_from(options->session_id));
	console_init(&invoke->console, options->out);
	buf_init(&invoke->data, DECODE_MAX_EVENT);
	buf_init(&invoke->text, DECODE_MAX_EVENT);
	arena_init(&arena,
	    ARENA_FACTOR * (size_t)invoke->config->max_prompt + ARENA_SLACK);
	status = read_prompt(invoke, &request, &arena);
	result =
	    status == STATUS_OK ? converse(invoke, &request) : refuse(status);
	arena_free(&arena);
	return result;
}

static void tear_down(struct invoke *invoke)
{
	upstream_shared_free(invoke->upstreams);
	http_free(invoke->http);
	loop_timer_free(invoke->timer);
	loop_free(invoke->loop);
	buf_free(&invoke->data);
	buf_free(&invoke->text);
	buf_free(&invoke->input);
	config_unref(invoke->config);
}

int invoke_run(const struct invoke_options *options)
{
	struct invoke invoke = {.options = options};
	struct config_error error = {"out of memory"};
	int result;

	log_init(LOG_INFO, NULL);
	if (options->session_id != NULL &&
	    !request_session_id_valid(slice_from(options->session_id)))
		return refuse(STATUS_BAD_SESSION);
	if (config_load(options->config, env_get, &invoke.config, &error) !=
	    STATUS_OK) {
		(void)fprintf(stderr, "agentcgi: %s\n", error.text);
		return EXIT_BAD_CONFIG;
	}
	log_set_level(invoke.config->log_level);
	result = ask(&invoke);
	tear_down(&invoke);
	return result;
}
