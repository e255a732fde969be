/*
 * translate: what an agent's event says, whatever dialect it speaks.
 *
 * It understands JSON strings and plain text (AgentCore apps in Python and
 * TypeScript), Strands events, Converse deltas, LangGraph, AG-UI, OpenAI
 * chunks, and a plain JSON answer.  One struct serves one run, because some
 * agents say the same text in several dialects (Strands: a delta, then the
 * same as data, then the whole as a result): what was once heard as deltas
 * is not taken again from a summary.
 */
#ifndef TRANSLATE_H
#define TRANSLATE_H

#include "slice.h"
#include "status.h"

struct buf;

struct translate {
	bool heard_delta; /* a nested delta event has been seen */
	bool heard_text;  /* any piece of text has been seen */
};

/* Whether an agent says here that it failed: the event is named "error", or
 * data is a JSON object whose "error" is a non-empty string, a non-empty
 * object, true or a number.  Cheap for events that are not. */
bool translate_is_error(struct slice name, struct slice data);

/* Append the piece of the answer's text that this event carries, often
 * nothing.  data is the event's data (decode_add_data). */
void translate_add_text(struct translate *translate, struct buf *out,
    struct slice name, struct slice data);

/* The same for an answer that is one JSON document or plain text, not a
 * stream: a document that says no text in any known way is its own text. */
void translate_add_whole(
    struct translate *translate, struct buf *out, struct slice document);

#endif
