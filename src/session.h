/*
 * session: whose conversation.
 *
 * The id is minted here or comes from the client, and is used upstream as it
 * is: AgentCore keeps one conversation, in one microVM, for each.
 */
#ifndef SESSION_H
#define SESSION_H

#include "slice.h"

/* 43 random characters of six bits each: as many as a 256-bit number, and
 * within AgentCore's 33 to 100. */
#define SESSION_MINTED_LEN 43
#define SESSION_MAX_LEN    100

/* Copy the id that was given, or mint one if it is empty.  One that
 * request_session_id_valid refuses, which AgentCore may give, is hashed. */
void session_choose(char out[static SESSION_MAX_LEN + 1], struct slice given);

#endif
