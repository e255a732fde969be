#include "translate.h"

#include <string.h>

#include "buf.h"
#include "json.h"

/* An item of an array is found by counting from its start: more of them would
 * let one event of 10 MB keep a worker busy for hours. */
#define MAX_ITEMS 2048

static bool text_at(
    const struct json *json, const char *name, struct slice *text)
{
	return json_string(json_get(json, name), text);
}

static bool contains(struct slice text, struct slice needle)
{
	return slice_find(text, needle) < text.len;
}

/* Whether the value of an "error" member says that there is one.  AG-UI's
 * RUN_ERROR is not one here: the contract rewrites only "error". */
static bool says_error(const struct json *error)
{
	struct buf literal;
	struct slice text;
	bool says;

	if (json_is_null(error) || json_at(error, 0) != NULL)
		return false;
	if (error == NULL || json_string(error, &text))
		return error != NULL && text.len > 0;
	buf_init(&literal, 8);
	json_add(&literal, error);
	text = buf_slice(&literal);
	/* Spoilt: long, so not empty, or memory is out: rather keep a
	 * client from reading an error than show it. */
	says = buf_status(&literal) != STATUS_OK ||
	    (!slice_equal(text, SLICE("{}")) &&
		!slice_equal(text, SLICE("[]")) &&
		!slice_equal(text, SLICE("false")));
	buf_free(&literal);
	return says;
}

bool translate_is_error(struct slice name, struct slice data)
{
	struct json *json;
	bool is_error;

	if (slice_equal(name, SLICE("error")))
		return true;
	if (!contains(data, SLICE("\"error\"")))
		return false;
	if (json_parse(data, &json) == STATUS_NO_MEMORY)
		return true;
	is_error = says_error(json_get(json, "error"));
	json_free(json);
	return is_error;
}

/* What is said by one event. */
struct say {
	struct translate *heard;
	struct buf *out;
};

/* Each say_ function returns whether it knew the shape and the shape is one
 * that carries text, even if there was none in it. */
static bool say_piece(struct say *say, struct slice text)
{
	buf_add(say->out, text);
	if (text.len > 0)
		say->heard->heard_text = true;
	return true;
}

/* A piece that a summary may say again. */
static bool say_delta(struct say *say, struct slice text)
{
	say->heard->heard_delta = true;
	return say_piece(say, text);
}

/* Message content: a string, or blocks of which those of text count. */
static bool say_content(struct say *say, const struct json *content)
{
	struct slice text, type;
	struct json *block;
	bool said = false;

	if (json_string(content, &text))
		return say_piece(say, text);
	for (size_t i = 0; i < MAX_ITEMS; i++) {
		if ((block = json_at(content, i)) == NULL)
			break;
		if (text_at(block, "type", &type) &&
		    !slice_equal(type, SLICE("text")) &&
		    !slice_equal(type, SLICE("output_text")))
			continue;
		if (json_string(block, &text) || text_at(block, "text", &text))
			said = say_piece(say, text);
	}
	return said;
}

static bool begins_with_one(struct slice text, const char *const *words)
{
	while (*words != NULL && !slice_starts(text, slice_from(*words)))
		words++;
	return *words != NULL;
}

/* Whether the words are a user's or a tool's, not the agent's. */
static bool is_foreign(const struct json *message)
{
	static const char *const others[] = {
	    "user", "human", "tool", "system", "developer", NULL};
	struct slice who;

	return (text_at(message, "role", &who) ||
		   text_at(message, "type", &who)) &&
	    begins_with_one(who, others);
}

/* A message or a result that holds one, as Strands and Converse nest them. */
static bool say_message(struct say *say, const struct json *message)
{
	struct slice text;

	if (json_string(message, &text))
		return say_piece(say, text);
	if (json_is_object(json_get(message, "message")))
		message = json_get(message, "message");
	else if (json_is_object(json_get(message, "lastMessage")))
		message = json_get(message, "lastMessage");
	if (is_foreign(message))
		return false;
	if (text_at(message, "text", &text))
		return say_piece(say, text);
	return say_content(say, json_get(message, "content"));
}

