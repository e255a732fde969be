#include "../../src/json.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

static enum status check(struct slice text)
{
	struct json *json;
	enum status status = json_parse(text, &json);

	CHECK((status == STATUS_OK) == (json != NULL));
	json_free(json);
	return status;
}

TEST(takes_every_kind_of_value)
{
	static const char *const texts[] = {"{}", "[]", "null", "true", "false",
	    "0", "-0", "1.5e+3", "1E-2", "12", "\"\"", " [ 1 , { } ]\r\n\t",
	    "{\"a\":{\"b\":[null]}}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
	    "\"\\ud83d\\uDE00\"", "\"\xf0\x9f\x98\x80\"", "\"\\\\u0000\""};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		CHECK(check(slice_from(texts[i])) == STATUS_OK);
}

TEST(refuses_what_is_not_json)
{
	static const char *const texts[] = {"", " ", "{", "}", "[1,]", "[,1]",
	    "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
	    "{\"a\":1}x", "{} {}", "nul", "nulll", "True", "01", "1.", ".5",
	    "-", "+1", "1e", "1e+", "0x1", "NaN", "Infinity", "\"", "\"\\\"",
	    "\"\\x\"", "\"\n\"", "\"\x01\"", "[\v1]", "[1]\f", "// x\n1",
	    "\xef\xbb\xbf{}", "{1:2}", "\"\\u12\"", "\"\\u12g4\"", "\"\\u"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		CHECK(check(slice_from(texts[i])) == STATUS_BAD_JSON);
}

TEST(refuses_nul_in_any_form)
{
	CHECK(check(SLICE("\"a\0b\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("{}\0")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\\0\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\u0000\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("{\"\\u0000\":1}")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\\\\\u0000\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\\\u0000\"")) == STATUS_OK);
}

TEST(refuses_what_is_not_unicode)
{
	CHECK(check(SLICE("\"\xff\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\xed\xa0\x80\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\ud800\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\udc00\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\ud800\\ud800\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\ud800\\u0041\"")) == STATUS_BAD_JSON);
	CHECK(check(SLICE("\"\\ud800x\"")) == STATUS_BAD_JSON);
}

TEST(limits_depth_and_numbers)
{
	char text[4 * JSON_MAX_DEPTH];
	size_t deep = JSON_MAX_DEPTH;

	for (size_t n = deep; n <= deep + 1; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		CHECK(check((struct slice){text, 2 * n}) ==
		    (n > deep ? STATUS_BAD_JSON : STATUS_OK));
	}
	memset(text, '[', sizeof text);
	CHECK(check((struct slice){text, sizeof text}) == STATUS_BAD_JSON);
	/* Siblings do not add up, nor do brackets in strings. */
	CHECK(check(SLICE("[[],[],{},\"[[[[\"]")) == STATUS_OK);
	memset(text, '1', sizeof text);
	CHECK(check((struct slice){text, 63}) == STATUS_OK);
	CHECK(check((struct slice){text, 64}) == STATUS_BAD_JSON);
}

TEST(every_prefix_is_bad)
{
	struct slice text =
	    SLICE("{\"a\":[1.5e3,true,null,\"x\\u00e4\\n\"],\"b\":{}}");

	for (size_t n = 0; n < text.len; n++) {
		char *copy = malloc(n + 1);

		if (copy == NULL)
			abort();
		memcpy(copy, text.ptr, n);
		/* exactly n bytes, so that reading too far is seen */
		copy = realloc(copy, n > 0 ? n : 1);
		CHECK(check((struct slice){copy, n}) == STATUS_BAD_JSON);
		free(copy);
	}
	CHECK(check(text) == STATUS_OK);
}

TEST(readers_find_what_is_there)
{
	struct json *json;
	struct slice text = {0};

	CHECK(json_parse(SLICE("{\"a\":\"1\",\"A\":null,\"a\":\"2\\u00e4\","
			       "\"l\":[1,\"x\"]}"),
		  &json) == STATUS_OK);
	CHECK(json_is_object(json) && !json_is_null(json));
	CHECK(json_string(json_get(json, "a"), &text));
	CHECK_SLICE(text, SLICE("2\xc3\xa4"));
	CHECK(json_is_null(json_get(json, "A")));
	CHECK(!json_string(json_get(json, "A"), &text));
	CHECK(json_get(json, "b") == NULL && json_get(json, "") == NULL);
	CHECK(json_string(json_at(json_get(json, "l"), 1), &text));
	CHECK_SLICE(text, SLICE("x"));
	CHECK(json_at(json_get(json, "l"), 2) == NULL);
	CHECK(json_at(json, 0) == NULL);
	CHECK(json_get(json_get(json, "l"), "x") == NULL);
	json_free(json);
}

static void check_number(const char *text, double wanted)
{
	struct json *json;
	double number = 0;

	CHECK(json_parse(slice_from(text), &json) == STATUS_OK);
	CHECK(json_number(json, &number) && number == wanted);
	json_free(json);
}

TEST(reads_numbers)
{
	struct json *json;
	double number = 42;

	check_number("0", 0);
	check_number("-1.5e3", -1500);
	check_number("1893456000999", 1893456000999.0);
	CHECK(
	    json_parse(SLICE("[\"1\",true,null,[1],{}]"), &json) == STATUS_OK);
	for (size_t i = 0; i < 6; i++)
		CHECK(!json_number(json_at(json, i), &number));
	CHECK(!json_number(json, &number) && number == 42);
	json_free(json);
}

TEST(readers_accept_null)
{
	struct slice text;
	double number;
	struct buf buf = {0};

	CHECK(!json_is_object(NULL) && !json_is_null(NULL));
	CHECK(!json_string(NULL, &text) && !json_number(NULL, &number));
	CHECK(json_get(NULL, "a") == NULL && json_at(NULL, 0) == NULL);
	json_remove(NULL, "a");
	json_add(&buf, NULL);
	json_add_without(&buf, NULL, SLICE("{}"), "a");
	json_free(NULL);
	json_wipe(NULL);
	CHECK(buf_status(&buf) == STATUS_OK);
}

static void check_add(struct slice text, const char *remove, const char *wanted)
{
	struct json *json;
	struct buf buf;

	buf_init(&buf, 1000);
	CHECK(json_parse(text, &json) == STATUS_OK);
	json_remove(json, remove);
	json_add(&buf, json);
	CHECK_SLICE(buf_slice(&buf), slice_from(wanted));
	buf_free(&buf);
	json_free(json);
}

TEST(add_is_compact_and_raw)
{
	check_add(SLICE(" { \"a\" : [ 1 , \"\\u00e4\\/\\n\" ] } "), "x",
	    "{\"a\":[1,\"\xc3\xa4/\\n\"]}");
	check_add(SLICE("\"x\""), "x", "\"x\"");
	check_add(SLICE("null"), "x", "null");
}

TEST(remove_takes_all_of_a_name)
{
	check_add(SLICE("{\"x\":1,\"a\":2,\"x\":{}}"), "x", "{\"a\":2}");
	check_add(SLICE("{\"x\":1}"), "x", "{}");
	check_add(SLICE("{\"X\":1}"), "x", "{\"X\":1}");
	check_add(SLICE("[\"x\"]"), "x", "[\"x\"]");
}

static void check_without(const char *text, const char *wanted)
{
	struct json *json;
	struct buf buf;

	buf_init(&buf, 1000);
	CHECK(json_parse(slice_from(text), &json) == STATUS_OK);
	json_add_without(&buf, json, slice_from(text), "id");
	CHECK_SLICE(buf_slice(&buf), slice_from(wanted));
	buf_free(&buf);
	json_free(json);
}

TEST(add_without_keeps_the_rest_byte_for_byte)
{
	check_without("{}", "{}");
	check_without(" { } ", "{}");
	check_without("{\"id\":1}", "{}");
	check_without("{ \"n\" : 12345678901234567890 ,\n\"id\":1}",
	    "{ \"n\" : 12345678901234567890 }");
	check_without("{\"id\":[1,{\"a\":\"}\"}],\"b\":1.10}", "{\"b\":1.10}");
	check_without("{\"a\":1,\"id\":2,\"b\":3}", "{\"a\":1,\"b\":3}");
	check_without(
	    "{\"id\":1,\"a\":{\"id\":2},\"\\u0069d\":3}", "{\"a\":{\"id\":2}}");
	check_without("{\"a\":\"\\u00e4\\/,}\",\"Id\":1}",
	    "{\"a\":\"\\u00e4\\/,}\",\"Id\":1}");
	check_without("[\"id\"]", "");
}

static void check_string(struct slice text, const char *wanted)
{
	struct buf buf;

	buf_init(&buf, 1000);
	json_add_string(&buf, text);
	CHECK_SLICE(buf_slice(&buf), slice_from(wanted));
	buf_free(&buf);
}

TEST(add_string_escapes_what_must_be)
{
	check_string((struct slice){0}, "\"\"");
	check_string(SLICE("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
	check_string(
	    SLICE("\n\r\t\x1f\x7f\0"), "\"\\n\\r\\t\\u001f\x7f\\u0000\"");
	check_string(SLICE("\xc3\xa4\xff\n\xc3"),
	    "\"\xc3\xa4\xef\xbf\xbd\\n\xef\xbf\xbd\"");
}

TEST(add_string_spoils_at_the_ceiling)
{
	struct buf buf;

	buf_init(&buf, 4);
	json_add_string(&buf, SLICE("abc"));
	CHECK(buf_status(&buf) == STATUS_TOO_LARGE);
	buf_free(&buf);
}

/* Blocks that hold the secret when they are given back, and all. */
static unsigned told, freed;

static void free_seen(void *ptr)
{
	const char *text = ptr;

	freed++;
	told += text != NULL && memcmp(text, "hush", 4) == 0;
	free(ptr);
}

/* So that free_seen may look at four bytes. */
static void *allocate(size_t size)
{
	return calloc(1, size < 4 ? 4 : size);
}

TEST(wipe_leaves_no_string_behind)
{
	cJSON_Hooks ours = {.malloc_fn = allocate, .free_fn = free_seen};
	struct slice text = SLICE("{\"a\":\"hush1\",\"b\":[{\"c\":\"hush2\","
				  "\"d\":\"\"},\"hush3\",1],\"e\":null}");
	struct json *json;

	cJSON_InitHooks(&ours);
	for (int wipe = 0; wipe <= 1; wipe++) {
		told = freed = 0;
		CHECK(json_parse(text, &json) == STATUS_OK);
		if (wipe)
			json_wipe(json);
		else
			json_free(json);
		CHECK(told == (wipe ? 0 : 3) && freed > 10);
	}
	cJSON_InitHooks(NULL);
}

/* cJSON lives in a library, which --wrap does not reach. */
TEST(survives_lack_of_memory)
{
	cJSON_Hooks ours = {.malloc_fn = malloc, .free_fn = free};
	struct slice text = SLICE("{\"a\":[1,\"x\"],\"b\":{\"c\":null}}");
	size_t n = 0;
	bool failed;

	cJSON_InitHooks(&ours);
	do {
		struct json *json;
		struct buf buf;
		enum status status;

		buf_init(&buf, 1000);
		alloc_fail_at(n++);
		status = json_parse(text, &json);
		if (status == STATUS_OK) {
			json_add(&buf, json);
			status = buf_status(&buf);
		}
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		json_free(json);
		buf_free(&buf);
	} while (failed);
	CHECK(n > 10);
	cJSON_InitHooks(NULL);
}

int main(void)
{
	return tap_run();
}
