#include "setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

struct unit {
	const char *name;
	uint64_t size;
};

/* Longest first, so that ms is not taken for s, nor 1000 for 1000 bytes. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit sizes[] = {
    {"M", 1048576}, {"K", 1024}, {"", 1}, {NULL, 0}};
static const struct unit periods[] = {
    {"/s", 1000}, {"/m", 60000}, {"/h", 3600000}, {NULL, 0}};
static const struct unit ones[] = {{"", 1}, {NULL, 0}};

static void *member(const struct setting *row, void *base)
{
	return (char *)base + row->offset;
}

static const void *member_const(const struct setting *row, const void *base)
{
	return (const char *)base + row->offset;
}

static const struct unit *units(const struct setting *row)
{
	if (row->kind == SETTING_DURATION)
		return durations;
	if (row->kind == SETTING_SIZE)
		return sizes;
	return row->kind == SETTING_RATE ? periods : ones;
}

/* The unit that value ends with, or NULL; *digits is what stands before. */
static const struct unit *cut_unit(
    const struct unit *unit, struct slice value, struct slice *digits)
{
	for (; unit->name != NULL; unit++) {
		struct slice name = slice_from(unit->name);

		if (!slice_ends(value, name))
			continue;
		*digits = slice_first(value, value.len - name.len);
		return unit;
	}
	return NULL;
}

static void add_duration(struct buf *out, uint64_t ms)
{
	bool whole = ms % 1000 == 0;

	buf_add_number(out, whole ? ms / 1000 : ms);
	buf_add_text(out, whole ? "s" : "ms");
}

static void add_size(struct buf *out, uint64_t bytes)
{
	const struct unit *unit = sizes;

	while (unit->size > 1 && bytes % unit->size != 0)
		unit++;
	buf_add_number(out, bytes / unit->size);
	buf_add_text(out, unit->name);
}

static void add_rate(struct buf *out, uint64_t count, uint64_t period_ms)
{
	const struct unit *unit = periods;

	while (unit[1].name != NULL && unit->size != period_ms)
		unit++;
	buf_add_number(out, count);
	buf_add_text(out, unit->name);
}

static void add_value(
    const struct setting *row, const uint64_t *value, struct buf *out)
{
	if (row->off && value[0] == 0)
		buf_add_text(out, "off");
	else if (row->kind == SETTING_DURATION)
		add_duration(out, value[0]);
	else if (row->kind == SETTING_SIZE)
		add_size(out, value[0]);
	else if (row->kind == SETTING_RATE)
		add_rate(out, value[0], value[1]);
	else
		buf_add_number(out, value[0]);
}

/* For instance "a time from 1s to 600s, such as 500ms, 15s, 5m or 1h". */
static enum status refuse_number(
    const struct setting *row, struct setting_error *error)
{
	static const char *const what[] = {
	    [SETTING_DURATION] = "a time with its unit (ms, s, m, h)",
	    [SETTING_SIZE] = "a size (bytes, or with K or M)",
	    [SETTING_NUMBER] = "a number",
	    [SETTING_RATE] = "a number per time, as in 30/m (/s, /m, /h)"};
	char space[64];
	struct buf range;
	uint64_t low[2] = {row->min, 1000}, high[2] = {row->max, 1000};
	struct setting plain = *row;

	plain.off = false;
	if (row->kind == SETTING_RATE)
		plain.kind = SETTING_NUMBER;
	buf_init(&range, sizeof space);
	add_value(&plain, low, &range);
	buf_add_text(&range, " to ");
	add_value(&plain, high, &range);
	(void)snprintf(error->text, sizeof error->text, "%s, %.*s%s",
	    what[row->kind], SLICE_ARG(buf_slice(&range)),
	    row->off ? ", or off" : "");
	buf_free(&range);
	return STATUS_NOT_CONFIGURED;
}

static enum status parse_number(const struct setting *row, uint64_t *to,
    struct slice value, struct setting_error *error)
{
	struct slice digits = {0};
	const struct unit *unit;
	uint64_t n, size;

	if (row->off && slice_equal(value, SLICE("off"))) {
		to[0] = 0;
		if (row->kind == SETTING_RATE)
			to[1] = 0;
		return STATUS_OK;
	}
	unit = cut_unit(units(row), value, &digits);
	/* Nothing is nothing in every unit. */
	if (unit == NULL && slice_equal(value, SLICE("0"))) {
		unit = &durations[0];
		digits = value;
	}
	if (unit == NULL)
		return refuse_number(row, error);
	size = row->kind == SETTING_RATE ? 1 : unit->size;
	if (!slice_to_number(digits, row->max / size, &n) ||
	    n * size < row->min)
		return refuse_number(row, error);
	to[0] = n * size;
	if (row->kind == SETTING_RATE)
		to[1] = unit->size;
	return STATUS_OK;
}

static enum status parse_choice(const struct setting *row, void *to,
    struct slice value, struct setting_error *error)
{
	size_t at = 0;

