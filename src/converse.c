#include "converse.h"

#include <stdio.h>

#include "agent.h"
#include "json.h"
#include "log.h"

enum {
	/* Memory kept between events: most are shorter. */
	KEEP = 2048,
	MAX_USAGE = 4096 /* a dozen counters take 300 bytes */
};

/* ---- the request ---- */

/* What is there only if something is in it. */
struct list {
	struct buf *out;
	const char *opening;
	bool begun;
};

static void list_next(struct list *list)
{
	buf_add_text(list->out, list->begun ? "," : list->opening);
	list->begun = true;
}

static void list_end(struct list *list, char closing)
{
	if (list->begun)
		buf_add_char(list->out, closing);
}

static void add_member(struct list *list, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	list_next(list);
	buf_addf(list->out, "\"%s\":%s", name, value);
}

static void add_content(struct buf *out, struct slice text)
{
	buf_add_text(out, "[{\"text\":");
	json_add_string(out, text);
	buf_add_text(out, "}]");
}

void converse_add_message(struct buf *out, const char *role, struct slice text)
{
	buf_addf(out, "{\"role\":\"%s\",\"content\":", role);
	add_content(out, text);
	buf_add_char(out, '}');
}

static void add_stop(struct list *config, struct slice rest)
{
	struct list stop = {
	    .out = config->out, .opening = "\"stopSequences\":["};

	while (rest.len > 0) {
		struct slice sequence = slice_trim(slice_cut(&rest, ','));

		if (sequence.len == 0)
			continue;
		if (!stop.begun)
			list_next(config);
		list_next(&stop);
		json_add_string(config->out, sequence);
	}
	list_end(&stop, ']');
}

void converse_add_request(struct buf *out, const struct config_agent *agent,
    struct slice history, struct slice prompt)
{
	struct list config = {.out = out, .opening = ",\"inferenceConfig\":{"};
	char tokens[24] = "";

	buf_add_text(out, "{\"messages\":[");
	buf_add(out, history);
	if (history.len > 0)
		buf_add_char(out, ',');
	converse_add_message(out, "user", prompt);
	buf_add_char(out, ']');
	if (agent->system[0] != '\0') {
		buf_add_text(out, ",\"system\":");
		add_content(out, slice_from(agent->system));
	}
	if (agent->max_tokens > 0)
		(void)snprintf(tokens, sizeof tokens, "%llu",
		    (unsigned long long)agent->max_tokens);
	add_member(&config, "maxTokens", tokens);
	add_member(&config, "temperature", agent->temperature);
	add_member(&config, "topP", agent->top_p);
	add_stop(&config, slice_from(agent->stop));
	list_end(&config, '}');
	if (agent->guardrail[0] != '\0') {
		buf_add_text(out,
		    ",\"guardrailConfig\":{"
		    "\"guardrailIdentifier\":");
		json_add_string(out, slice_from(agent->guardrail));
		buf_add_text(out, ",\"guardrailVersion\":");
		json_add_string(out, slice_from(agent->guardrail_version));
		buf_add_char(out, '}');
	}
	buf_add_char(out, '}');
}

/* ---- the answer ---- */

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
			return false;
	}
	return name.len > 0;
}

/* What the answer is for the conversation and for the record.  A text above
 * its ceiling is no failure of the answer. */
static enum status keep(
    struct converse *converse, struct slice name, const struct json *payload)
{
	const struct json *usage = json_get(payload, "usage");
	struct slice text;

	if (slice_equal(name, SLICE("messageStop")))
		converse->stopped = true;
	if (slice_equal(name, SLICE("contentBlockDelta")) &&
	    json_string(json_get(json_get(payload, "delta"), "text"), &text))
		buf_add(&converse->text, text);
	if (slice_equal(name, SLICE("metadata")) && json_is_object(usage)) {
		buf_clear(&converse->usage);
		json_add(&converse->usage, usage);
		if (buf_status(&converse->usage) == STATUS_TOO_LARGE)
			buf_clear(&converse->usage);
	}
	if (buf_status(&converse->usage) != STATUS_OK ||
	    buf_status(&converse->text) == STATUS_NO_MEMORY)
		return STATUS_NO_MEMORY;
	return STATUS_OK;
}

/* Line ends can only stand between tokens, where blanks mean the same. */
static void blank_line_ends(struct buf *buf)
{
	for (size_t i = 0; i < buf->len; i++)
		if (buf->ptr[i] == '\n' || buf->ptr[i] == '\r')
			buf->ptr[i] = ' ';
}

