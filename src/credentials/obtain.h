/*
 * obtain: carries a plan out: asks its source, then assumes its roles one
 * after the other.
 */
#ifndef OBTAIN_H
#define OBTAIN_H

#include "source.h"

struct buf;
struct obtain;
struct plan;

/* As source.h has it: answers once, later.  plan is borrowed until then.  NULL
 * if memory is out. */
MUST_CHECK struct obtain *obtain_start(const struct source_context *context,
    const struct plan *plan, source_done *done, void *ctx);
void obtain_cancel(struct obtain *obtain); /* NULL is fine */

/* Append everything that the keys will depend on: the same text means the same
 * keys.  It is for no eyes. */
void obtain_identify(
    struct buf *out, const struct plan *plan, keys_getenv *getenv);

#endif
