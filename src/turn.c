#include "turn.h"

#include "clock.h"
#include "config.h"
#include "conversation.h"
#include "converse.h"

enum {
	/* Of a request around history and prompt: system, stop sequences and
	 * names of at most 4 KiB each. */
	SLACK = 64 << 10,
	/* A character may become \u00XX. */
	ESCAPED = 6
};

static struct conversation_id id_of(const struct turn *turn)
{
	return (struct conversation_id){
	    turn->state_dir, turn->agent->name, turn->session_id};
}

enum status turn_begin(struct turn *turn, struct slice prompt, struct buf *body)
{
	struct conversation_id id = id_of(turn);
	struct buf history;
	enum status status;

	buf_init(body, CONVERSATION_MAX + ESCAPED * prompt.len + SLACK);
	buf_init(&turn->prompt, prompt.len);
	buf_add(&turn->prompt, prompt);
	buf_init(&history, CONVERSATION_MAX);
	status = conversation_add(
	    turn->conversations, &id, clock_unix_s(), &history);
	if (status == STATUS_OK)
		converse_add_request(
		    body, turn->agent, buf_slice(&history), prompt);
	buf_free(&history);
	if (status == STATUS_OK)
		status = buf_status(&turn->prompt);
	return status == STATUS_OK ? buf_status(body) : status;
}

static bool is_blank(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		/* \t, \n, \v, \f and \r follow each other. */
		if (text.ptr[i] != ' ' &&
		    (text.ptr[i] < '\t' || text.ptr[i] > '\r'))
			return false;
	return true;
}

void turn_end(struct turn *turn, struct slice text)
{
	struct conversation_id id;
	struct buf messages;

	/* Bedrock would refuse it, and so all that follows. */
	if (is_blank(text))
		return;
	id = id_of(turn);
	buf_init(&messages, ESCAPED * (turn->prompt.len + text.len) + SLACK);
	converse_add_message(&messages, "user", buf_slice(&turn->prompt));
	buf_add_char(&messages, ',');
	converse_add_message(&messages, "assistant", text);
	/* One that is larger than all there may be is told there. */
	if (buf_status(&messages) == STATUS_OK)
		conversation_keep(turn->conversations, &id, clock_unix_s(),
		    buf_slice(&messages));
	buf_free(&messages);
}

void turn_free(struct turn *turn)
{
	buf_free(&turn->prompt);
}