	for (int i = 0; row->choices[i] != NULL; i++) {
		if (!slice_equal(value, slice_from(row->choices[i])))
			continue;
		memcpy(to, &i, sizeof i);
		return STATUS_OK;
	}
	for (int i = 0; row->choices[i] != NULL; i++) {
		int n = snprintf(error->text + at, sizeof error->text - at,
		    "%s%s", i > 0 ? " | " : "", row->choices[i]);

		/* The names of a row are a few words: they fit. */
		at += n > 0 ? (size_t)n : 0;
	}
	return STATUS_NOT_CONFIGURED;
}

static enum status parse_flag(
    bool *to, struct slice value, struct setting_error *error)
{
	bool yes = slice_equal(value, SLICE("yes"));

	if (!yes && !slice_equal(value, SLICE("no"))) {
		(void)snprintf(error->text, sizeof error->text, "yes or no");
		return STATUS_NOT_CONFIGURED;
	}
	*to = yes;
	return STATUS_OK;
}

static enum status parse_text(const struct setting *row, char **to,
    struct slice value, struct setting_error *error)
{
	const char *allowed = NULL;

	if (value.len > SETTING_TEXT_MAX)
		allowed = "at most 4,096 bytes";
	else if (row->check != NULL)
		allowed = row->check(value);
	if (allowed != NULL) {
		(void)snprintf(error->text, sizeof error->text, "%s", allowed);
		return STATUS_NOT_CONFIGURED;
	}
	return setting_put_text(to, value);
}

enum status setting_put_text(char **to, struct slice value)
{
	char *copy = malloc(value.len + 1);

	if (copy == NULL)
		return STATUS_NO_MEMORY;
	if (value.len > 0)
		memcpy(copy, value.ptr, value.len);
	copy[value.len] = '\0';
	free(*to);
	*to = copy;
	return STATUS_OK;
}

enum status setting_parse(const struct setting *row, void *base,
    struct slice value, struct setting_error *error)
{
	void *to = member(row, base);

	switch (row->kind) {
	case SETTING_TEXT:
		return parse_text(row, to, value, error);
	case SETTING_CHOICE:
		return parse_choice(row, to, value, error);
	case SETTING_FLAG:
		return parse_flag(to, value, error);
	case SETTING_DURATION:
	case SETTING_SIZE:
	case SETTING_NUMBER:
	case SETTING_RATE:
		break;
	}
	return parse_number(row, to, value, error);
}

void setting_format(
    const struct setting *row, const void *base, struct buf *out)
{
	const void *from = member_const(row, base);
	int choice;

	switch (row->kind) {
	case SETTING_TEXT:
		buf_add_text(out, *(const char *const *)from);
		return;
	case SETTING_CHOICE:
		memcpy(&choice, from, sizeof choice);
		buf_add_text(out, row->choices[choice]);
		return;
	case SETTING_FLAG:
		buf_add_text(out, *(const bool *)from ? "yes" : "no");
		return;
	case SETTING_DURATION:
	case SETTING_SIZE:
	case SETTING_NUMBER:
	case SETTING_RATE:
		break;
	}
	add_value(row, from, out);
}

static bool changed(const struct setting *row, const void *base)
{
	struct buf now;
	bool answer;

	buf_init(&now, SETTING_TEXT_MAX);
	setting_format(row, base, &now);
	answer = buf_status(&now) != STATUS_OK ||
	    !slice_equal(buf_slice(&now), slice_from(row->fallback));
	buf_free(&now);
	return answer;
}

enum status setting_defaults(const struct setting_table *table, void *base)
{
	enum status status = STATUS_OK;
	struct setting_error error;

	for (size_t i = 0; status == STATUS_OK && i < table->len; i++)
		status = setting_parse(&table->rows[i], base,
		    slice_from(table->rows[i].fallback), &error);
	return status;
}

const struct setting *setting_find(
    const struct setting_table *table, struct slice name)
{
	for (size_t i = 0; i < table->len; i++)
		if (slice_equal(name, slice_from(table->rows[i].name)))
			return &table->rows[i];
	return NULL;
}

void setting_dump(
    const struct setting_table *table, const void *base, struct buf *out)
{
	for (size_t i = 0; i < table->len; i++) {
		buf_addf(out, "%s = ", table->rows[i].name);
		setting_format(&table->rows[i], base, out);
		buf_add_char(out, '\n');
	}
}

static bool has_to_wait(const struct setting *row, const void *base)
{
	unsigned choice = 0;

	if (row->kind == SETTING_CHOICE)
		memcpy(
		    &choice, (const char *)base + row->offset, sizeof choice);
	return row->later && choice >= row->now && changed(row, base);
}

void setting_add_later(const struct setting_table *table, const void *base,
    const char *prefix, struct buf *out)
{
	for (size_t i = 0; i < table->len; i++)
		if (has_to_wait(&table->rows[i], base))
			buf_addf(out, "%s%s\n", prefix, table->rows[i].name);
}

void setting_free(const struct setting_table *table, void *base)
{
	for (size_t i = 0; i < table->len; i++) {
		char **text = member(&table->rows[i], base);

		if (table->rows[i].kind != SETTING_TEXT)
			continue;
		free(*text);
		*text = NULL;
	}
}
