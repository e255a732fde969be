#include "header.h"

/* The highest q, in thousandths. */
enum {
	Q_MAX = 1000
};

struct slice header_main(struct slice value)
{
	return slice_trim(slice_cut(&value, ';'));
}

/* Cut a parameter off *rest, at the first semicolon outside quotes. */
static struct slice cut_param(struct slice *rest)
{
	struct slice s = *rest;
	bool quoted = false;
	size_t at = 0;

	for (; at < s.len && (quoted || s.ptr[at] != ';'); at++) {
		if (s.ptr[at] == '"')
			quoted = !quoted;
		else if (s.ptr[at] == '\\' && quoted && at + 1 < s.len)
			at++;
	}
	*rest = slice_skip(s, at + 1);
	return slice_trim(slice_first(s, at));
}

static struct slice unquote(struct slice text)
{
	if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"')
		return text;
	return slice_first(slice_skip(text, 1), text.len - 2);
}

bool header_param(struct slice value, const char *name, struct slice *param)
{
	(void)cut_param(&value);
	while (value.len > 0) {
		struct slice text = cut_param(&value);
		struct slice key = slice_trim(slice_cut(&text, '='));

		if (!slice_equal_nocase(key, slice_from(name)))
			continue;
		*param = unquote(slice_trim(text));
		return true;
	}
	return false;
}

/* The q of one range of an Accept value.  One that cannot be read counts as
 * none at all: the client did name the type. */
static unsigned quality(struct slice range)
{
	unsigned q, unit = Q_MAX / 10;
	struct slice text;

	if (!header_param(range, "q", &text) || text.len == 0 ||
	    text.ptr[0] != '0')
		return Q_MAX;
	if (text.len > 1 && text.ptr[1] != '.')
		return Q_MAX;
	q = 0;
	for (size_t i = 2; i < text.len; i++, unit /= 10) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return Q_MAX;
		q += (unsigned)(text.ptr[i] - '0') * unit;
	}
	return q;
}

/* How closely a range fits a type: 0 not at all, 3 exactly. */
static unsigned closeness(struct slice range, struct slice type)
{
	struct slice wild = SLICE("/*");

	if (slice_equal_nocase(range, type))
		return 3;
	if (slice_equal(range, SLICE("*/*")))
		return 1;
	if (!slice_ends(range, wild))
		return 0;
	range.len--;
	return slice_equal_nocase(range, slice_first(type, range.len)) ? 2 : 0;
}

/* The q that an Accept value gives to a type, by the range that fits most
 * closely; *place is that range's place. */
static unsigned rate(struct slice accept, struct slice type, size_t *place)
{
	unsigned best = 0, q = 0;

	for (size_t i = 0; accept.len > 0; i++) {
		struct slice range = slice_cut(&accept, ',');
		unsigned close = closeness(header_main(range), type);

		if (close <= best)
			continue;
		best = close;
		q = quality(range);
		*place = i;
	}
	return q;
}

size_t header_accept(struct slice accept, const struct slice *offers, size_t n)
{
	size_t best = 0, best_place = 0;
	unsigned best_q = 0;

	for (size_t i = 0; i < n; i++) {
		size_t place = 0;
		unsigned q = rate(accept, offers[i], &place);

		if (q < best_q || (q == best_q && place >= best_place))
			continue;
		best = i;
		best_q = q;
		best_place = place;
	}
	return best;
}

struct slice header_find(struct slice lines, const char *name)
{
	struct slice wanted = slice_from(name);

	while (lines.len > 0) {
		struct slice line = slice_cut(&lines, '\n');
		struct slice key;

		if (slice_ends(line, SLICE("\r")))
			line.len--;
		key = slice_cut(&line, ':');
		if (slice_equal_nocase(key, wanted))
			return slice_trim(line);
	}
	return (struct slice){0};
}
