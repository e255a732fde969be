/*
 * utf8: strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing
 * above U+10FFFF.  Pure.
 */
#ifndef UTF8_H
#define UTF8_H

#include "slice.h"

struct buf;

bool utf8_valid(struct slice text);

/* How many bytes at the end of text (0 to 3) are the valid beginning of a
 * sequence that its next bytes could complete: what a reader of a stream has
 * to keep back. */
size_t utf8_unfinished(struct slice text);

/* Append text, each invalid sequence replaced by one U+FFFD. */
void utf8_add_clean(struct buf *buf, struct slice text);

#endif
