/*
 * converse: Bedrock's ConverseStream: its request's body, and its answer as
 * events.
 *
 * Each event of the model becomes one as Strands agents send it,
 *	data: {"event":{"contentBlockDelta":{...}}}
 * with the payload as it came (less its padding "p"), so that front ends need
 * to know one form.  What an exception in the stream means is a status; its
 * words go to the log at debug level.
 *
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
#ifndef CONVERSE_H
#define CONVERSE_H

#include "buf.h"
#include "decode.h"
#include "eventstream.h"
#include "slice.h"
#include "status.h"

struct config_agent;

/* Of an answer, what is kept for the conversation. */
#define CONVERSE_MAX_TEXT (1u << 20)

/* Append the body: the agent's system, limits and guardrail; history, which
 * is "" or message objects joined by commas; and the prompt as the last
 * message. */
void converse_add_request(struct buf *out, const struct config_agent *agent,
    struct slice history, struct slice prompt);

/* Append one message object of a conversation: role is "user" or
 * "assistant". */
void converse_add_message(struct buf *out, const char *role, struct slice text);

struct converse {
	struct eventstream stream;
	decode_callback *callback;
	void *ctx;
	struct buf lines; /* of one event */
	struct buf text;  /* of the answer, for the conversation; spoilt above
			   * CONVERSE_MAX_TEXT */
	struct buf usage; /* the usage object of metadata, or empty */
	bool stopped;     /* messageStop has come */
	bool in_message;  /* what ended it was in a message, not its frame */
	char request_id[65]; /* for the log */
};

/* The callback is called for each event, as decode.h has it. */
void converse_init(struct converse *converse, const char *request_id,
    decode_callback *callback, void *ctx);
void converse_free(struct converse *converse); /* may run twice */

/* STATUS_UPSTREAM_THROTTLED, STATUS_UPSTREAM_TIMEOUT, STATUS_AGENT_FAILED (the
 * model), STATUS_UPSTREAM_ERROR: an exception in the stream, or what is no
 * event of a model; logged.  STATUS_TOO_LARGE: an event above
 * DECODE_MAX_EVENT.  Also STATUS_NO_MEMORY, and what the callback returns. */
MUST_CHECK enum status converse_feed(
    struct converse *converse, struct slice bytes);

/* STATUS_UPSTREAM_CUT if the answer ended without messageStop, or inside a
 * message. */
MUST_CHECK enum status converse_finish(struct converse *converse);

#endif
