#include "../../src/translate.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

static struct buf out;

/* The text of a stream of unnamed events; ends with NULL. */
static struct slice say(const char *const *events)
{
	struct translate translate = {0};

	buf_free(&out);
	buf_init(&out, 1 << 20);
	for (; *events != NULL; events++)
		translate_add_text(
		    &translate, &out, (struct slice){0}, slice_from(*events));
	CHECK(buf_status(&out) == STATUS_OK);
	return buf_slice(&out);
}

static struct slice say_whole(const char *document)
{
	struct translate translate = {0};

	buf_free(&out);
	buf_init(&out, 1 << 20);
	translate_add_whole(&translate, &out, slice_from(document));
	CHECK(buf_status(&out) == STATUS_OK);
	return buf_slice(&out);
}

/* CHECK_SLICE looks at its argument twice. */
#define SAYS(wanted, ...)                                          \
	do {                                                       \
		struct slice said =                                \
		    say((const char *const[]){__VA_ARGS__, NULL}); \
		CHECK_SLICE(said, SLICE(wanted));                  \
	} while (0)
#define WHOLE(wanted, document)                          \
	do {                                             \
		struct slice said = say_whole(document); \
		CHECK_SLICE(said, SLICE(wanted));        \
	} while (0)

static bool is_error(const char *name, const char *data)
{
	return translate_is_error(slice_from(name), slice_from(data));
}

TEST(errors)
{
	CHECK(is_error("error", ""));
	CHECK(is_error("error", "{\"error\":null}"));
	CHECK(is_error("", "{\"error\": \"x\", \"error_type\": \"E\"}"));
	CHECK(is_error("", " {\"error\":{\"message\":\"x\"}}"));
	CHECK(is_error("message", "{\"a\":1,\"error\":true}"));
	CHECK(is_error("", "{\"error\":500}"));
	CHECK(is_error("", "{\"error\":1234567890.5}"));
}

TEST(what_is_no_error)
{
	CHECK(!is_error("", ""));
	CHECK(!is_error("Error", "x"));
	CHECK(!is_error("", "{\"error\":null}"));
	CHECK(!is_error("", "{\"error\":\"\"}"));
	CHECK(!is_error("", "{\"error\":false}"));
	CHECK(!is_error("", "{\"error\": { } }"));
	CHECK(!is_error("", "{\"error\":[]}"));
	CHECK(!is_error("", "{\"error\":[\"a long one, spoils\"]}"));
	CHECK(!is_error("", "{\"text\":\"an \\\"error\\\"\"}"));
	CHECK(!is_error("", "{\"a\":{\"error\":\"x\"}}"));
	CHECK(!is_error("", "\"error\""));
	CHECK(!is_error("", "[\"error\"]"));
	CHECK(!is_error("", "no JSON: \"error\": 1"));
	CHECK(!is_error("", "{\"type\":\"RUN_ERROR\",\"message\":\"x\"}"));
}

TEST(an_event_without_the_word_costs_no_memory)
{
	alloc_fail_at(0);
	CHECK(!is_error("message", "{\"text\":\"hello, errors\"}"));
	CHECK(!alloc_failed());
}

TEST(errors_carry_no_text)
{
	struct translate translate = {0};

	SAYS("a", "\"a\"", "{\"error\":\"x\",\"message\":\"y\"}",
	    "{\"type\":\"RUN_ERROR\",\"message\":\"x\",\"delta\":\"d\"}",
	    "{\"type\":\"error\",\"text\":\"x\"}");
	SAYS("a", "{\"error\":null,\"text\":\"a\"}");
	buf_clear(&out);
	translate_add_text(&translate, &out, SLICE("error"), SLICE("text"));
	CHECK(out.len == 0 && !translate.heard_text);
	translate_add_text(&translate, &out, SLICE("message"), SLICE("text"));
	CHECK_SLICE(buf_slice(&out), SLICE("text"));
}