/* A message that says again what was streamed, if it was. */
static bool say_summary(struct say *say, const struct json *message)
{
	bool heard = say->heard->heard_text;
	bool said;

	if (heard)
		return false;
	said = say_message(say, message);
	/* Agents that stream {"result":...} pieces must not lose the second:
	 * only what is no summary makes a summary superfluous. */
	if (json_string(message, &(struct slice){0}))
		say->heard->heard_text = heard;
	return said;
}

/* LangGraph's final state: the last message is the answer. */
static bool say_last(struct say *say, const struct json *messages)
{
	const struct json *last = NULL, *message;

	for (size_t i = 0; i < MAX_ITEMS; i++)
		if ((message = json_at(messages, i)) != NULL)
			last = message;
	return last != NULL && say_summary(say, last);
}

/* Converse, alone or in Strands' "event": {"contentBlockDelta":{"delta":..}};
 * Strands for TypeScript: {"type":"modelContentBlockDeltaEvent",...};
 * Anthropic: {"type":"content_block_delta",...}.  False if it is none;
 * *said then tells nothing. */
static bool say_block_delta(
    struct say *say, const struct json *event, bool *said)
{
	const struct json *block = json_get(event, "contentBlockDelta");
	const struct json *delta = json_get(block, "delta");
	struct slice type, text;

	if (block == NULL) {
		if (!text_at(event, "type", &type) ||
		    (!slice_equal(type, SLICE("modelContentBlockDeltaEvent")) &&
			!slice_equal(type, SLICE("content_block_delta"))))
			return false;
		delta = json_get(event, "delta");
	}
	*said = text_at(delta, "text", &text) &&
	    (!text_at(delta, "type", &type) ||
		slice_equal(type, SLICE("textDelta")) ||
		slice_equal(type, SLICE("text_delta"))) &&
	    say_delta(say, text);
	return true;
}

/* OpenAI: choices[0] of a chunk or of a whole completion. */
static bool say_choice(struct say *say, const struct json *choice)
{
	const struct json *delta = json_get(choice, "delta");
	struct slice text;

	if (delta != NULL)
		return text_at(delta, "content", &text) && say_delta(say, text);
	if (json_get(choice, "message") != NULL)
		return say_summary(say, choice);
	return text_at(choice, "text", &text) && say_delta(say, text);
}

/* What the "type" of an event means for its text. */
enum kind {
	KIND_PLAIN,  /* nothing in particular */
	KIND_SILENT, /* thoughts, tools, life cycle */
	KIND_DELTA,  /* a piece of text */
	KIND_SUMMARY /* the whole of it */
};

/* AG-UI's types: RUN_STARTED, TOOL_CALL_ARGS, CUSTOM, ... */
static bool is_shouted(struct slice type)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	for (size_t i = 0; i < type.len; i++)
		if (strchr(letters, type.ptr[i]) == NULL)
			return false;
	return type.len > 0;
}

static enum kind kind_of(struct slice type)
{
	static const struct {
		const char *type;
		enum kind kind;
	} exact[] = {
	    {"TEXT_MESSAGE_CONTENT", KIND_DELTA},       /* AG-UI */
	    {"TEXT_MESSAGE_CHUNK", KIND_DELTA},         /* AG-UI */
	    {"text-delta", KIND_DELTA},                 /* Vercel AI */
	    {"response.output_text.delta", KIND_DELTA}, /* OpenAI */
	    {"agentResultEvent", KIND_SUMMARY},         /* Strands */
	};
	static const char *const silent[] = {"error", "human", "reasoning",
	    "response.", "system", "thinking", "tool", NULL};

	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		if (slice_equal(type, slice_from(exact[i].type)))
			return exact[i].kind;
	if (begins_with_one(type, silent) || is_shouted(type) ||
	    slice_ends(type, SLICE("Event")))
		return KIND_SILENT;
	return KIND_PLAIN;
}

static bool say_summary_object(struct say *say, const struct json *json)
{
	static const char *const names[] = {
	    "result", "output", "response", "message"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_get(json, names[i]) != NULL)
			return say_summary(say, json_get(json, names[i]));
	return say_summary(say, json);
}

static bool say_typed_delta(struct say *say, const struct json *json)
{
	struct slice text;

	return (text_at(json, "delta", &text) ||
		   text_at(json, "textDelta", &text) ||
		   text_at(json, "text", &text)) &&
	    say_delta(say, text);
}

