/*
 * xml: looks up the text of an element in a small XML document, as the Query
 * protocol of STS answers.  Pure.
 *
 * It knows elements, attributes (skipped), comments, processing instructions,
 * CDATA, and the five named and the numeric entities; no DTD, no namespaces.
 */
#ifndef XML_H
#define XML_H

#include "slice.h"
#include "status.h"

struct buf;

/* Deepest nesting; STS has four levels. */
#define XML_MAX_DEPTH 16

/* Append the decoded text of the first element at this path, for instance
 * "ErrorResponse/Error/Code".  STATUS_NOT_FOUND; STATUS_UPSTREAM_ERROR for
 * what is not well-formed as far as it was read. */
MUST_CHECK enum status xml_find(
    struct buf *out, struct slice document, const char *path);

#endif
