#include "inifile.h"

#include <ini.h>
#include <string.h>

#include "utf8.h"

enum {
	LINE_BYTES = 8192, /* a system prompt is a page at most */
	NAME_BYTES = 64,   /* more than any key; inih cuts at 49 itself */
	ROOM_MIN = 64,     /* less in inih's buffer, and a key may not fit */
	PIECE_EXTRA = 8    /* blank, guards, newline, NUL, and not full */
};

/* Stands at the cuts of a line that is longer than inih's buffer, so that the
 * blanks there survive and a ; or # begins no comment. */
static const char guard = '|';

struct reader {
	struct inifile *file;
	struct slice text; /* the lines to come */
	struct slice line; /* what inih has not seen yet of this one */
	bool pending;      /* a line has gone to inih */
	bool understood;   /* and inih has found a name and a value in it */
	bool more;         /* the piece with inih is not the last of its line */
	bool ended;
	enum status status;
	size_t name_len, value_len;
	char name[NAME_BYTES];
	char value[LINE_BYTES];
};

static enum status refuse(struct reader *reader, const char *what)
{
	reader->file->wrong = what;
	return STATUS_NOT_CONFIGURED;
}

static bool has_control(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* The line without its inline comment, by inih's rule: a semicolon after a
 * blank.  Done here because inih sees long lines in pieces. */
static struct slice without_comment(struct slice line)
{
	for (size_t i = 1; i < line.len; i++) {
		char before = line.ptr[i - 1];

		if (line.ptr[i] == ';' && (before == ' ' || before == '\t'))
			return slice_trim(slice_first(line, i));
	}
	return line;
}

/* The next line without blanks and comments; may be empty. */
static enum status take_line(struct reader *reader, struct slice *line)
{
	struct slice raw = slice_cut(&reader->text, '\n');

	reader->file->line++;
	if (slice_ends(raw, SLICE("\r")))
		raw.len--;
	*line = slice_trim(raw);
	if (slice_starts(*line, SLICE("#")) || slice_starts(*line, SLICE(";")))
		*line = (struct slice){0};
	if (line->len >= LINE_BYTES)
		return refuse(
		    reader, "the line is too long: 8,191 bytes are the most");
	if (has_control(*line))
		return refuse(reader,
		    "a control character: only text and tabs are allowed");
	if (!utf8_valid(*line))
		return refuse(reader, "not UTF-8");
	*line = without_comment(*line);
	return STATUS_OK;
}

/* Hand over what inih has made of the last line. */
static enum status finish_pair(struct reader *reader)
{
	struct inifile *file = reader->file;

	if (!reader->pending)
		return STATUS_OK;
	reader->pending = false;
	if (!reader->understood)
		return refuse(
		    reader, "expected KEY = VALUE, [agent NAME] or a comment");
	return file->pair(file->user,
	    (struct slice){.ptr = reader->name, .len = reader->name_len},
	    slice_trim((struct slice){
		.ptr = reader->value, .len = reader->value_len}));
}

static enum status section(struct reader *reader, struct slice line)
{
	struct inifile *file = reader->file;
	struct slice title = slice_skip(line, 1);

	title = slice_cut(&title, ']');
	if (title.len + 2 > line.len)
		return refuse(reader, "a section title ends with ]");
	if (title.len + 2 < line.len)
		return refuse(reader, "only a comment may follow the ]");
	return file->section(file->user, slice_trim(title));
}

static enum status next_pair(struct reader *reader)
{
	enum status status = finish_pair(reader);

	while (status == STATUS_OK && reader->text.len > 0) {
		struct slice line;

		status = take_line(reader, &line);
		if (status != STATUS_OK || line.len == 0)
			continue;
		if (line.ptr[0] == '[') {
			status = section(reader, line);
			continue;
		}
		reader->line = line;
		reader->pending = true;
		reader->understood = false;
		reader->name_len = reader->value_len = 0;
		return STATUS_OK;
	}
	reader->ended = status == STATUS_OK;
	return status;
}

/* Give inih the next piece of the line.  All but the first begin with a
 * blank, which is how inih knows that a value goes on.  The buffer is never
 * filled, and always ends in a newline: else inih takes it for cut off. */
static void give_piece(struct reader *reader, char *to, size_t room)
{
	struct slice piece = slice_first(reader->line, room - PIECE_EXTRA);
	size_t at = 0;

	if (reader->understood) {
		to[at++] = ' ';
		to[at++] = guard;
	}
	memcpy(to + at, piece.ptr, piece.len);
	at += piece.len;
	reader->line = slice_skip(reader->line, piece.len);
	reader->more = reader->line.len > 0;
	if (reader->more)
		to[at++] = guard;
	to[at++] = '\n';
	to[at] = '\0';
}

/* In the manner of fgets, for inih. */
static char *read_line(char *to, int room, void *stream)
{
	struct reader *reader = stream;

	if (room < ROOM_MIN)
		return NULL;
	/* A first piece without a name is not to be followed by a second,
	 * which would be taken for a line of its own. */
	if (reader->pending && !reader->understood)
		reader->line = (struct slice){0};
	if (reader->line.len == 0)
		reader->status = next_pair(reader);
	if (reader->status != STATUS_OK || reader->ended)
		return NULL;
	give_piece(reader, to, (size_t)room);
	return to;
}

static int take_pair(
    void *user, const char *section_name, const char *name, const char *text)
{
	struct reader *reader = user;
	struct slice value = slice_from(text);

	(void)section_name;
	if (reader->understood) {
		value = slice_skip(value, 1);
	} else {
		struct slice key = slice_first(slice_from(name), NAME_BYTES);

		memcpy(reader->name, key.ptr, key.len);
		reader->name_len = key.len;
		reader->understood = true;
	}
	if (reader->more && value.len > 0)
		value.len--;
	if (value.len > LINE_BYTES - reader->value_len)
		return 0;
	if (value.len > 0)
		memcpy(reader->value + reader->value_len, value.ptr, value.len);
	reader->value_len += value.len;
	return 1;
}

enum status inifile_parse(struct inifile *file, struct slice text)
{
	struct reader reader = {.file = file, .text = text};

	/* A byte order mark, as editors on Windows leave it. */
	if (slice_starts(text, SLICE("\xef\xbb\xbf")))
		reader.text = slice_skip(text, 3);
	file->line = 0;
	file->wrong = NULL;
	if (ini_parse_stream(read_line, &reader, take_pair, &reader) == -2)
		return STATUS_NO_MEMORY;
	if (reader.status == STATUS_OK && !reader.ended)
		return refuse(&reader, "expected KEY = VALUE");
	return reader.status;
}
