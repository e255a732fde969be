#include "xml.h"

#include "buf.h"

/* The longest reference without its & and ; is #x0010FFFF, but for zeros that
 * nobody writes. */
enum {
	MAX_REFERENCE = 16
};

struct reader {
	struct slice rest; /* not yet read */
	struct slice path;
	struct slice open[XML_MAX_DEPTH]; /* names of the open elements */
	size_t depth;                     /* how many these are */
	size_t matched; /* how many of them, from the root, the path names */
	struct buf *out;
	bool root_seen;
	bool found; /* the element has ended */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A byte that may stand in a document. */
static bool is_char(char c)
{
	return (unsigned char)c >= 0x20 || is_space(c);
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    c == ':' || (unsigned char)c >= 0x80;
}

static bool is_name_char(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == '-' ||
	    c == '.';
}

static bool take(struct reader *reader, struct slice text)
{
	if (!slice_starts(reader->rest, text))
		return false;
	reader->rest = slice_skip(reader->rest, text.len);
	return true;
}

/* Go behind the next such text; *before is what stands before it. */
static bool take_until(
    struct reader *reader, struct slice text, struct slice *before)
{
	size_t n = slice_find(reader->rest, text);

	*before = slice_first(reader->rest, n);
	if (n == reader->rest.len)
		return false;
	reader->rest = slice_skip(reader->rest, n + text.len);
	return true;
}

/* False if there was none. */
static bool take_spaces(struct reader *reader)
{
	size_t n = 0;

	while (n < reader->rest.len && is_space(reader->rest.ptr[n]))
		n++;
	reader->rest = slice_skip(reader->rest, n);
	return n > 0;
}

static bool take_name(struct reader *reader, struct slice *name)
{
	size_t n = 0;

	if (reader->rest.len == 0 || !is_name_start(reader->rest.ptr[0]))
		return false;
	while (n < reader->rest.len && is_name_char(reader->rest.ptr[n]))
		n++;
	*name = slice_first(reader->rest, n);
	reader->rest = slice_skip(reader->rest, n);
	return true;
}

/* Name i of the path, from 0; empty behind its end. */
static struct slice step(const struct reader *reader, size_t i)
{
	struct slice rest = reader->path, name;

