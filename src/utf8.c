#include "utf8.h"

#include "buf.h"

/* What a lead byte announces (Unicode, table 3-7): how long its sequence is
 * and what its second byte may be; the others are always 80..BF. */
struct lead {
	unsigned char first, last; /* range of lead bytes */
	unsigned char len;
	unsigned char low, high; /* range of the second byte */
};

static const struct lead leads[] = {
    {0x00, 0x7f, 1, 0, 0},
    {0xc2, 0xdf, 2, 0x80, 0xbf},
    {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf},
    {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static const struct lead *find_lead(unsigned char c)
{
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	}
	return NULL;
}

/* How many bytes at the start of text, which is not empty, belong to one
 * sequence; at least 1.  *missing is how many more it needs: 0 if it is
 * whole.  *valid is false if no bytes could make it so. */
static size_t measure(struct slice text, size_t *missing, bool *valid)
{
	const struct lead *lead = find_lead((unsigned char)text.ptr[0]);
	size_t n = 1;

	*missing = 0;
	*valid = lead != NULL;
	if (lead == NULL)
		return 1;
	for (; n < lead->len && n < text.len; n++) {
		unsigned char c = (unsigned char)text.ptr[n];

		if (c < (n == 1 ? lead->low : 0x80) ||
		    c > (n == 1 ? lead->high : 0xbf)) {
			*valid = false;
			return n;
		}
	}
	*missing = lead->len - n;
	return n;
}

/* How many bytes at the start of text are valid. */
static size_t valid_length(struct slice text)
{
	size_t at = 0, n, missing;
	bool valid;

	while (at < text.len) {
		if ((unsigned char)text.ptr[at] < 0x80) {
			at++;
			continue;
		}
		n = measure(slice_skip(text, at), &missing, &valid);
		if (!valid || missing > 0)
			break;
		at += n;
	}
	return at;
}

bool utf8_valid(struct slice text)
{
	return valid_length(text) == text.len;
}

size_t utf8_unfinished(struct slice text)
{
	size_t missing;
	bool valid;

	/* A lead byte always begins a sequence, so the nearest one decides
	 * without a look at what stands before it. */
	for (size_t n = 1; n <= 3 && n <= text.len; n++) {
		struct slice end = slice_skip(text, text.len - n);

		if (measure(end, &missing, &valid) == n && valid && missing > 0)
			return n;
	}
	return 0;
}

void utf8_add_clean(struct buf *buf, struct slice text)
{
	size_t n, missing;
	bool valid;

	for (;;) {
		n = valid_length(text);
		buf_add(buf, slice_first(text, n));
		text = slice_skip(text, n);
		if (text.len == 0)
			return;
		buf_add(buf, SLICE("\xef\xbf\xbd"));
		text = slice_skip(text, measure(text, &missing, &valid));
	}
}
