#include "answer.h"

#include <string.h>

#include "decode.h"
#include "frame.h"
#include "gateway.h"
#include "json.h"

enum {
	/* A whole answer is kept until its end: as much as one event. */
	TEXT_MAX = DECODE_MAX_EVENT,
	/* A dozen counters. */
	USAGE_MAX = 4096,
	/* Memory that the shared buffers keep between two events. */
	SHARED_KEEP = 16 << 10
};

/* The page's one rule, and what lets a browser use it and no other. */
#define STYLE      "pre{white-space:pre-wrap}"
#define STYLE_HASH "sha256-TEtFzbrsUlnbuYyk8FlPbAtZDZ/d4q+XkM4Y6YA2NKc="

void answer_shared_init(struct answer_shared *shared)
{
	buf_init(&shared->scratch, TEXT_MAX);
	buf_init(&shared->data, DECODE_MAX_EVENT);
}

void answer_shared_free(struct answer_shared *shared)
{
	buf_free(&shared->scratch);
	buf_free(&shared->data);
}

void answer_init(struct answer *answer, const struct answer_options *options,
    struct answer_shared *shared)
{
	*answer = (struct answer){
	    .reply = options->reply,
	    .form = options->form,
	    .incremental = options->incremental,
	    .http = 200,
	    .shared = shared,
	};
	buf_init(&answer->text, TEXT_MAX);
	buf_init(&answer->usage, USAGE_MAX);
	(void)stpncpy(answer->session_id, options->session_id,
	    sizeof answer->session_id - 1);
	(void)stpncpy(
	    answer->run_id, options->run_id, sizeof answer->run_id - 1);
}

void answer_free(struct answer *answer)
{
	buf_free(&answer->text);
	buf_free(&answer->usage);
}

static void put(struct answer *answer, struct slice bytes)
{
	gateway_write(answer->reply.gateway, bytes);
}

static struct buf *fresh(struct answer *answer)
{
	buf_reset(&answer->shared->scratch, SHARED_KEEP);
	return &answer->shared->scratch;
}

static void put_scratch(struct answer *answer)
{
	put(answer, buf_slice(&answer->shared->scratch));
}

static bool is_stream(const struct answer *answer)
{
	return answer->form == ANSWER_SSE || answer->form == ANSWER_AGENT;
}

static const char *content_type(enum request_answer form)
{
	switch (form) {
	case ANSWER_JSON:
		return "application/json";
	case ANSWER_TEXT:
		return "text/plain; charset=utf-8";
	case ANSWER_HTML:
		return "text/html; charset=utf-8";
	case ANSWER_SSE:
	case ANSWER_AGENT:
		break;
	}
	return "text/event-stream; charset=utf-8";
}

void answer_head(struct answer *answer)
{
	const struct reply *reply = &answer->reply;

	reply_begin(reply, 200, content_type(answer->form));
	reply_header(reply, "Cache-Control", SLICE("no-cache, no-transform"));
	reply_header(reply, "X-Accel-Buffering", SLICE("no"));
	if (answer->incremental)
		reply_header(reply, "Incremental", SLICE("?1"));
	if (answer->session_id[0] != '\0')
		reply_header(reply,
		    "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id",
		    slice_from(answer->session_id));
	if (answer->form == ANSWER_HTML)
		reply_header(reply, "Content-Security-Policy",
		    SLICE("default-src 'none'; style-src '" STYLE_HASH "'"));
	reply_body(reply);
	answer->begun = true;
}

static void add_ids(struct buf *out, const struct answer *answer)
{
	buf_add_text(out, "\"sessionId\":");
	json_add_string(out, slice_from(answer->session_id));
	buf_add_text(out, ",\"runId\":");
	json_add_string(out, slice_from(answer->run_id));
}

static void begin_stream(struct answer *answer)
{
	struct buf *data = &answer->shared->data;
	struct buf *out = fresh(answer);

	frame_add_hello(out, gateway_is_cgi(answer->reply.gateway));
	if (answer->form == ANSWER_SSE && answer->session_id[0] != '\0') {
		buf_clear(data);
		buf_add_char(data, '{');
		add_ids(data, answer);
		buf_add_char(data, '}');
		frame_add_named(
		    out, "session", buf_slice(data), answer->run_id, 1);
	}
	put_scratch(answer);
}

void answer_begin(struct answer *answer)
{
	if (answer->begun || answer->answered || answer->form == ANSWER_JSON)
		return;
	answer_head(answer);
	if (is_stream(answer))
		begin_stream(answer);
	if (answer->form == ANSWER_HTML)
		put(answer,
		    SLICE("<!doctype html><meta charset=\"utf-8\">"
			  "<title>Answer</title>"
			  "<style>" STYLE "</style><pre>"));
}

static void put_escaped(struct answer *answer, struct slice text)
{
	while (text.len > 0) {
		size_t plain = 0;

		while (plain < text.len && text.ptr[plain] != '<' &&
		    text.ptr[plain] != '&')
			plain++;
		put(answer, slice_first(text, plain));
		text = slice_skip(text, plain);
		if (text.len == 0)
			break;
		put(answer,
		    text.ptr[0] == '<' ? SLICE("&lt;") : SLICE("&amp;"));
		text = slice_skip(text, 1);
	}
}