TEST(plain_values)
{
	SAYS("hello w\nline2", "\"hello w\\nline2\"");
	SAYS("hello \"w\"\nline2", "hello \"w\"\nline2");
	SAYS(" a {b ", " a ", "{b ");
	SAYS("", "\"\"", "");
	SAYS("42true-1.5", "42", "null", "true", "-1.5");
	SAYS("", "[\"list\",1]", "[]", "{}");
	SAYS("a", "{\"text\": \"a\"}", "[DONE]");
	SAYS("\xe7\x94\xb2\xe4\xb9\x99", "{\"text\": \"\xe7\x94\xb2\"}",
	    "{\"type\": \"status\", \"message\": \"thinking\"}",
	    "{\"text\": \"\xe4\xb9\x99\"}");
	SAYS("x", "{\"event\":\"no-data\",\"text\":\"x\"}");
}

TEST(simple_objects)
{
	SAYS("abcdef", "{\"data\":\"a\"}", "{\"delta\":\"b\"}",
	    "{\"delta\":{\"text\":\"c\"}}", "{\"text\":\"d\"}",
	    "{\"content\":\"e\"}", "{\"response\":\"f\"}");
	SAYS("ab", "{\"result\":\"a\"}", "{\"result\":\"b\"}");
	SAYS("ab", "{\"output\":\"a\"}", "{\"output\":\"b\"}");
	SAYS("ab", "\"a\"", "\"b\"", "{\"result\":\"ab\"}",
	    "{\"message\":{\"content\":[{\"text\":\"ab\"}]}}");
	SAYS("", "{\"role\":\"user\",\"content\":\"mine\"}",
	    "{\"type\":\"tool\",\"content\":\"out\"}",
	    "{\"type\":\"thinking\",\"text\":\"hm\"}",
	    "{\"type\":\"reasoning-delta\",\"delta\":\"hm\"}",
	    "{\"type\":\"tool-input-delta\",\"delta\":\"{\"}");
}

TEST(strands_for_python)
{
	SAYS("Hello", "{\"init_event_loop\": true}",
	    "\"{'start': True, 'agent': <strands.Agent object at 0x7f>}\"",
	    "{\"event\": {\"messageStart\": {\"role\": \"assistant\"}}}",
	    "{\"event\": {\"contentBlockDelta\": {\"delta\":"
	    " {\"reasoningContent\": {\"text\": \"hm\"}}}}}",
	    "{\"reasoningText\": \"hm\", \"reasoning\": true, \"delta\":"
	    " {\"reasoningContent\": {\"text\": \"hm\"}}}",
	    "{\"event\": {\"contentBlockDelta\": {\"delta\":"
	    " {\"text\": \"Hel\"}, \"contentBlockIndex\": 0}}}",
	    "{\"data\": \"Hel\", \"delta\": {\"text\": \"Hel\"}}",
	    "\"{'data': 'Hel', 'delta': {'text': 'Hel'}}\"",
	    "\"<strands.Agent object at 0x7f12>\"",
	    "{\"event\": {\"contentBlockDelta\": {\"delta\":"
	    " {\"text\": \"lo\"}, \"contentBlockIndex\": 0}}}",
	    "{\"data\": \"lo\"}",
	    "{\"event\": {\"contentBlockDelta\": {\"delta\":"
	    " {\"toolUse\": {\"input\": \"{\"}}}}}",
	    "{\"type\": \"tool_use_stream\", \"delta\": {\"toolUse\": {}}}",
	    "{\"message\": {\"role\": \"assistant\", \"content\":"
	    " [{\"text\": \"Hello\"}]}}",
	    "{\"result\": {\"stop_reason\": \"end_turn\", \"message\":"
	    " {\"role\": \"assistant\", \"content\":"
	    " [{\"text\": \"Hello\"}]}}}",
	    "{\"result\": \"Hello\"}");
	SAYS("Hi {'a': 1}", "{\"data\": \"Hi \"}", "\"{'a': 1}\"");
}

#define TS_DELTA(delta)                                             \
	"{\"type\":\"modelStreamUpdateEvent\",\"event\":{\"type\":" \
	"\"modelContentBlockDeltaEvent\",\"delta\":" delta "}}"

