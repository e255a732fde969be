#include "prelude.h"

#include <stdio.h>

#include "json.h"

enum {
	NULS = 8 /* behind the object */
};

/* Take the next byte; false: this is no prelude. */
static bool scan(struct prelude *prelude, char c, bool first)
{
	bool escaped = prelude->escaped;

	prelude->escaped = false;
	if (first || prelude->depth == 0) {
		prelude->depth = first;
		prelude->nuls += !first;
		return c == (first ? '{' : '\0');
	}
	if (prelude->in_string) {
		prelude->escaped = c == '\\' && !escaped;
		prelude->in_string = c != '"' || escaped;
		return true;
	}
	prelude->in_string = c == '"';
	if (c == '{')
		prelude->depth++;
	if (c == '}')
		prelude->depth--;
	return true;
}

/* Look at what is new, from on; *end is behind the NULs once they are
 * there. */
static enum prelude_state look(
    struct prelude *prelude, struct slice all, size_t from, size_t *end)
{
	for (size_t i = from; i < all.len && i < PRELUDE_MAX; i++) {
		if (!scan(prelude, all.ptr[i], i == 0))
			return PRELUDE_NONE;
		*end = i + 1;
		if (prelude->nuls == NULS)
			return PRELUDE_FOUND;
	}
	return all.len < PRELUDE_MAX ? PRELUDE_LOOKING : PRELUDE_NONE;
}

/* Append JSON, the letters of its strings in lower case, except those that a
 * backslash gives a meaning. */
static void add_lower(struct buf *out, struct slice json)
{
	bool inside = false, escaped = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (c == '"' && !escaped)
			inside = !inside;
		if (c >= 'A' && c <= 'Z' && inside && !escaped)
			c = (char)(c - 'A' + 'a');
		escaped = c == '\\' && !escaped;
		buf_add_char(out, c);
	}
}

/* An HTTP status, as a number or a string; what is none says nothing. */
static void keep_status(struct prelude *prelude, const struct json *json)
{
	struct slice text;
	uint64_t whole = 0;
	double number;

	if (json_number(json, &number) && number >= 100 && number <= 599)
		whole = (uint64_t)number;
	else if (json_string(json, &text))
		(void)!slice_to_number(text, 599, &whole);
	if (whole >= 100)
		prelude->status = (unsigned)whole;
}

/* Read the object.  Names of header fields have no case, json_get has one: so
 * all of it is read in lower case. */
static enum status read_object(struct prelude *prelude, struct slice text)
{
	struct json *json = NULL;
	struct buf lower;
	struct slice type;
	enum status status;

	buf_init(&lower, PRELUDE_MAX);
	add_lower(&lower, text);
	status = buf_status(&lower);
	if (status == STATUS_OK)
		status = json_parse(buf_slice(&lower), &json);
	keep_status(prelude, json_get(json, "statuscode"));
	if (json_string(
		json_get(json_get(json, "headers"), "content-type"), &type))
		(void)snprintf(prelude->content_type,
		    sizeof prelude->content_type, "%.*s", SLICE_ARG(type));
	json_free(json);
	buf_free(&lower);
	return status;
}

enum status prelude_feed(
    struct prelude *prelude, struct slice bytes, struct slice *out)
{
	struct buf *held = &prelude->held;
	struct slice all = bytes;
	size_t from = held->len, end = 0;
	enum status status = STATUS_OK;

	*out = bytes;
	if (prelude->state != PRELUDE_LOOKING) {
		buf_free(held); /* which the last *out may have viewed */
		return STATUS_OK;
	}
	if (from > 0) {
		buf_add(held, bytes);
		all = buf_slice(held);
	}
	prelude->state = look(prelude, all, from, &end);
	if (prelude->state == PRELUDE_LOOKING && from == 0)
		buf_add(held, bytes);
	if (prelude->state == PRELUDE_FOUND)
		status = read_object(prelude, slice_first(all, end - NULS));
	if (status == STATUS_BAD_JSON) {
		prelude->state = PRELUDE_NONE;
		status = STATUS_OK;
	}
	*out = (struct slice){0};
	if (prelude->state == PRELUDE_FOUND)
		*out = slice_skip(all, end);
	else if (prelude->state == PRELUDE_NONE)
		*out = all;
	return buf_status(held) == STATUS_OK ? status : buf_status(held);
}

struct slice prelude_finish(struct prelude *prelude)
{
	if (prelude->state != PRELUDE_LOOKING)
		return (struct slice){0};
	prelude->state = PRELUDE_NONE;
	return buf_slice(&prelude->held);
}

void prelude_init(struct prelude *prelude)
{
	*prelude = (struct prelude){.status = 200};
	/* No more than PRELUDE_MAX is held, but one piece may follow it. */
	buf_init(&prelude->held, SIZE_MAX / 2);
}

void prelude_free(struct prelude *prelude)
{
	buf_free(&prelude->held);
}