static enum status deliver(struct converse *converse,
    const struct eventstream_message *message, const struct json *payload)
{
	struct buf *lines = &converse->lines;
	struct decode_event event = {.end = SLICE("\n"), .has_data = true};
	enum status status;

	buf_add_text(lines, "data: {\"event\":{\"");
	buf_add(lines, message->name);
	buf_add_text(lines, "\":");
	json_add_without(lines, payload, message->payload, "p");
	blank_line_ends(lines);
	buf_add_text(lines, "}}\n");
	event.lines = buf_slice(lines);
	status = buf_status(lines);
	if (status == STATUS_OK)
		status = converse->callback(converse->ctx, &event);
	buf_reset(lines, KEEP);
	return status;
}

static enum status take_event(
    struct converse *converse, const struct eventstream_message *message)
{
	struct json *payload = NULL;
	enum status status;

	/* The protocol's own, such as initial-response, are not the
	 * model's. */
	if (!is_name(message->name))
		return STATUS_OK;
	status = json_parse(message->payload, &payload);
	if (status == STATUS_OK && json_is_object(payload)) {
		status = keep(converse, message->name, payload);
		if (status == STATUS_OK)
			status = deliver(converse, message, payload);
	} else if (status != STATUS_NO_MEMORY) {
		log_write(LOG_WARNING,
		    "request=%s the model sent an event that is none: check "
		    "the agent's endpoint",
		    converse->request_id);
		status = STATUS_UPSTREAM_ERROR;
	}
	json_free(payload);
	return status;
}

static enum status take_exception(
    struct converse *converse, const struct eventstream_message *message)
{
	static const struct {
		const char *name;
		enum status status;
	} known[] = {
	    {"throttlingException", STATUS_UPSTREAM_THROTTLED},
	    {"serviceUnavailableException", STATUS_UPSTREAM_THROTTLED},
	    {"modelStreamErrorException", STATUS_AGENT_FAILED},
	    {"modelErrorException", STATUS_AGENT_FAILED},
	    {"modelTimeoutException", STATUS_UPSTREAM_TIMEOUT},
	};
	struct slice name = message->name;

	log_write(LOG_WARNING,
	    "request=%s the model reported %.*s (log_level = debug shows its "
	    "words)",
	    converse->request_id,
	    SLICE_ARG(is_name(name) ? name : SLICE("an error")));
	log_write(LOG_DEBUG, "request=%s the model said: %.*s",
	    converse->request_id, SLICE_ARG(message->payload));
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_equal_nocase(name, slice_from(known[i].name)))
			return known[i].status;
	return STATUS_UPSTREAM_ERROR;
}

static enum status take_message(
    void *ctx, const struct eventstream_message *message)
{
	struct converse *converse = ctx;
	enum status status;

	if (message->kind == EVENTSTREAM_EVENT)
		status = take_event(converse, message);
	else
		status = take_exception(converse, message);
	converse->in_message = status != STATUS_OK;
	return status;
}

enum status converse_feed(struct converse *converse, struct slice bytes)
{
	enum status status = eventstream_feed(&converse->stream, bytes);

	if (status == STATUS_UPSTREAM_ERROR && !converse->in_message)
		log_write(LOG_WARNING,
		    "request=%s the model's answer is no event stream, or was "
		    "damaged on its way: check the agent's endpoint, and any "
		    "proxy before it",
		    converse->request_id);
	return status;
}

enum status converse_finish(struct converse *converse)
{
	enum status status = eventstream_finish(&converse->stream);

	if (status == STATUS_OK && !converse->stopped)
		status = STATUS_UPSTREAM_CUT;
	if (status == STATUS_OK &&
	    buf_status(&converse->text) == STATUS_TOO_LARGE)
		log_write(LOG_INFO,
		    "request=%s an answer has more than %u bytes: the model "
		    "will not remember it",
		    converse->request_id, CONVERSE_MAX_TEXT);
	return status;
}

void converse_init(struct converse *converse, const char *request_id,
    decode_callback *callback, void *ctx)
{
	*converse = (struct converse){.callback = callback, .ctx = ctx};
	(void)snprintf(converse->request_id, sizeof converse->request_id, "%s",
	    request_id);
	eventstream_init(&converse->stream, take_message, converse);
	buf_init(&converse->lines, DECODE_MAX_EVENT);
	buf_init(&converse->text, CONVERSE_MAX_TEXT);
	buf_init(&converse->usage, MAX_USAGE);
}

void converse_free(struct converse *converse)
{
	eventstream_free(&converse->stream);
	buf_free(&converse->lines);
	buf_free(&converse->text);
	buf_free(&converse->usage);
}
