#include "../../src/reply.h"

#include <stdlib.h>

#include "../../src/json.h"
#include "alloc.h"
#include "fake_gateway.h"
#include "tap.h"

static struct gateway gateway;

static struct reply begin(const char *origin, bool head_only)
{
	struct reply reply = {
	    .gateway = &gateway, .request_id = "req-1", .head_only = head_only};

	fake_gateway_init(&gateway);
	(void)snprintf(
	    reply.allow_origin, sizeof reply.allow_origin, "%s", origin);
	return reply;
}

static struct slice sent(void)
{
	return buf_slice(&gateway.out);
}

static bool has(const char *text)
{
	struct slice all = sent();

	return slice_find(all, slice_from(text)) < all.len;
}

/* What stands behind the header block. */
static struct slice body(void)
{
	struct slice all = sent(), blank = SLICE("\r\n\r\n");
	size_t at = slice_find(all, blank);

	CHECK(at < all.len);
	return slice_skip(all, at + blank.len);
}

/* Every line of the header block is "Name: value". */
static void check_head(void)
{
	struct slice all = sent();
	struct slice head =
	    slice_first(all, slice_find(all, SLICE("\r\n\r\n")) + 2);

	CHECK(slice_starts(head, SLICE("Status: ")));
	while (head.len > 0) {
		struct slice line = slice_cut(&head, '\n');

		CHECK(slice_ends(line, SLICE("\r")));
		CHECK(line.len > 4 &&
		    slice_find(line, SLICE(": ")) + 3 < line.len);
	}
}

TEST(a_whole_answer)
{
	struct reply reply = begin("", false);

	reply_json(&reply, 200, SLICE("{\"a\":1}"));
	CHECK_SLICE(sent(),
	    SLICE("Status: 200 OK\r\n"
		  "Content-Type: application/json\r\n"
		  "X-Request-Id: req-1\r\n"
		  "X-Content-Type-Options: nosniff\r\n"
		  "Cache-Control: no-store\r\n"
		  "Content-Length: 7\r\n"
		  "\r\n"
		  "{\"a\":1}"));
	fake_gateway_free(&gateway);
}

TEST(head_has_the_headers_alone)
{
	struct reply reply = begin("", true);

	reply_json(&reply, 200, SLICE("{\"a\":1}"));
	CHECK(has("Content-Length: 7\r\n") && body().len == 0);
	fake_gateway_free(&gateway);
	reply = begin("", true);
	reply_error(&reply, STATUS_NOT_FOUND);
	CHECK(has("Status: 404 ") && body().len == 0);
	CHECK(!has("Content-Length: 0\r\n"));
	check_head();
	fake_gateway_free(&gateway);
}

/* The member name of the object in "error" that was sent. */
static struct slice member(const struct json *json, const char *name)
{
	struct slice text = {0};

	CHECK(json_string(json_get(json_get(json, "error"), name), &text));
	return text;
}

static void check_error(enum status status)
{
	struct reply reply = begin("", false);
	const struct status_row *row = status_row(status);
	struct json *json = NULL;
	char wanted[100];

	reply_error(&reply, status);
	check_head();
	(void)snprintf(wanted, sizeof wanted, "Status: %u %s\r\n", row->http,
	    status_phrase(row->http));
	CHECK(slice_starts(sent(), slice_from(wanted)));
	(void)snprintf(
	    wanted, sizeof wanted, "Retry-After: %u\r\n", row->retry_after_s);
	CHECK(has(wanted) == (row->retry_after_s > 0));
	CHECK(has("Retry-After") == (row->retry_after_s > 0));
	(void)snprintf(
	    wanted, sizeof wanted, "Content-Length: %zu\r\n", body().len);
	CHECK(has(wanted));
	CHECK(has("Cache-Control: no-store\r\n") && !has("\r\nAllow:"));
	CHECK(json_parse(body(), &json) == STATUS_OK);
	CHECK_SLICE(member(json, "code"), slice_from(row->code));
	CHECK_SLICE(member(json, "message"), slice_from(row->words));
	CHECK_SLICE(member(json, "requestId"), SLICE("req-1"));
	CHECK(has(
	    row->retryable ? "\"retryable\":true}}" : "\"retryable\":false}}"));
	json_free(json);
	fake_gateway_free(&gateway);
}

