/*
 * turn: one turn of a conversation with a model: what was said before goes
 * into its request, and what is said into the conversation.
 */
#ifndef TURN_H
#define TURN_H

#include "buf.h"
#include "slice.h"
#include "status.h"

struct config_agent;
struct conversations;

struct turn {
	struct conversations *conversations; /* borrowed, as all up to prompt */
	const char *state_dir;
	const struct config_agent *agent;
	const char *session_id;
	struct buf prompt;
};

/* Make the body of the request in *body, which need not be initialised.  All
 * pointers of *turn but prompt are set.  STATUS_NO_MEMORY. */
MUST_CHECK enum status turn_begin(
    struct turn *turn, struct slice prompt, struct buf *body);

/* The model has answered; text of blanks alone is no answer. */
void turn_end(struct turn *turn, struct slice text);

void turn_free(struct turn *turn); /* may run twice */

#endif
