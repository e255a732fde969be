#include "form.h"

#include <string.h>

#include "arena.h"
#include "header.h"
#include "percent.h"
#include "table.h"
#include "utf8.h"

enum {
	MAX_HEADERS = 4096, /* bytes of headers in one part */
	MAX_BOUNDARY = 70   /* RFC 2046, 5.1.1 */
};

static bool is_text(struct slice s)
{
	return utf8_valid(s) && slice_find(s, SLICE("\0")) == s.len;
}

/* Add a field whose name and value are in the arena. */
static enum status add_field(struct table *fields, struct arena *arena,
    struct slice name, struct slice value)
{
	if (!is_text(name) || !is_text(value))
		return STATUS_BAD_UTF8;
	if (fields->len >= FORM_MAX_FIELDS)
		return STATUS_BAD_FORM;
	return table_add(fields, arena, name, value);
}

enum status form_parse_urlencoded(
    struct table *fields, struct arena *arena, struct slice text)
{
	char *copy = arena_alloc(arena, text.len + 1);
	enum status status;

	if (copy == NULL)
		return STATUS_TOO_LARGE;
	while (text.len > 0) {
		struct slice value = slice_cut(&text, '&');
		struct slice name;
		char *at = copy;

		if (value.len == 0)
			continue;
		/* Decoding only shrinks: one copy holds all the fields. */
		memcpy(at, value.ptr, value.len);
		copy += value.len;
		name = slice_cut(&value, '=');
		value = percent_decode(copy - value.len, value.len, true);
		name = percent_decode(at, name.len, true);
		status = add_field(fields, arena, name, value);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* The line that separates parts, with the line end before it. */
struct delimiter {
	char text[MAX_BOUNDARY + 4];
	size_t len;
};

static bool find_boundary(
    struct delimiter *delimiter, struct slice content_type)
{
	struct slice boundary;

	if (!header_param(content_type, "boundary", &boundary) ||
	    boundary.len == 0 || boundary.len > MAX_BOUNDARY)
		return false;
	memcpy(delimiter->text, "\r\n--", 4);
	memcpy(delimiter->text + 4, boundary.ptr, boundary.len);
	delimiter->len = boundary.len + 4;
	return true;
}

/* Cut *rest behind the next delimiter; *before is what stands before it. */
static bool cut_delimiter(
    struct slice *rest, const struct delimiter *delimiter, struct slice *before)
{
	struct slice wanted = {.ptr = delimiter->text, .len = delimiter->len};
	size_t at = slice_find(*rest, wanted);

	if (at == rest->len)
		return false;
	*before = slice_first(*rest, at);
	*rest = slice_skip(*rest, at + wanted.len);
	return true;
}

/* Cut *rest behind the first delimiter, which the body may begin with. */
static bool skip_preamble(struct slice *rest, const struct delimiter *delimiter)
{
	struct slice line = {
	    .ptr = delimiter->text + 2, .len = delimiter->len - 2};
	struct slice preamble;

	if (!slice_starts(*rest, line))
		return cut_delimiter(rest, delimiter, &preamble);
	*rest = slice_skip(*rest, line.len);
	return true;
}

/* Cut the end of a delimiter's line off *rest. */
static bool cut_line_end(struct slice *rest)
{
	while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
		*rest = slice_skip(*rest, 1);
	if (!slice_starts(*rest, SLICE("\r\n")))
		return false;
	*rest = slice_skip(*rest, 2);
	return true;
}

/* Read a part's headers and cut them off *rest.  *upload tells that it
 * carries a filename. */
static enum status cut_headers(
    struct slice *rest, struct slice *name, bool *upload)
{
	struct slice window = slice_first(*rest, MAX_HEADERS + 4), ignored;
	size_t end = slice_find(window, SLICE("\r\n\r\n"));
	struct slice lines = slice_first(window, end);
	bool named = false;

	if (end == window.len)
		return STATUS_BAD_FORM;
	*rest = slice_skip(*rest, end + 4);
	while (lines.len > 0) {
		size_t len = slice_find(lines, SLICE("\r\n"));
		struct slice value = slice_first(lines, len);
		struct slice key = slice_cut(&value, ':');

		lines = slice_skip(lines, len + 2);
		if (!slice_equal_nocase(key, SLICE("Content-Disposition")))
			continue;
		if (!slice_equal_nocase(header_main(value), SLICE("form-data")))
			return STATUS_BAD_FORM;
		named = header_param(value, "name", name);
		*upload = header_param(value, "filename", &ignored) ||
		    header_param(value, "filename*", &ignored);
	}
	return named ? STATUS_OK : STATUS_BAD_FORM;
}

/* Read the part that *rest begins with, up to behind its delimiter. */
static enum status cut_part(struct table *fields, struct arena *arena,
    struct slice *rest, const struct delimiter *delimiter)
{
	struct slice name = {0}, value;
	bool upload = false;
	enum status status;

	if (!cut_line_end(rest))
		return STATUS_BAD_FORM;
	status = cut_headers(rest, &name, &upload);
	if (status != STATUS_OK)
		return status;
	if (!cut_delimiter(rest, delimiter, &value))
		return STATUS_BAD_FORM;
	if (upload)
		return STATUS_OK;
	name = arena_copy(arena, name);
	value = arena_copy(arena, value);
	if (name.ptr == NULL || value.ptr == NULL)
		return STATUS_TOO_LARGE;
	return add_field(fields, arena, name, value);
}

enum status form_parse_multipart(struct table *fields, struct arena *arena,
    struct slice body, struct slice content_type)
{
	struct delimiter delimiter;
	enum status status;

	if (!find_boundary(&delimiter, content_type) ||
	    !skip_preamble(&body, &delimiter))
		return STATUS_BAD_FORM;
	while (!slice_starts(body, SLICE("--"))) {
		status = cut_part(fields, arena, &body, &delimiter);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}
