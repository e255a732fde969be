#include "../../src/timestamp.h"

#include <stdlib.h>
#include <time.h>

#include "tap.h"

static void check(const char *text, int64_t wanted)
{
	int64_t got = -1;

	CHECK(timestamp_parse(slice_from(text), &got));
	CHECK(got == wanted);
	if (got != wanted)
		printf("# %s: %lld\n", text, (long long)got);
}

static void check_none(struct slice text)
{
	int64_t got = 42;

	CHECK(!timestamp_parse(text, &got) && got == 42);
	if (got != 42)
		printf("# taken: %.*s\n", SLICE_ARG(text));
}

TEST(reads_times_that_are_known)
{
	check("1970-01-01T00:00:00Z", 0);
	check("1970-01-01T00:00:01Z", 1);
	check("2001-09-09T01:46:40Z", 1000000000);
	check("2038-01-19T03:14:08Z", 2147483648);
	check("2030-01-31T23:59:59Z", 1896134399);
	check("9999-12-31T23:59:59Z", 253402300799);
	check("2030-01-31t23:59:59z", 1896134399);
}

TEST(knows_leap_years)
{
	check("2000-02-29T00:00:00Z", 951782400);
	check("2024-02-29T12:00:00Z", 1709208000);
	check("2024-03-01T00:00:00Z", 1709251200);
	check("2100-03-01T00:00:00Z", 4107542400);
	check_none(SLICE("2023-02-29T00:00:00Z"));
	check_none(SLICE("2100-02-29T00:00:00Z"));
	check_none(SLICE("2000-02-30T00:00:00Z"));
}

TEST(agrees_with_the_c_library_on_every_day)
{
	for (time_t t = 0; t < 253402300799; t += 86400 + 3599) {
		char text[32];
		struct tm tm;
		int64_t got;

		if (gmtime_r(&t, &tm) == NULL)
			abort();
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
		if (timestamp_parse(slice_from(text), &got) && got == t)
			continue;
		printf("# %s\n", text);
		CHECK(false);
		break;
	}
}

TEST(drops_a_fraction)
{
	check("2001-09-09T01:46:40.5Z", 1000000000);
	check("2001-09-09T01:46:40.999999999999999999999999Z", 1000000000);
	check("2001-09-09T01:46:40.000+00:00", 1000000000);
	check_none(SLICE("2001-09-09T01:46:40.Z"));
	check_none(SLICE("2001-09-09T01:46:40,5Z"));
	check_none(SLICE("2001-09-09T01:46:40.5.5Z"));
}

TEST(reckons_with_offsets)
{
	check("2001-09-09T01:46:40+00:00", 1000000000);
	check("2001-09-09T01:46:40-00:00", 1000000000);
	check("2001-09-09T03:46:40+02:00", 1000000000);
	check("2001-09-08T21:16:40-04:30", 1000000000);
	check("2001-09-09T07:31:40+05:45", 1000000000);
	check("1970-01-01T01:00:00+01:00", 0);
	check("1970-01-01T00:00:00-23:59", 86340);
	check_none(SLICE("1970-01-01T00:00:00+00:01"));
	check_none(SLICE("2001-09-09T01:46:40+24:00"));
	check_none(SLICE("2001-09-09T01:46:40+02:60"));
	check_none(SLICE("2001-09-09T01:46:40+0200"));
	check_none(SLICE("2001-09-09T01:46:40+02"));
	check_none(SLICE("2001-09-09T01:46:40 02:00"));
}

TEST(keeps_to_the_bounds)
{
	check("2016-12-31T23:59:60Z", 1483228800);
	check_none(SLICE("1969-12-31T23:59:59Z"));
	check_none(SLICE("0000-01-01T00:00:00Z"));
	check_none(SLICE("10000-01-01T00:00:00Z"));
	check_none(SLICE("2030-00-01T00:00:00Z"));
	check_none(SLICE("2030-13-01T00:00:00Z"));
	check_none(SLICE("2030-01-00T00:00:00Z"));
	check_none(SLICE("2030-01-32T00:00:00Z"));
	check_none(SLICE("2030-04-31T00:00:00Z"));
	check_none(SLICE("2030-01-01T24:00:00Z"));
	check_none(SLICE("2030-01-01T00:60:00Z"));
	check_none(SLICE("2030-01-01T00:00:61Z"));
}

TEST(refuses_garbage)
{
	static const char *const texts[] = {"", " ", "Z", "now", "1893456000",
	    "2030-01-01", "2030-01-01T00:00:00", "2030-01-01 00:00:00Z",
	    " 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z ",
	    "2030-01-01T00:00:00UTC", "2030-01-01T00:00:00ZZ",
	    "2030-1-01T00:00:00Z", "2030/01/01T00:00:00Z", "20300101T000000Z",
	    "-030-01-01T00:00:00Z", "+2030-01-01T00:00:00Z",
	    "2030-+1-01T00:00:00Z", "2030-01-01T00:00:-1Z",
	    "2030-01-01T 0:00:00Z", "2030-01-01T00:00:00.-1Z",
	    "2030-01-01T00:00Z", "2030-W01-1T00:00:00Z"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check_none(slice_from(texts[i]));
	check_none((struct slice){0});
	check_none(SLICE("2030-01-01T00:00:00Z\0"));
	check_none(SLICE("2030-01-01T00:00:0\0Z"));
}

/* Blocks of just the size, so that a sanitizer sees a read behind them. */
static void check_cuts(struct slice text)
{
	for (size_t n = 0; n < text.len; n++) {
		char *part = malloc(n + !n);

		if (part == NULL)
			abort();
		memcpy(part, text.ptr, n);
		check_none((struct slice){.ptr = part, .len = n});
		free(part);
	}
}

TEST(refuses_every_truncation)
{
	check_cuts(SLICE("2030-01-31T23:59:59Z"));
	check_cuts(SLICE("2030-01-31T23:59:59.123-01:30"));
}

int main(void)
{
	return tap_run();
}