TEST(strands_for_typescript)
{
	SAYS("",
	    "{\"type\":\"modelMessageEvent\",\"message\":{\"role\":"
	    "\"assistant\",\"content\":[{\"text\":\"ab\"}]}}");
	SAYS("ab", "{\"type\":\"beforeInvocationEvent\"}",
	    "{\"type\":\"messageAddedEvent\",\"message\":{\"role\":\"user\","
	    "\"content\":[{\"text\":\"question\"}]}}",
	    TS_DELTA("{\"type\":\"reasoningContentDelta\",\"text\":\"hm\"}"),
	    "{\"type\":\"contentBlockEvent\",\"contentBlock\":{\"reasoning\":{"
	    "\"text\":\"hm\"}}}",
	    TS_DELTA("{\"type\":\"textDelta\",\"text\":\"a\"}"),
	    TS_DELTA("{\"type\":\"textDelta\",\"text\":\"b\"}"),
	    TS_DELTA("{\"type\":\"toolUseInputDelta\",\"input\":\"{\"}"),
	    "{\"type\":\"contentBlockEvent\",\"contentBlock\":{\"text\":"
	    "\"ab\"}}",
	    "{\"type\":\"toolResultEvent\",\"result\":{\"toolResult\":{"
	    "\"content\":[{\"text\":\"sunny\"}]}}}",
	    "{\"type\":\"messageAddedEvent\",\"message\":{\"role\":"
	    "\"assistant\",\"content\":[{\"text\":\"ab\"}]}}",
	    "{\"type\":\"agentResultEvent\",\"result\":{\"type\":"
	    "\"agentResult\",\"lastMessage\":{\"role\":\"assistant\","
	    "\"content\":[{\"text\":\"ab\"}]}}}");
	SAYS("ab",
	    "{\"type\":\"agentResultEvent\",\"result\":{\"type\":"
	    "\"agentResult\",\"lastMessage\":{\"role\":\"assistant\","
	    "\"content\":[{\"reasoning\":{\"text\":\"hm\"}},"
	    "{\"text\":\"a\"},{\"text\":\"b\"}]}}}");
}

TEST(ag_ui)
{
	SAYS("Hello", "{\"type\":\"RUN_STARTED\",\"runId\":\"r\"}",
	    "{\"type\":\"TEXT_MESSAGE_START\",\"role\":\"assistant\"}",
	    "{\"type\":\"THINKING_TEXT_MESSAGE_CONTENT\",\"delta\":\"hm\"}",
	    "{\"type\":\"TEXT_MESSAGE_CONTENT\",\"delta\":\"Hel\"}",
	    "{\"type\":\"TEXT_MESSAGE_CHUNK\",\"delta\":\"lo\"}",
	    "{\"type\":\"TEXT_MESSAGE_CHUNK\"}",
	    "{\"type\":\"TOOL_CALL_ARGS\",\"delta\":\"{\"}",
	    "{\"type\":\"TOOL_CALL_RESULT\",\"content\":\"x\"}",
	    "{\"type\":\"MESSAGES_SNAPSHOT\",\"messages\":["
	    "{\"role\":\"assistant\",\"content\":\"Hello\"}]}",
	    "{\"type\":\"RUN_FINISHED\",\"result\":\"Hello\"}");
}

TEST(openai_anthropic_vercel)
{
	SAYS("Hello",
	    "{\"choices\":[{\"delta\":{\"role\":\"assistant\","
	    "\"content\":\"\"}}]}",
	    "{\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}",
	    "{\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}",
	    "{\"choices\":[{\"delta\":{\"content\":null}}]}",
	    "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
	    "{\"choices\":[],\"usage\":{}}", "[DONE]");
	SAYS("ab", "{\"type\":\"response.output_text.delta\",\"delta\":\"ab\"}",
	    "{\"type\":\"response.output_text.done\",\"text\":\"ab\"}",
	    "{\"type\":\"response.completed\",\"response\":{\"output\":[]}}");
	SAYS("a", "{\"type\":\"message_start\",\"message\":{\"content\":[]}}",
	    "{\"type\":\"content_block_delta\",\"delta\":{\"type\":"
	    "\"text_delta\",\"text\":\"a\"}}",
	    "{\"type\":\"content_block_delta\",\"delta\":{\"type\":"
	    "\"thinking_delta\",\"thinking\":\"b\"}}");
	SAYS("abc", "{\"type\":\"text-delta\",\"delta\":\"a\"}",
	    "{\"type\":\"text-delta\",\"textDelta\":\"b\"}",
	    "{\"type\":\"text-delta\",\"id\":\"0\",\"text\":\"c\"}");
	SAYS("a", "{\"contentBlockDelta\":{\"delta\":{\"text\":\"a\"}}}",
	    "{\"metadata\":{\"usage\":{}}}");
}

