#include "timestamp.h"

enum {
	FIRST_YEAR = 1970,
	MINUTE_S = 60,
	HOUR_S = 60 * MINUTE_S,
	DAY_S = 24 * HOUR_S
};

struct reader {
	struct slice rest;
	bool ok;
};

static bool at_digit(const struct reader *reader)
{
	return reader->rest.len > 0 && reader->rest.ptr[0] >= '0' &&
	    reader->rest.ptr[0] <= '9';
}

/* So many digits, between min and max. */
static int64_t take_number(
    struct reader *reader, size_t digits, uint64_t min, uint64_t max)
{
	uint64_t n = 0;

	if (reader->rest.len < digits ||
	    !slice_to_number(slice_first(reader->rest, digits), max, &n) ||
	    n < min)
		reader->ok = false;
	reader->rest = slice_skip(reader->rest, digits);
	return (int64_t)n;
}

static bool next_is(struct reader *reader, char c)
{
	if (reader->rest.len == 0 || reader->rest.ptr[0] != c)
		return false;
	reader->rest = slice_skip(reader->rest, 1);
	return true;
}

static void take(struct reader *reader, char c)
{
	if (!next_is(reader, c))
		reader->ok = false;
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t days_in(int64_t year, int64_t month)
{
	static const int8_t days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Leap days of the years before this one. */
static int64_t leap_days(int64_t year)
{
	year--;
	return year / 4 - year / 100 + year / 400;
}

static int64_t take_date(struct reader *reader)
{
	int64_t year = take_number(reader, 4, FIRST_YEAR, 9999);
	int64_t month, day, days;

	take(reader, '-');
	month = take_number(reader, 2, 1, 12);
	take(reader, '-');
	day = take_number(reader, 2, 1, 31);
	if (!reader->ok || day > days_in(year, month)) {
		reader->ok = false;
		return 0;
	}
	days = (year - FIRST_YEAR) * 365 + leap_days(year) -
	    leap_days(FIRST_YEAR) + day - 1;
	while (--month > 0)
		days += days_in(year, month);
	return days * DAY_S;
}

static int64_t take_time(struct reader *reader)
{
	int64_t s = take_number(reader, 2, 0, 23) * HOUR_S;

	take(reader, ':');
	s += take_number(reader, 2, 0, 59) * MINUTE_S;
	take(reader, ':');
	/* 60 is a leap second: here, as in POSIX, the second after it. */
	s += take_number(reader, 2, 0, 60);
	if (next_is(reader, '.')) {
		if (!at_digit(reader))
			reader->ok = false;
		while (at_digit(reader))
			reader->rest = slice_skip(reader->rest, 1);
	}
	return s;
}

/* How far the zone is ahead of UTC. */
static int64_t take_zone(struct reader *reader)
{
	bool west;
	int64_t s;

	if (next_is(reader, 'Z') || next_is(reader, 'z'))
		return 0;
	west = next_is(reader, '-');
	if (!west)
		take(reader, '+');
	s = take_number(reader, 2, 0, 23) * HOUR_S;
	take(reader, ':');
	s += take_number(reader, 2, 0, 59) * MINUTE_S;
	return west ? -s : s;
}

bool timestamp_parse(struct slice text, int64_t *unix_s)
{
	struct reader reader = {.rest = text, .ok = true};
	int64_t s = take_date(&reader);

	if (!next_is(&reader, 't'))
		take(&reader, 'T');
	s += take_time(&reader);
	s -= take_zone(&reader);
	if (!reader.ok || reader.rest.len > 0 || s < 0)
		return false;
	*unix_s = s;
	return true;
}