TEST(every_failure)
{
	for (int i = STATUS_BAD_REQUEST; i < STATUS_COUNT; i++)
		check_error((enum status)i);
}

TEST(an_error_with_the_longest_request_id_fits)
{
	struct reply reply = begin("", false);
	struct json *json = NULL;

	memset(reply.request_id, 'r', 64);
	reply_error(&reply, STATUS_BAD_SESSION);
	CHECK(json_parse(body(), &json) == STATUS_OK);
	CHECK(member(json, "requestId").len == 64);
	json_free(json);
	fake_gateway_free(&gateway);
}

TEST(what_is_allowed_instead)
{
	struct reply reply = begin("", false);

	reply_not_allowed(&reply, "GET, HEAD, OPTIONS");
	CHECK(slice_starts(sent(), SLICE("Status: 405 Method Not Allowed")));
	CHECK(has("\r\nAllow: GET, HEAD, OPTIONS\r\n"));
	CHECK(has("\"code\":\"method_not_allowed\""));
	check_head();
	fake_gateway_free(&gateway);
}

TEST(another_origin_may_read_it)
{
	struct reply reply = begin("https://a.example", false);

	reply_error(&reply, STATUS_OVERLOADED);
	CHECK(has("\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
	CHECK(has("\r\nAccess-Control-Allow-Credentials: true\r\n"));
	CHECK(has("\r\nAccess-Control-Expose-Headers: X-Request-Id, "
		  "Retry-After, "));
	CHECK(has("\r\nVary: Origin\r\n"));
	check_head();
	fake_gateway_free(&gateway);
	reply = begin("", false);
	reply_error(&reply, STATUS_OVERLOADED);
	CHECK(!has("Access-Control"));
	fake_gateway_free(&gateway);
}

TEST(a_preflight)
{
	struct reply reply = begin("https://a.example", false);

	reply_options(&reply, "POST, OPTIONS");
	CHECK(slice_starts(sent(), SLICE("Status: 204 No Content\r\n")));
	CHECK(has("\r\nAllow: POST, OPTIONS\r\n"));
	CHECK(has("\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"));
	CHECK(has("\r\nAccess-Control-Allow-Headers: "));
	CHECK(has("Content-Type") && has("Last-Event-ID"));
	CHECK(has("\r\nAccess-Control-Max-Age: 600\r\n"));
	CHECK(!has("\r\nContent-Type") && !has("\r\nContent-Length"));
	CHECK(body().len == 0);
	check_head();
	fake_gateway_free(&gateway);
}

TEST(options_of_our_own_page)
{
	struct reply reply = begin("", false);

	reply_options(&reply, "GET, HEAD, OPTIONS");
	CHECK(has("Status: 204 ") && has("Allow: GET, HEAD, OPTIONS\r\n"));
	CHECK(!has("Access-Control"));
	fake_gateway_free(&gateway);
}

TEST(headers_of_ones_own)
{
	struct reply reply = begin("", false);

	reply_begin(&reply, 200, "text/plain");
	reply_header(&reply, "X-One", SLICE("1"));
	reply_body(&reply);
	CHECK(has("Content-Type: text/plain\r\n") && has("\r\nX-One: 1\r\n"));
	CHECK(body().len == 0);
	check_head();
	fake_gateway_free(&gateway);
}

/* Without memory an answer may be short, but its length is then true. */
TEST(no_memory)
{
	struct reply reply;
	char wanted[40];
	size_t n = 0;

	for (;; n++) {
		reply = begin("", false);
		buf_add(&gateway.out, SLICE("x"));
		gateway.out.len = 0;
		alloc_fail_at(n);
		reply_error(&reply, STATUS_NO_MEMORY);
		if (!alloc_failed())
			break;
		if (buf_status(&gateway.out) == STATUS_OK && has("\r\n\r\n")) {
			(void)snprintf(wanted, sizeof wanted,
			    "Content-Length: %zu\r\n", body().len);
			CHECK(has(wanted));
		}
		fake_gateway_free(&gateway);
	}
	fake_gateway_free(&gateway);
	CHECK(n > 0);
}

int main(void)
{
	return tap_run();
}