TEST(langgraph)
{
	SAYS("Hello",
	    "[{\"content\":\"Hel\",\"type\":\"AIMessageChunk\"},{\"x\":1}]",
	    "{\"content\":[{\"type\":\"text\",\"text\":\"lo\",\"index\":0},"
	    "{\"type\":\"tool_use\",\"text\":\"no\"}],"
	    "\"type\":\"AIMessageChunk\"}",
	    "[{\"content\":\"out\",\"type\":\"tool\"},{\"x\":1}]",
	    "{\"messages\":[{\"type\":\"human\",\"content\":\"?\"},"
	    "{\"type\":\"ai\",\"content\":\"Hello\"}]}");
	SAYS("a",
	    "{\"event\":\"on_chat_model_stream\",\"data\":{\"chunk\":"
	    "{\"content\":\"a\",\"type\":\"AIMessageChunk\"}}}",
	    "{\"event\":\"on_chat_model_end\",\"data\":{\"output\":"
	    "{\"content\":\"a\"}}}");
	SAYS("a",
	    "{\"lc\":1,\"type\":\"constructor\",\"id\":[\"langchain\","
	    "\"AIMessageChunk\"],\"kwargs\":{\"content\":\"a\"}}");
	SAYS("a",
	    "{\"messages\":[{\"type\":\"human\",\"content\":\"?\"},"
	    "{\"type\":\"ai\",\"content\":\"a\"}]}");
	SAYS("", "{\"messages\":[]}",
	    "{\"messages\":[{\"type\":\"human\",\"content\":\"?\"}]}");
}

TEST(whole_documents)
{
	WHOLE("hello", "hello");
	WHOLE("hello", "\"hello\"");
	WHOLE("", "\"\"");
	WHOLE("", "null");
	WHOLE("", "{\"text\":\"\"}");
	WHOLE("42", "42");
	WHOLE("[1,2]", "[1,2]");
	WHOLE("{\"a\": 1}", "{\"a\": 1}");
	WHOLE("{'a': 1}", "\"{'a': 1}\"");
	WHOLE("JSON answer", "{\"result\": \"JSON answer\", \"n\": 8}");
	WHOLE("", "{\"error\": \"handler failed\"}");
	WHOLE("ab",
	    "{\"type\":\"agentResult\",\"stopReason\":\"endTurn\","
	    "\"lastMessage\":{\"role\":\"assistant\",\"content\":["
	    "{\"text\":\"ab\"}]}}");
	WHOLE("ab",
	    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["
	    "{\"text\":\"ab\"}]}},\"stopReason\":\"end_turn\"}");
	WHOLE("ab",
	    "{\"choices\":[{\"message\":{\"role\":\"assistant\","
	    "\"content\":\"ab\"}}]}");
	WHOLE("ab", "{\"message\":\"ab\"}");
}

TEST(many_blocks_take_a_bounded_time)
{
	struct translate translate = {0};
	struct buf document;

	buf_free(&out);
	buf_init(&out, 1 << 20);
	buf_init(&document, 4 << 20);
	buf_add_text(&document, "{\"content\":[\"a\"");
	for (size_t i = 0; i < 200000; i++)
		buf_add_text(&document, ",\"\"");
	buf_add_text(&document, "]}");
	translate_add_whole(&translate, &out, buf_slice(&document));
	CHECK_SLICE(buf_slice(&out), SLICE("a"));
	buf_free(&document);
}

TEST(out_of_memory_is_told)
{
	static const char event[] = "{\"error\":{},\"text\":\"text\"}";

	for (size_t n = 0;; n++) {
		struct translate translate = {0};

		buf_free(&out);
		alloc_fail_at(n);
		translate_add_text(
		    &translate, &out, (struct slice){0}, slice_from(event));
		if (!alloc_failed())
			break;
		/* An error that could not be looked at is taken for one. */
		CHECK(buf_status(&out) == STATUS_NO_MEMORY || out.len == 0);
	}
	CHECK_SLICE(buf_slice(&out), SLICE("text"));
	for (size_t n = 0;; n++) {
		bool error;

		alloc_fail_at(n);
		error = is_error("", "{\"error\":{}}");
		if (!alloc_failed()) {
			CHECK(!error);
			break;
		}
		CHECK(error);
	}
}

int main(void)
{
	int status = tap_run();

	buf_free(&out);
	return status;
}