/* Objects without a dialect: the first name that is there decides. */
static bool say_plain(struct say *say, const struct json *json)
{
	const struct json *data = json_get(json, "data");
	const struct json *delta = json_get(json, "delta");
	struct slice text;

	if (data != NULL) {
		/* Strands says its deltas a second time under this name. */
		if (json_string(data, &text))
			return !say->heard->heard_delta && say_piece(say, text);
		/* LangGraph's on_chat_model_stream. */
		return say_content(
		    say, json_get(json_get(data, "chunk"), "content"));
	}
	if (delta != NULL)
		return json_string(delta, &text) ? say_piece(say, text)
						 : say_message(say, delta);
	if (json_get(json, "text") != NULL || json_get(json, "content") != NULL)
		return say_message(say, json);
	if (json_get(json, "kwargs") != NULL) /* LangChain's serialisation */
		return say_message(say, json_get(json, "kwargs"));
	if (text_at(json, "response", &text))
		return !say->heard->heard_delta && say_piece(say, text);
	if (json_get(json, "messages") != NULL)
		return say_last(say, json_get(json, "messages"));
	if (json_string(json_get(json, "message"), &text) &&
	    json_get(json, "type") != NULL)
		return false; /* {"type":"status","message":"working"} */
	return say_summary_object(say, json);
}

static bool say_object(struct say *say, const struct json *json)
{
	const struct json *event = json_get(json, "event");
	enum kind kind = KIND_PLAIN;
	struct slice type;
	bool said = false;

	if (says_error(json_get(json, "error")))
		return false;
	if (json_is_object(event)) {
		(void)say_block_delta(say, event, &said);
		return said;
	}
	if (say_block_delta(say, json, &said))
		return said;
	if (json_get(json, "choices") != NULL)
		return say_choice(say, json_at(json_get(json, "choices"), 0));
	if (text_at(json, "type", &type))
		kind = kind_of(type);
	if (kind == KIND_DELTA)
		return say_typed_delta(say, json);
	if (kind == KIND_SUMMARY)
		return say_summary_object(say, json);
	return kind == KIND_PLAIN && say_plain(say, json);
}

/* Python's SDK sends what it cannot serialise as str(object): Strands events
 * that hold live objects.  One sign is enough where deltas carry the text;
 * before the first of them it takes both. */
static bool is_repr(const struct translate *heard, struct slice text)
{
	bool brace = slice_starts(text, SLICE("{'"));
	bool object = contains(text, SLICE(" object at 0x"));

	return heard->heard_delta ? brace || object : brace && object;
}

/* json was parsed from data. */
static bool say_json(
    struct say *say, const struct json *json, struct slice data)
{
	struct slice text;

	if (json_string(json, &text))
		return !is_repr(say->heard, text) && say_piece(say, text);
	if (json_is_object(json))
		return say_object(say, json);
	/* LangGraph's stream of messages: [message, metadata]. */
	if (contains(data, SLICE("[")))
		return json_is_object(json_at(json, 0)) &&
		    say_object(say, json_at(json, 0));
	if (!json_is_null(json)) /* may be plain text: " 2026", "1.0" */
		buf_add(say->out, data);
	return true;
}

/* False if data is JSON that says no text. */
static bool say_data(struct say *say, struct slice data)
{
	struct json *json;
	enum status status = json_parse(data, &json);
	bool said = true;

	if (status == STATUS_OK)
		said = say_json(say, json, data);
	else if (status == STATUS_NO_MEMORY)
		say->out->status = STATUS_NO_MEMORY;
	else
		said = say_piece(say, data);
	json_free(json);
	return said;
}

void translate_add_text(struct translate *translate, struct buf *out,
    struct slice name, struct slice data)
{
	struct say say = {.heard = translate, .out = out};

	/* OpenAI's end mark is no text. */
	if (!slice_equal(name, SLICE("error")) &&
	    !slice_equal(slice_trim(data), SLICE("[DONE]")))
		(void)say_data(&say, data);
}

void translate_add_whole(
    struct translate *translate, struct buf *out, struct slice document)
{
	struct say say = {.heard = translate, .out = out};

	if (!translate_is_error((struct slice){0}, document) &&
	    !say_data(&say, document))
		(void)say_piece(&say, document);
}
