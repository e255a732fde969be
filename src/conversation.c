#include "conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "digest.h"
#include "log.h"
#include "transcript.h"

enum {
	BUCKETS = 1024, /* 64 MiB of short conversations: some 64 in each */
	ID_SIZE = 512   /* an agent's name and a session's id have 164 */
};

_Static_assert(CONVERSATION_MAX == TRANSCRIPT_MAX &&
	CONVERSATION_MAX_AGE_S == TRANSCRIPT_MAX_AGE_S,
    "these are for those who include conversation.h");

struct entry {
	struct entry *next; /* in its bucket */
	struct entry *newer, *older;
	int64_t used_s;
	size_t counted; /* of all's bytes */
	struct transcript transcript;
};

struct conversations {
	struct entry *buckets[BUCKETS];
	struct entry *newest, *oldest; /* by use */
	size_t bytes;
	struct transcript_dir dir;
};

struct conversations *conversation_all_new(void)
{
	return calloc(1, sizeof(struct conversations));
}

static struct entry **bucket(struct conversations *all, const char *name)
{
	unsigned at = 0;

	/* It begins with the digits of a hash. */
	for (size_t i = 0; i < 4; i++)
		at = at * 31 + (unsigned char)name[i];
	return &all->buckets[at % BUCKETS];
}

static void list(struct conversations *all, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = all->newest;
	*(all->newest != NULL ? &all->newest->newer : &all->oldest) = entry;
	all->newest = entry;
}

static void unlist(struct conversations *all, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &all->newest) =
	    entry->older;
	*(entry->older != NULL ? &entry->older->newer : &all->oldest) =
	    entry->newer;
}

static void drop(struct conversations *all, struct entry *entry)
{
	struct entry **at = bucket(all, entry->transcript.name);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	unlist(all, entry);
	all->bytes -= entry->counted;
	transcript_free(&entry->transcript);
	free(entry);
}

void conversation_all_free(struct conversations *all)
{
	if (all == NULL)
		return;
	while (all->oldest != NULL)
		drop(all, all->oldest);
	transcript_dir_free(&all->dir);
	free(all);
}

/* Let go what is too old, or too much.  Files remain. */
static void evict(struct conversations *all, int64_t now_s)
{
	while (all->oldest != NULL &&
	    (all->bytes > CONVERSATION_MAX_ALL ||
		now_s - all->oldest->used_s >= CONVERSATION_MAX_AGE_S))
		drop(all, all->oldest);
}

/* The conversation, which may be new; NULL without memory. */
static struct entry *find(
    struct conversations *all, const struct conversation_id *id)
{
	uint8_t digest[DIGEST_LEN];
	char text[ID_SIZE], hash[DIGEST_HEX_LEN];
	struct entry **at, *entry;
	int n =
	    snprintf(text, sizeof text, "%s%c%s", id->agent, '\0', id->session);
	size_t len = n < ID_SIZE ? (size_t)n : ID_SIZE - 1;

	digest_sha256(digest, (struct slice){.ptr = text, .len = len});
	digest_hex(hash, digest);
	at = bucket(all, hash);
	for (entry = *at; entry != NULL; entry = entry->next)
		if (strncmp(entry->transcript.name, hash, strlen(hash)) == 0)
			return entry;
	entry = calloc(1, sizeof *entry);
	if (entry == NULL)
		return NULL;
	transcript_init(&entry->transcript, hash);
	entry->next = *at;
	*at = entry;
	list(all, entry);
	return entry;
}

/* What was just used is the newest, unless there is nothing in it. */
static void settle(
    struct conversations *all, struct entry *entry, int64_t now_s)
{
	size_t bytes = sizeof *entry + entry->transcript.text.cap;

	if (entry->transcript.text.len == 0) {
		drop(all, entry);
		return;
	}
	unlist(all, entry);
	list(all, entry);
	entry->used_s = now_s;
	all->bytes = all->bytes - entry->counted + bytes;
	entry->counted = bytes;
	evict(all, now_s);
}

enum status conversation_add(struct conversations *all,
    const struct conversation_id *id, int64_t now_s, struct buf *out)
{
	struct entry *entry;
	struct slice rest;
	enum status status;

	evict(all, now_s);
	entry = find(all, id);
	if (entry == NULL)
		return STATUS_NO_MEMORY;
	status = transcript_refresh(&entry->transcript, id->state_dir, now_s);
	rest = buf_slice(&entry->transcript.text);
	while (rest.len > 0) {
		buf_add(out, slice_cut(&rest, '\n'));
		if (rest.len > 0)
			buf_add_char(out, ',');
	}
	settle(all, entry, now_s);
	return status;
}

void conversation_keep(struct conversations *all,
    const struct conversation_id *id, int64_t now_s, struct slice turn)
{
	struct entry *entry;
	enum status status;

	if (turn.len > CONVERSATION_MAX) {
		log_write(LOG_INFO,
		    "a question and its answer have %zu bytes, more than the "
		    "%u that are sent again: the model will not remember them",
		    turn.len, CONVERSATION_MAX);
		return;
	}
	evict(all, now_s);
	entry = find(all, id);
	status = entry == NULL
	    ? STATUS_NO_MEMORY
	    : transcript_refresh(&entry->transcript, id->state_dir, now_s);
	if (status == STATUS_OK)
		status = transcript_append(
		    &all->dir, &entry->transcript, id->state_dir, now_s, turn);
	if (status != STATUS_OK)
		log_write(LOG_WARNING,
		    "no memory is left to remember a conversation: give this "
		    "machine more, or lower max_streams");
	if (entry != NULL)
		settle(all, entry, now_s);
}
