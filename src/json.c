#include "json.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "buf.h"
#include "utf8.h"

/* cJSON reads at most this many characters of a number and takes the next
 * one for something else. */
enum {
	MAX_NUMBER = 63
};

/*
 * A strict reading of RFC 8259 that builds nothing.  cJSON takes text that is
 * none (line ends in strings, 01, any control character as white space),
 * recurses 1000 deep and cuts strings at a NUL; what has passed here holds
 * none of these, so that cJSON can fail for want of memory alone.
 */
struct scan {
	const char *at, *end;
	unsigned depth;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && is_space(*scan->at))
		scan->at++;
}

static bool take(struct scan *scan, char c)
{
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

static bool take_word(struct scan *scan, struct slice word)
{
	struct slice rest = {
	    .ptr = scan->at, .len = (size_t)(scan->end - scan->at)};

	if (!slice_starts(rest, word))
		return false;
	scan->at += word.len;
	return true;
}

/* The four digits behind \u. */
static bool scan_hex(struct scan *scan, unsigned *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, scan->at++) {
		char c;

		if (scan->at == scan->end)
			return false;
		c = *scan->at;
		*unit *= 16;
		if (is_digit(c))
			*unit += (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*unit += (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			*unit += (unsigned)(c - 'A') + 10;
		else
			return false;
	}
	return true;
}

/* What follows a backslash: no NUL, no half of a surrogate pair. */
static bool scan_escape(struct scan *scan)
{
	unsigned unit;

	if (scan->at == scan->end)
		return false;
	if (*scan->at != 'u')
		return *scan->at != '\0' &&
		    strchr("\"\\/bfnrt", *scan->at++) != NULL;
	scan->at++;
	if (!scan_hex(scan, &unit) || unit == 0)
		return false;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	return unit < 0xdc00 && take_word(scan, SLICE("\\u")) &&
	    scan_hex(scan, &unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	while (scan->at < scan->end) {
		unsigned char c = (unsigned char)*scan->at++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !scan_escape(scan)))
			return false;
	}
	return false;
}

static bool scan_digits(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && is_digit(*scan->at))
		scan->at++;
	return scan->at > from;
}

static bool scan_number(struct scan *scan)
{
	const char *from = scan->at;

	(void)take(scan, '-');
	if (!take(scan, '0') && !scan_digits(scan))
		return false;
	if (take(scan, '.') && !scan_digits(scan))
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			(void)take(scan, '-');
		if (!scan_digits(scan))
			return false;
	}
	return scan->at - from <= MAX_NUMBER;
}

static bool scan_value(struct scan *scan);

static bool scan_member(struct scan *scan)
{
	skip_space(scan);
	if (!scan_string(scan))
		return false;
	skip_space(scan);
	return take(scan, ':') && scan_value(scan);
}

/* The inside of an array or object, and its end. */
static bool scan_list(struct scan *scan, char end)
{
	bool ok;

	if (++scan->depth > JSON_MAX_DEPTH)
		return false;
	skip_space(scan);
	if (!take(scan, end)) {
		do
			ok = end == '}' ? scan_member(scan) : scan_value(scan);
		while (ok && take(scan, ','));
		if (!ok || !take(scan, end))
			return false;
	}
	scan->depth--;
	return true;
}

/* One value and the white space on both sides. */
static bool scan_value(struct scan *scan)
{
	bool ok;

	skip_space(scan);
	if (scan->at < scan->end && *scan->at == '"')
		ok = scan_string(scan);
	else if (take(scan, '{'))
		ok = scan_list(scan, '}');
	else if (take(scan, '['))
		ok = scan_list(scan, ']');
	else
		ok = take_word(scan, SLICE("true")) ||
		    take_word(scan, SLICE("false")) ||
		    take_word(scan, SLICE("null")) || scan_number(scan);
	skip_space(scan);
	return ok;
}

enum status json_parse(struct slice text, struct json **json)
{
	struct scan scan = {.at = text.ptr, .end = text.ptr};

