/*
 * http: the headers of an answer.  The first line is the name that is looked
 * for; the rest are the lines as they came.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void look(const struct http_head *head, const char *name)
{
	struct slice value = http_header(head, name);
	const char *from = head->lines.ptr, *to;

	if (value.len == 0)
		return;
	to = from + head->lines.len;
	check(value.ptr >= from && value.ptr + value.len <= to);
	check(memchr(value.ptr, '\n', value.len) == NULL);
	check(!is_blank(value.ptr[0]) && !is_blank(value.ptr[value.len - 1]));
	/* Right behind the name, a colon and blanks. */
	while (value.ptr > from && is_blank(value.ptr[-1]))
		value.ptr--;
	check(value.ptr > from && value.ptr[-1] == ':');
	check((size_t)(value.ptr - from) > strlen(name));
	value = (struct slice){value.ptr - 1 - strlen(name), strlen(name)};
	check(slice_equal_nocase(value, slice_from(name)));
	check(value.ptr == from || value.ptr[-1] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {.ptr = (const char *)data, .len = size};
	struct slice first = slice_cut(&rest, '\n');
	struct http_head head = {.status = 200, .lines = rest};
	char name[100] = "";

	if (first.len >= sizeof name)
		return 0;
	if (first.len > 0)
		memcpy(name, first.ptr, first.len);
	look(&head, name);
	look(&head, "content-type");
	look(&head, "x-amzn-errortype");
	return 0;
}
