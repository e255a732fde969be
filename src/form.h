/*
 * form: fields of a query string, of application/x-www-form-urlencoded and of
 * multipart/form-data.
 *
 * Pure; the fields live in the arena.  Names and values are strict UTF-8
 * without NUL, or STATUS_BAD_UTF8.  At most FORM_MAX_FIELDS fields.
 *
 * Sources: https://url.spec.whatwg.org/#urlencoded-parsing and RFC 7578.
 */
#ifndef FORM_H
#define FORM_H

#include "slice.h"
#include "status.h"

struct arena;
struct table;

/* A form of ours has three fields; other people's carry a few more. */
#define FORM_MAX_FIELDS 64

/* Fields of "a=1&b=x+y%21".  A % that is not followed by two hex digits
 * stands for itself, as browsers take it.  STATUS_BAD_FORM for too many
 * fields, STATUS_BAD_UTF8, STATUS_TOO_LARGE. */
MUST_CHECK enum status form_parse_urlencoded(
    struct table *fields, struct arena *arena, struct slice text);

/* Fields of a multipart body.  content_type is the whole header value with
 * its boundary parameter (quoted or not).  Parts that carry a filename are
 * left out: uploads are not for us.  STATUS_BAD_FORM for anything malformed:
 * no boundary, no closing boundary, a part without a name, headers of more
 * than 4 KiB. */
MUST_CHECK enum status form_parse_multipart(struct table *fields,
    struct arena *arena, struct slice body, struct slice content_type);

#endif