	*json = NULL;
	if (text.len == 0 || !utf8_valid(text))
		return STATUS_BAD_JSON;
	scan.end += text.len;
	if (!scan_value(&scan) || scan.at != scan.end)
		return STATUS_BAD_JSON;
	*json = (struct json *)cJSON_ParseWithLength(text.ptr, text.len);
	return *json == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void json_free(struct json *json)
{
	cJSON_Delete((cJSON *)json);
}

/* Not deeper than JSON_MAX_DEPTH, as it was parsed. */
static void wipe_strings(cJSON *item)
{
	for (; item != NULL; item = item->next) {
		if (cJSON_IsString(item))
			explicit_bzero(
			    item->valuestring, strlen(item->valuestring));
		wipe_strings(item->child);
	}
}

void json_wipe(struct json *json)
{
	wipe_strings((cJSON *)json);
	json_free(json);
}

bool json_is_object(const struct json *json)
{
	return cJSON_IsObject((const cJSON *)json);
}

bool json_is_null(const struct json *json)
{
	return cJSON_IsNull((const cJSON *)json);
}

bool json_string(const struct json *json, struct slice *text)
{
	const cJSON *item = (const cJSON *)json;

	if (!cJSON_IsString(item))
		return false;
	*text = slice_from(item->valuestring);
	return true;
}

bool json_number(const struct json *json, double *number)
{
	const cJSON *item = (const cJSON *)json;

	if (!cJSON_IsNumber(item))
		return false;
	*number = item->valuedouble;
	return true;
}

struct json *json_get(const struct json *json, const char *name)
{
	cJSON *found = NULL;

	if (!json_is_object(json))
		return NULL;
	for (cJSON *item = ((const cJSON *)json)->child; item != NULL;
	     item = item->next) {
		if (strcmp(item->string, name) == 0)
			found = item;
	}
	return (struct json *)found;
}

struct json *json_at(const struct json *json, size_t i)
{
	cJSON *item;

	if (!cJSON_IsArray((const cJSON *)json))
		return NULL;
	item = ((const cJSON *)json)->child;
	for (; item != NULL && i > 0; i--)
		item = item->next;
	return (struct json *)item;
}

void json_remove(struct json *json, const char *name)
{
	struct json *item;

	while ((item = json_get(json, name)) != NULL)
		cJSON_Delete(
		    cJSON_DetachItemViaPointer((cJSON *)json, (cJSON *)item));
}

void json_add(struct buf *buf, const struct json *json)
{
	char *text;

	if (json == NULL)
		return;
	text = cJSON_PrintUnformatted((const cJSON *)json);
	if (text == NULL && buf->status == STATUS_OK)
		buf->status = STATUS_NO_MEMORY;
	buf_add_text(buf, text);
	cJSON_free(text);
}

void json_add_without(struct buf *buf, const struct json *object,
    struct slice text, const char *name)
{
	struct scan scan = {.at = text.ptr, .end = text.ptr};
	const char *comma = "";

	if (!json_is_object(object) || text.len == 0)
		return;
	scan.end += text.len;
	skip_space(&scan);
	(void)take(&scan, '{');
	buf_add_char(buf, '{');
	/* The members stand in the text in cJSON's order, so their names
	 * need not be decoded again. */
	for (const cJSON *item = ((const cJSON *)object)->child; item != NULL;
	     item = item->next) {
		struct slice member = {.ptr = scan.at};

		if (!scan_member(&scan))
			break;
		member.len = (size_t)(scan.at - member.ptr);
		(void)take(&scan, ',');
		if (strcmp(item->string, name) == 0)
			continue;
		buf_add_text(buf, comma);
		buf_add(buf, member);
		comma = ",";
	}
	buf_add_char(buf, '}');
}

/* Append a character that must not stand in a string as it is. */
static void add_escaped(struct buf *buf, char c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_add_char(buf, '\\');
		buf_add_char(buf, c);
		break;
	case '\n':
		buf_add_text(buf, "\\n");
		break;
	case '\r':
		buf_add_text(buf, "\\r");
		break;
	case '\t':
		buf_add_text(buf, "\\t");
		break;
	default:
		buf_add_text(buf, "\\u00");
		buf_add_char(buf, "0123456789abcdef"[c >> 4 & 15]);
		buf_add_char(buf, "0123456789abcdef"[c & 15]);
	}
}

void json_add_string(struct buf *buf, struct slice text)
{
	size_t n = 0;

	buf_add_char(buf, '"');
	while (n < text.len) {
		unsigned char c = (unsigned char)text.ptr[n];

		if (c >= 0x20 && c != '"' && c != '\\') {
			n++;
			continue;
		}
		/* ASCII ends any sequence: cutting here splits none. */
		utf8_add_clean(buf, slice_first(text, n));
		add_escaped(buf, (char)c);
		text = slice_skip(text, n + 1);
		n = 0;
	}
	utf8_add_clean(buf, text);
	buf_add_char(buf, '"');
}
