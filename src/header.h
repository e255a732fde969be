/*
 * header: parts of the values of HTTP and MIME header fields.  Pure; every
 * result views the value.
 *
 * Sources: RFC 9110 sections 5.6 and 12.5.1.
 */
#ifndef HEADER_H
#define HEADER_H

#include "slice.h"

/* What stands before the first parameter: the "text/plain" of
 * "text/plain; charset=utf-8". */
struct slice header_main(struct slice value);

/* True if value has this parameter (its name taken without regard to case);
 * *param is its text without quotes.  Backslashes in a quoted text stay,
 * but a quoted quote does not end it. */
MUST_CHECK bool header_param(
    struct slice value, const char *name, struct slice *param);

/* Which of n offered media types an Accept value likes best: its index.  The
 * highest q wins, then what the client names first, then what is offered
 * first; 0 if the client accepts none of them. */
size_t header_accept(struct slice accept, const struct slice *offers, size_t n);

/* The first value of this field, in any case, among header lines; trimmed, or
 * empty. */
struct slice header_find(struct slice lines, const char *name);

#endif
