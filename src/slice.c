#include "slice.h"

#include <string.h>

struct slice slice_from(const char *text)
{
	if (text == NULL)
		return (struct slice){0};
	return (struct slice){.ptr = text, .len = strlen(text)};
}

bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len &&
	    (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return slice_equal(slice_first(s, prefix.len), prefix);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len &&
	    slice_equal(slice_skip(s, s.len - suffix.len), suffix);
}

size_t slice_find(struct slice s, struct slice needle)
{
	const char *at;

	if (needle.len == 0)
		return 0;
	if (s.len < needle.len)
		return s.len;
	at = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return at == NULL ? s.len : (size_t)(at - s.ptr);
}

struct slice slice_skip(struct slice s, size_t n)
{
	if (n >= s.len)
		return (struct slice){0};
	return (struct slice){.ptr = s.ptr + n, .len = s.len - n};
}

struct slice slice_first(struct slice s, size_t n)
{
	if (n < s.len)
		s.len = n;
	return s;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && blank(s.ptr[s.len - 1]))
		s.len--;
	while (s.len > 0 && blank(s.ptr[0]))
		s = slice_skip(s, 1);
	return s;
}

struct slice slice_cut(struct slice *rest, char sep)
{
	struct slice s = *rest;
	size_t at = slice_find(s, (struct slice){.ptr = &sep, .len = 1});

	*rest = slice_skip(s, at + 1);
	return slice_first(s, at);
}

bool slice_to_number(struct slice s, uint64_t max, uint64_t *value)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit;

		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		digit = (uint64_t)(s.ptr[i] - '0');
		if (digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*value = n;
	return true;
}
