/*
 * conversation: what was said in each session with a model, which unlike an
 * agent does not remember.
 *
 * Kept in memory, and in one file per session below the state directory, so
 * that other processes and the next one know it: a process reads the file
 * again when it has changed, and appends each turn with one write.  Where the
 * directory cannot be written, memory alone serves, and the log says so once.
 * Loop thread only.
 */
#ifndef CONVERSATION_H
#define CONVERSATION_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct buf;
struct conversations;

/* Of one conversation, the last turns that fit are sent: 256 KiB is about
 * 64,000 tokens, half of what gpt-oss reads. */
#define CONVERSATION_MAX (256u << 10)
/* All conversations in memory; beyond it the least recently used are left to
 * their files. */
#define CONVERSATION_MAX_ALL (64u << 20)
/* AgentCore ends a session after 8 hours at most. */
#define CONVERSATION_MAX_AGE_S (8 * 3600)

struct conversation_id {
	const char *state_dir;
	const char *agent, *session;
};

/* NULL if memory is out. */
struct conversations *conversation_all_new(void);
void conversation_all_free(struct conversations *all); /* NULL is fine */

/* Append the messages so far: JSON objects joined by commas, or nothing.
 * Whole turns, the oldest left out.  STATUS_NO_MEMORY. */
MUST_CHECK enum status conversation_add(struct conversations *all,
    const struct conversation_id *id, int64_t now_s, struct buf *out);

/* Keep one turn, two message objects joined by a comma, without a newline. */
void conversation_keep(struct conversations *all,
    const struct conversation_id *id, int64_t now_s, struct slice turn);

#endif
