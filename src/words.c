#include "words.h"

#include <stdlib.h>
#include <string.h>

struct split {
	struct slice rest; /* not yet read */
	char *to;          /* where the next character goes */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static void skip_blanks(struct split *split)
{
	while (split->rest.len > 0 && is_blank(split->rest.ptr[0]))
		split->rest = slice_skip(split->rest, 1);
}

/* False at the end of the text. */
static bool take(struct split *split, char *c)
{
	if (split->rest.len == 0)
		return false;
	*c = split->rest.ptr[0];
	split->rest = slice_skip(split->rest, 1);
	return true;
}

/* What a quote holds, and its end; false if that is missing. */
static bool take_quoted(struct split *split, char quote)
{
	char c;

	while (take(split, &c)) {
		if (c == quote)
			return true;
		if (c == '\\' && quote == '"' &&
		    (slice_starts(split->rest, SLICE("\"")) ||
			slice_starts(split->rest, SLICE("\\"))))
			(void)take(split, &c);
		*split->to++ = c;
	}
	return false;
}

static bool take_word(struct split *split)
{
	while (split->rest.len > 0 && !is_blank(split->rest.ptr[0])) {
		char c;

		(void)take(split, &c);
		if (c == '\'' || c == '"') {
			if (!take_quoted(split, c))
				return false;
			continue;
		}
		if (c == '\\' && !take(split, &c))
			return false;
		*split->to++ = c;
	}
	*split->to++ = '\0';
	return true;
}

enum status words_split(
    char *argv[static WORDS_MAX + 1], char **copy, struct slice text)
{
	struct split split = {.rest = text};
	size_t n = 0;

	*copy = NULL;
	argv[0] = NULL;
	if (slice_find(text, SLICE("\0")) < text.len)
		return STATUS_BAD_REQUEST;
	skip_blanks(&split);
	if (split.rest.len == 0)
		return STATUS_BAD_REQUEST;
	/* Each word is followed by a blank or by the end: its NUL fits. */
	split.to = *copy = malloc(split.rest.len + 1);
	if (*copy == NULL)
		return STATUS_NO_MEMORY;
	while (split.rest.len > 0) {
		if (n == WORDS_MAX)
			goto bad;
		argv[n++] = split.to;
		if (!take_word(&split))
			goto bad;
		skip_blanks(&split);
	}
	argv[n] = NULL;
	return STATUS_OK;
bad:
	free(*copy);
	*copy = NULL;
	argv[0] = NULL;
	return STATUS_BAD_REQUEST;
}