	do
		name = slice_cut(&rest, '/');
	while (i-- > 0);
	return name;
}

/* Whether what comes stands right in the element that is looked for. */
static bool is_inside(const struct reader *reader)
{
	return reader->depth > 0 && reader->matched == reader->depth &&
	    step(reader, reader->depth).len == 0;
}

static void add(struct reader *reader, struct slice text)
{
	if (is_inside(reader))
		buf_add(reader->out, text);
}

static bool begin_element(struct reader *reader, struct slice name)
{
	if (reader->depth == XML_MAX_DEPTH ||
	    (reader->depth == 0 && reader->root_seen))
		return false;
	reader->root_seen = true;
	if (reader->matched == reader->depth &&
	    slice_equal(step(reader, reader->depth), name))
		reader->matched++;
	reader->open[reader->depth++] = name;
	return true;
}

static void end_element(struct reader *reader)
{
	reader->found = is_inside(reader);
	if (reader->matched == reader->depth)
		reader->matched--;
	reader->depth--;
}

static bool take_attribute(struct reader *reader)
{
	struct slice name, value;

	if (!take_name(reader, &name))
		return false;
	(void)take_spaces(reader);
	if (!take(reader, SLICE("=")))
		return false;
	(void)take_spaces(reader);
	if (take(reader, SLICE("\""))) {
		if (!take_until(reader, SLICE("\""), &value))
			return false;
	} else if (!take(reader, SLICE("'")) ||
	    !take_until(reader, SLICE("'"), &value)) {
		return false;
	}
	return slice_find(value, SLICE("<")) == value.len;
}

/* What follows the < of a start tag. */
static bool take_start(struct reader *reader)
{
	struct slice name;

	if (!take_name(reader, &name))
		return false;
	for (;;) {
		bool spaced = take_spaces(reader);

		if (take(reader, SLICE(">")))
			return begin_element(reader, name);
		if (take(reader, SLICE("/>"))) {
			if (!begin_element(reader, name))
				return false;
			end_element(reader);
			return true;
		}
		if (!spaced || !take_attribute(reader))
			return false;
	}
}

/* What follows a </. */
static bool take_end(struct reader *reader)
{
	struct slice name;

	if (reader->depth == 0 || !take_name(reader, &name) ||
	    !slice_equal(name, reader->open[reader->depth - 1]))
		return false;
	(void)take_spaces(reader);
	if (!take(reader, SLICE(">")))
		return false;
	end_element(reader);
	return true;
}

static bool take_markup(struct reader *reader)
{
	struct slice text;

	if (take(reader, SLICE("</")))
		return take_end(reader);
	if (take(reader, SLICE("<?")))
		return take_name(reader, &text) &&
		    take_until(reader, SLICE("?>"), &text);
	if (take(reader, SLICE("<!--")))
		return take_until(reader, SLICE("--"), &text) &&
		    take(reader, SLICE(">"));
	if (take(reader, SLICE("<![CDATA["))) {
		if (reader->depth == 0 ||
		    !take_until(reader, SLICE("]]>"), &text))
			return false;
		for (size_t i = 0; i < text.len; i++)
			if (!is_char(text.ptr[i]))
				return false;
		add(reader, text);
		return true;
	}
	/* Also <!DOCTYPE ends here: ! begins no name. */
	return take(reader, SLICE("<")) && take_start(reader);
}

static bool hex_number(struct slice digits, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < digits.len; i++) {
		char c = digits.ptr[i];

		*number *= 16;
		if (c >= '0' && c <= '9')
			*number += (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*number += (uint64_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			*number += (uint64_t)(c - 'A') + 10;
		else
			return false;
	}
	return digits.len > 0;
}

/* https://www.w3.org/TR/xml/#charsets */
static bool is_character(uint64_t c)
{
	return (c < 0x80 && is_char((char)c)) || (c >= 0x80 && c <= 0xd7ff) ||
	    (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

static void add_character(struct reader *reader, uint64_t c)
{
	char utf8[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		utf8[i] = (char)(0x80 | (c & 0x3f));
	/* The first byte tells how many there are: 0, 110, 1110, 11110. */
	utf8[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
	add(reader, (struct slice){.ptr = utf8, .len = n});
}

static bool add_reference(struct reader *reader, struct slice name)
{
	static const struct {
		struct slice name;
		char c;
	} named[] = {
	    {{"amp", 3}, '&'},
	    {{"lt", 2}, '<'},
	    {{"gt", 2}, '>'},
	    {{"quot", 4}, '"'},
	    {{"apos", 4}, '\''},
	};
	uint64_t c;

	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		if (!slice_equal(name, named[i].name))
			continue;
		add(reader, (struct slice){.ptr = &named[i].c, .len = 1});
		return true;
	}
	if (slice_starts(name, SLICE("#x"))) {
		if (!hex_number(slice_skip(name, 2), &c))
			return false;
	} else if (!slice_starts(name, SLICE("#")) ||
	    !slice_to_number(slice_skip(name, 1), UINT32_MAX, &c)) {
		return false;
	}
	if (!is_character(c))
		return false;
	add_character(reader, c);
	return true;
}

/* Text up to the next markup or reference, or a reference. */
static bool take_text(struct reader *reader)
{
	struct slice text = reader->rest, name;
	size_t n = 0;

	for (; n < text.len && text.ptr[n] != '<' && text.ptr[n] != '&'; n++) {
		if (!is_char(text.ptr[n]) ||
		    (reader->depth == 0 && !is_space(text.ptr[n])))
			return false;
	}
	if (n > 0) {
		add(reader, slice_first(text, n));
		reader->rest = slice_skip(text, n);
		return true;
	}
	text = slice_first(slice_skip(text, 1), MAX_REFERENCE);
	n = slice_find(text, SLICE(";"));
	if (reader->depth == 0 || n == text.len)
		return false;
	name = slice_first(text, n);
	reader->rest = slice_skip(reader->rest, n + 2);
	return add_reference(reader, name);
}

enum status xml_find(struct buf *out, struct slice document, const char *path)
{
	struct reader reader = {
	    .rest = document, .path = slice_from(path), .out = out};
	size_t before = out->len;
	bool ok = true;

	(void)take(&reader, SLICE("\xef\xbb\xbf")); /* byte order mark */
	while (ok && !reader.found && reader.rest.len > 0)
		ok = reader.rest.ptr[0] == '<' ? take_markup(&reader)
					       : take_text(&reader);
	if (ok && reader.found)
		return buf_status(out);
	if (ok && reader.root_seen && reader.depth == 0)
		return STATUS_NOT_FOUND;
	out->len = before;
	return STATUS_UPSTREAM_ERROR;
}
