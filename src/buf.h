/*
 * buf: bytes that grow, up to a ceiling given at the start.
 *
 * Appending returns nothing: when the ceiling or memory is reached the buffer
 * spoils, later appends do nothing, and the caller asks once, at the end,
 * with buf_status.  A zeroed struct buf is an empty buffer with ceiling 0.
 */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#include "slice.h"
#include "status.h"

struct buf {
	char *ptr;          /* owned; NULL while cap is 0 */
	size_t len;         /* bytes in use */
	size_t cap;         /* bytes allocated */
	size_t ceiling;     /* most bytes it may ever hold */
	enum status status; /* STATUS_OK until spoilt */
	bool secret;        /* no copy is left behind in freed memory */
};

/* An empty buffer; allocates nothing. */
void buf_init(struct buf *buf, size_t ceiling);

/* The same for secrets: overwritten wherever they have been. */
void buf_init_secret(struct buf *buf, size_t ceiling);

/* Give the memory back.  The buffer is empty, unspoilt and may be used again
 * or freed again. */
void buf_free(struct buf *buf);

/* Forget the bytes and any spoiling, keep the memory. */
void buf_clear(struct buf *buf);

/* The same; memory above keep bytes is given back. */
void buf_reset(struct buf *buf, size_t keep);

/* Overwrite the bytes, then free: what a secret one always does. */
void buf_wipe(struct buf *buf);

void buf_add(struct buf *buf, struct slice bytes);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_number(struct buf *buf, uint64_t n);
__attribute__((format(printf, 2, 3))) void buf_addf(
    struct buf *buf, const char *format, ...);

/* Drop the first n bytes; n must be at most len. */
void buf_drop(struct buf *buf, size_t n);

/* What it holds; valid until the next change. */
struct slice buf_slice(const struct buf *buf);

/* The bytes with a NUL behind them (not counted in len), or NULL if that
 * does not fit or the buffer is spoilt. */
char *buf_text(struct buf *buf);

/* STATUS_OK, STATUS_TOO_LARGE (ceiling) or STATUS_NO_MEMORY. */
MUST_CHECK enum status buf_status(const struct buf *buf);

#endif