static void put_text(struct answer *answer, struct slice text)
{
	if (text.len == 0)
		return;
	if (answer->form == ANSWER_JSON)
		buf_add(&answer->text, text);
	else if (answer->form == ANSWER_HTML)
		put_escaped(answer, text);
	else
		put(answer, text);
}

/* As AWS's own servers for agents tell what breaks a stream. */
static void add_agent_error(struct buf *out, const struct status_row *row)
{
	buf_add_text(out, "data: {\"error\":");
	json_add_string(out, slice_from(row->words));
	buf_add_text(out, ",\"error_type\":");
	json_add_string(out, slice_from(row->code));
	buf_add_text(out, "}\n\n");
}

void answer_fail(struct answer *answer, enum status status, uint64_t number)
{
	struct buf *data = &answer->shared->data;
	const struct status_row *row = status_row(status);

	if (answer->answered)
		return;
	if (!answer->begun) {
		answer->http = row->http;
		answer->answered = true;
		reply_error(&answer->reply, status);
		return;
	}
	if (!is_stream(answer)) {
		put_text(answer, SLICE("\n\n["));
		put_text(answer, slice_from(row->words));
		put_text(answer, SLICE("]\n"));
		return;
	}
	buf_clear(data);
	if (answer->form == ANSWER_AGENT) {
		add_agent_error(fresh(answer), row);
	} else {
		reply_add_error(data, status, answer->reply.request_id);
		frame_add_named(fresh(answer), "error", buf_slice(data),
		    answer->run_id, number);
	}
	put_scratch(answer);
}

static void take_text(
    struct answer *answer, const struct decode_event *event, bool whole)
{
	struct buf *data = &answer->shared->data;
	struct buf *text = fresh(answer);

	buf_reset(data, SHARED_KEEP);
	decode_add_data(data, event);
	if (whole)
		translate_add_whole(&answer->translate, text, buf_slice(data));
	else
		translate_add_text(
		    &answer->translate, text, event->name, buf_slice(data));
	if (buf_status(data) != STATUS_OK || buf_status(text) != STATUS_OK)
		answer_fail(answer, STATUS_NO_MEMORY, 0);
	else
		put_text(answer, buf_slice(text));
}

void answer_event(struct answer *answer, const struct decode_event *event,
    uint64_t number, bool whole)
{
	if (answer->answered)
		return;
	answer_begin(answer);
	if (!is_stream(answer)) {
		take_text(answer, event, whole);
		return;
	}
	put(answer, event->lines);
	if (event->has_data && answer->form == ANSWER_SSE) {
		frame_add_id(fresh(answer), answer->run_id, number);
		put_scratch(answer);
	}
	put(answer, event->end);
}

void answer_usage(struct answer *answer, struct slice usage)
{
	buf_clear(&answer->usage);
	buf_add(&answer->usage, usage);
}

static void add_usage(struct buf *out, const struct answer *answer)
{
	struct slice usage = buf_slice(&answer->usage);

	if (usage.len == 0 || buf_status(&answer->usage) != STATUS_OK)
		return;
	buf_add_text(out, ",\"usage\":");
	buf_add(out, usage);
}

static void put_whole(struct answer *answer, const char *reason)
{
	struct buf *out = fresh(answer);

	buf_add_text(out, "{\"text\":");
	json_add_string(out, buf_slice(&answer->text));
	buf_add_char(out, ',');
	add_ids(out, answer);
	buf_add_text(out, ",\"reason\":");
	json_add_string(out, slice_from(reason));
	add_usage(out, answer);
	buf_add_char(out, '}');
	if (buf_status(&answer->text) != STATUS_OK ||
	    buf_status(out) != STATUS_OK)
		answer_fail(answer, STATUS_UPSTREAM_ERROR, 0);
	else
		reply_json(&answer->reply, 200, buf_slice(out));
}

static void put_done(struct answer *answer, const char *reason, uint64_t number)
{
	struct buf *data = &answer->shared->data;

	buf_clear(data);
	buf_add_text(data, "{\"reason\":");
	json_add_string(data, slice_from(reason));
	add_usage(data, answer);
	buf_add_char(data, '}');
	frame_add_named(
	    fresh(answer), "done", buf_slice(data), answer->run_id, number);
	put_scratch(answer);
}

void answer_end(struct answer *answer, const char *reason, uint64_t number)
{
	if (!answer->answered) {
		answer_begin(answer);
		if (answer->form == ANSWER_JSON)
			put_whole(answer, reason);
		else if (answer->form == ANSWER_SSE)
			put_done(answer, reason, number);
		else if (answer->form == ANSWER_HTML)
			put(answer, SLICE("</pre>\n"));
	}
	gateway_end(answer->reply.gateway);
}

void answer_keepalive(struct answer *answer)
{
	if (!answer->begun || answer->answered || !is_stream(answer))
		return;
	frame_add_keepalive(fresh(answer));
	put_scratch(answer);
}
