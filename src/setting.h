/*
 * setting: one row per key of a configuration: how its value is read, kept
 * and written.  Rows are constant and point into a struct of the caller.
 */
#ifndef SETTING_H
#define SETTING_H

#include "slice.h"
#include "status.h"

struct buf;

enum setting_kind {
	SETTING_TEXT,     /* char *, owned, never NULL once parsed */
	SETTING_CHOICE,   /* an enum: the index of its name in choices */
	SETTING_FLAG,     /* bool: yes or no */
	SETTING_DURATION, /* uint64_t in milliseconds: 500ms 15s 5m 1h */
	SETTING_SIZE,     /* uint64_t in bytes: 4096 64K 1M */
	SETTING_NUMBER,   /* uint64_t */
	SETTING_RATE      /* two uint64_t, count and period in ms: 30/m */
};

/* Longest text of a value, in bytes. */
#define SETTING_TEXT_MAX 4096

struct setting {
	const char *name;
	enum setting_kind kind;
	size_t offset;        /* of the member it fills */
	const char *fallback; /* its default, as setting_format writes it */
	uint64_t min, max;    /* for numbers, in the unit kept */
	bool off;             /* the word off is allowed, and kept as 0 */
	bool later;   /* accepted, but this version has no such feature */
	unsigned now; /* of a choice: how many, from the first, it has */
	const char *const *choices; /* up to a NULL */
	/* For text: what is allowed, or NULL if value is. */
	const char *(*check)(struct slice value);
};

/* What every row of a kind has; at is the offset. */
#define SETTING_ROW(key, its_kind, at, text) \
	.name = key, .kind = its_kind, .offset = at, .fallback = text
#define SETTING_TEXT_ROW(key, at, text, allowed) \
	SETTING_ROW(key, SETTING_TEXT, at, text), .check = allowed
#define SETTING_CHOICE_ROW(key, at, names, text) \
	SETTING_ROW(key, SETTING_CHOICE, at, text), .choices = names
#define SETTING_RANGE_ROW(key, its_kind, at, text, low, high) \
	SETTING_ROW(key, its_kind, at, text), .min = low, .max = high

/* The rows of one struct. */
struct setting_table {
	const struct setting *rows;
	size_t len;
};

/* What is wrong or allowed, for the administrator. */
struct setting_error {
	char text[384];
};

/* Give each member its default.  Texts must be NULL or owned. */
MUST_CHECK enum status setting_defaults(
    const struct setting_table *table, void *base);

/* The row of this name, or NULL. */
const struct setting *setting_find(
    const struct setting_table *table, struct slice name);

/* Read value into the member of base; a text there is freed.
 * STATUS_NOT_CONFIGURED with what is allowed in *error and the member as it
 * was, or STATUS_NO_MEMORY. */
MUST_CHECK enum status setting_parse(const struct setting *row, void *base,
    struct slice value, struct setting_error *error);

/* Put a copy of value in *member and free what was there. */
MUST_CHECK enum status setting_put_text(char **member, struct slice value);

/* Append the value as setting_parse reads it back. */
void setting_format(
    const struct setting *row, const void *base, struct buf *out);

/* Append a line KEY = VALUE per row. */
void setting_dump(
    const struct setting_table *table, const void *base, struct buf *out);

/* Append a line, prefix and KEY, per row that is later and not at its
 * default. */
void setting_add_later(const struct setting_table *table, const void *base,
    const char *prefix, struct buf *out);

/* Free the texts.  May run twice. */
void setting_free(const struct setting_table *table, void *base);

#endif
