/*
 * transcript: the turns of one conversation, in memory and in their file.
 *
 * STATE_DIR/conversations/NAME.jsonl has a turn on each line, two JSON objects
 * joined by a comma.  A turn is appended with one write, so that processes
 * need no lock; a line that a crash has torn is skipped.  What cannot be
 * written stays in memory, and gets into the file once it can.  Only files
 * and a directory of our own are touched.  Loop thread only.
 */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

#include "buf.h"
#include "digest.h"
#include "slice.h"
#include "status.h"

/* HASH.jsonl, or HASH.TOKEN while it is being made anew. */
#define TRANSCRIPT_NAME_SIZE (DIGEST_HEX_LEN + 9)

/* Longest turn, and most of all turns with commas between, in bytes. */
#define TRANSCRIPT_MAX       (256u << 10)
#define TRANSCRIPT_MAX_AGE_S (8 * 3600) /* after its last turn */

struct transcript {
	char name[TRANSCRIPT_NAME_SIZE];
	struct buf text; /* whole turns, each with a newline */
	bool saved;      /* the file says the same if it is still this one: */
	struct stat file;
};

/* What this process knows of the directory; zeroed at first. */
struct transcript_dir {
	bool warned;
	DIR *swept; /* a sweep that has not come to its end, or NULL */
	int64_t next_sweep_s;
};

void transcript_dir_free(struct transcript_dir *dir); /* may run twice */

/* hash names the file. */
void transcript_init(
    struct transcript *transcript, const char hash[static DIGEST_HEX_LEN]);
void transcript_free(struct transcript *transcript); /* may run twice */

/* Look whether the file says something else by now, and read it then.
 * Without a file, or where it cannot be read, what memory alone has remains.
 * STATUS_NO_MEMORY: the transcript is then empty. */
MUST_CHECK enum status transcript_refresh(
    struct transcript *transcript, const char *state_dir, int64_t now_s);

/* Add a turn of at most TRANSCRIPT_MAX bytes, here and in the file.  Also
 * looks for old files of others, some at a time.  A file that cannot be
 * written is logged once.  STATUS_NO_MEMORY: the transcript is then empty. */
MUST_CHECK enum status transcript_append(struct transcript_dir *dir,
    struct transcript *transcript, const char *state_dir, int64_t now_s,
    struct slice turn);

#endif
