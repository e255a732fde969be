/*
 * json: reading and writing JSON; the only file that knows cJSON.
 *
 * A struct json is a parsed document or a part of it.  json_parse gives a
 * document, which its owner frees; everything reached from it is borrowed.
 * Every reader accepts NULL and says "not there".
 */
#ifndef JSON_H
#define JSON_H

#include "slice.h"
#include "status.h"

struct buf;
struct json;

/* Deepest nesting accepted: cJSON recurses, and 64 levels are four times
 * what any agent event has. */
#define JSON_MAX_DEPTH 64

/* Parse one whole value with nothing but white space behind it.  *json is
 * owned by the caller.  STATUS_BAD_JSON for anything else: also bytes that
 * are no UTF-8, an escaped or plain NUL, and more nesting than
 * JSON_MAX_DEPTH; STATUS_NO_MEMORY. */
MUST_CHECK enum status json_parse(struct slice text, struct json **json);

/* json_parse's document; NULL is fine. */
void json_free(struct json *json);

/* json_free for a document with secrets in it: overwrites every string value
 * first.  The text it was parsed from is the caller's. */
void json_wipe(struct json *json);

bool json_is_object(const struct json *json);
bool json_is_null(const struct json *json); /* a JSON null; not NULL itself */

/* True if it is a string; *text then views it (borrowed). */
MUST_CHECK bool json_string(const struct json *json, struct slice *text);

/* True if it is a number; it may have lost digits to a double. */
MUST_CHECK bool json_number(const struct json *json, double *number);

/* The member of this name (case-sensitive; the last one of equal names), or
 * NULL. */
struct json *json_get(const struct json *json, const char *name);

/* Element i of an array, or NULL. */
struct json *json_at(const struct json *json, size_t i);

/* Take a member out of an object and free it; nothing if it is not there. */
void json_remove(struct json *json, const char *name);

/* Append the value as compact JSON.  Spoils buf if memory is out. */
void json_add(struct buf *buf, const struct json *json);

/* Append object without any member of this name, all else byte for byte as
 * in text, which object was parsed from: cJSON keeps numbers as doubles, so
 * a long integer would not survive json_add. */
void json_add_without(struct buf *buf, const struct json *object,
    struct slice text, const char *name);

/* Append text as a JSON string with its quotes.  Invalid UTF-8 becomes
 * U+FFFD; control characters are escaped. */
void json_add_string(struct buf *buf, struct slice text);

#endif
