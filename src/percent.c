#include "percent.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that the two digits at text stand for, or -1. */
static int hex_byte(const char *text)
{
	int high = hex_digit(text[0]), low = hex_digit(text[1]);

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

struct slice percent_decode(char *text, size_t len, bool plus)
{
	size_t to = 0;

	for (size_t from = 0; from < len; from++) {
		char c = text[from];
		int byte;

		if (c == '+' && plus)
			c = ' ';
		byte =
		    c == '%' && len - from > 2 ? hex_byte(text + from + 1) : -1;
		if (byte >= 0) {
			c = (char)byte;
			from += 2;
		}
		text[to++] = c;
	}
	return (struct slice){.ptr = text, .len = to};
}
