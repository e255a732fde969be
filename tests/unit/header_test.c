#include "../../src/header.h"

#include "tap.h"

TEST(main_ends_at_the_first_parameter)
{
	CHECK_SLICE(header_main(SLICE(" text/plain ; a=b")), //
	    SLICE("text/plain"));
	CHECK_SLICE(header_main(SLICE("text/plain")), SLICE("text/plain"));
	CHECK_SLICE(header_main(SLICE("")), SLICE(""));
}

static void check_param(struct slice value, struct slice wanted)
{
	struct slice param = {0};

	CHECK(header_param(value, "name", &param));
	CHECK_SLICE(param, wanted);
}

TEST(param_may_be_quoted)
{
	check_param(SLICE("x; name=a"), SLICE("a"));
	check_param(SLICE("x;y=1;NAME = \"a;b\" ;z"), SLICE("a;b"));
	check_param(SLICE("x; o=\"; name=no\"; name=yes"), SLICE("yes"));
	check_param(SLICE("x; name=\"a\\\"b;\""), SLICE("a\\\"b;"));
	check_param(SLICE("x; name="), SLICE(""));
	check_param(SLICE("x; name=\"\""), SLICE(""));
	check_param(SLICE("x; name=\""), SLICE("\""));
	check_param(SLICE("x; name=\"a\\"), SLICE("\"a\\"));
}

TEST(param_may_be_absent)
{
	struct slice param;

	CHECK(!header_param(SLICE(""), "name", &param));
	CHECK(!header_param(SLICE("name=a"), "name", &param));
	CHECK(!header_param(SLICE("x; filename=a"), "name", &param));
	CHECK(!header_param(SLICE("x; o=\"; name=no"), "name", &param));
}

static const struct slice offers[] = {
    {"text/event-stream", 17},
    {"application/json", 16},
    {"text/plain", 10},
    {"text/html", 9},
};

static size_t best(const char *accept)
{
	return header_accept(slice_from(accept), offers, 4);
}

TEST(accept_defaults_to_the_first_offer)
{
	CHECK(best(NULL) == 0);
	CHECK(best("") == 0);
	CHECK(best("*/*") == 0);
	CHECK(best("text/*") == 0);
	CHECK(best("image/png") == 0);
	CHECK(best(",,;,") == 0);
	CHECK(best("*/*;q=0") == 0);
}

TEST(accept_takes_the_highest_q)
{
	CHECK(best("text/plain;q=0.5, text/html;q=0.501") == 3);
	CHECK(best("text/plain; q=0.5 , application/json ;q=0.4") == 2);
	CHECK(best("text/plain;q=0.9, APPLICATION/JSON") == 1);
	CHECK(best("text/plain;q=0.999, application/json;q=1.000") == 1);
}

TEST(accept_then_takes_the_order_of_appearance)
{
	CHECK(best("application/json, text/plain, */*") == 1);
	CHECK(best("text/html, application/json") == 3);
	CHECK(best("application/*, text/*") == 1);
	CHECK(best("text/html,application/xhtml+xml,application/xml;q=0.9,"
		   "image/avif,image/webp,*/*;q=0.8") == 3);
}

TEST(accept_excludes_by_q_zero)
{
	CHECK(best("text/event-stream;q=0, */*") == 1);
	CHECK(best("*/*, text/event-stream;q=0.0") == 1);
	CHECK(best("text/*;q=0, application/json;q=0.1") == 1);
}

TEST(accept_goes_by_the_closest_range)
{
	CHECK(best("*/*, text/event-stream;q=0.1") == 1);
	CHECK(best("text/*;q=0.1, */*;q=0.5, text/html") == 3);
}

TEST(accept_forgives_a_broken_q)
{
	CHECK(best("text/plain;q=x, text/html;q=0.5") == 2);
	CHECK(best("text/plain;q=0.x, text/html;q=0.5") == 2);
	CHECK(best("text/plain;q=01, text/html;q=0.5") == 2);
	CHECK(best("text/plain;q=, text/html;q=0.5") == 2);
	CHECK(best("text/plain;q=0.00000000000000000001,text/html;q=0.1") == 3);
}

int main(void)
{
	return tap_run();
}
