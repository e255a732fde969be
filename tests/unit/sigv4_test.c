#include "../../src/sigv4.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

#define VECTORS "tests/vectors/sigv4.txt"

/* SLICE for what is initialised statically. */
#define TEXT(literal)                          \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}

enum {
	CEILING = 64 * 1024,
	VECTOR_COUNT = 22
};

/* One case of the file; slices point into its text. */
struct vector {
	struct slice name, id, secret, date, region, service, body, body_hash;
	struct slice canonical, canonical_hash, to_sign, key, authorization;
	struct sigv4_request request;
	struct sigv4_header headers[SIGV4_MAX_HEADERS];
	char date_text[SIGV4_DATE_LEN];
	char values[1024]; /* of the headers, their \t undone */
	size_t values_len;
};

static struct buf vectors_text;

static bool read_vectors(void)
{
	FILE *file = fopen(VECTORS, "re");
	char block[4096];
	size_t n;

	buf_init(&vectors_text, CEILING);
	if (file == NULL)
		return false;
	while ((n = fread(block, 1, sizeof block, file)) > 0)
		buf_add(&vectors_text, (struct slice){block, n});
	fclose(file);
	return buf_status(&vectors_text) == STATUS_OK;
}

static struct slice take_text(struct slice *rest)
{
	size_t len = slice_find(*rest, SLICE("\n.\n"));
	struct slice text = slice_first(*rest, len);

	*rest = slice_skip(*rest, len + 3);
	return text;
}

static void take_header(struct vector *v, struct slice line)
{
	struct sigv4_header *header = &v->headers[v->request.header_count++];
	struct slice value;

	header->name = slice_cut(&line, ' ');
	header->value.ptr = v->values + v->values_len;
	value = slice_skip(slice_first(line, line.len - 1), 1);
	for (; value.len > 0; value = slice_skip(value, 1)) {
		bool tab = slice_starts(value, SLICE("\\t"));

		if (tab)
			value = slice_skip(value, 1);
		if (v->values_len == sizeof v->values)
			abort();
		v->values[v->values_len++] = tab ? '\t' : value.ptr[0];
		header->value.len++;
	}
}

/* Where the rest of a line with this label belongs. */
static struct slice *place_of(struct vector *v, struct slice label)
{
	const struct {
		struct slice label;
		struct slice *place;
	} places[] = {
	    {SLICE("name"), &v->name},
	    {SLICE("id"), &v->id},
	    {SLICE("secret"), &v->secret},
	    {SLICE("date"), &v->date},
	    {SLICE("region"), &v->region},
	    {SLICE("service"), &v->service},
	    {SLICE("method"), &v->request.method},
	    {SLICE("path"), &v->request.path},
	    {SLICE("query"), &v->request.query},
	    {SLICE("body"), &v->body},
	    {SLICE("body-hash"), &v->body_hash},
	    {SLICE("canonical"), &v->canonical},
	    {SLICE("canonical-hash"), &v->canonical_hash},
	    {SLICE("string-to-sign"), &v->to_sign},
	    {SLICE("key"), &v->key},
	    {SLICE("authorization"), &v->authorization},
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (slice_equal(label, places[i].label))
			return places[i].place;
	return NULL;
}

/* The next case; false after the last. */
static bool next_vector(struct slice *rest, struct vector *v)
{
	*v = (struct vector){.request.headers = v->headers};
	while (rest->len > 0) {
		struct slice line = slice_cut(rest, '\n'), label, *place;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		label = slice_cut(&line, ':');
		line = slice_trim(line);
		if (slice_equal(label, SLICE("end")))
			return true;
		place = place_of(v, label);
		if (place != NULL)
			*place = line.len > 0 ? line : take_text(rest);
		else if (slice_equal(label, SLICE("header")))
			take_header(v, line);
		else
			CHECK(false); /* a label we do not know */
	}
	return false;
}

static struct sigv4_scope scope_of(struct vector *v)
{
	CHECK(v->date.len == SIGV4_DATE_LEN - 1);
	memcpy(v->date_text, v->date.ptr, SIGV4_DATE_LEN - 1);
	v->request.payload_hash = v->body_hash;
	return (struct sigv4_scope){
	    .date = v->date_text, .region = v->region, .service = v->service};
}

static struct slice hex_of(
    const uint8_t bytes[static DIGEST_LEN], char hex[static DIGEST_HEX_LEN])
{
	digest_hex(hex, bytes);
	return slice_from(hex);
}

static void check_vector(struct vector *v)
{
	struct sigv4_scope scope = scope_of(v);
	uint8_t bytes[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];
	struct buf out;

	buf_init(&out, CEILING);
	digest_sha256(bytes, v->body);
	CHECK_SLICE(hex_of(bytes, hex), v->body_hash);
	sigv4_add_canonical(&out, &v->request);
	CHECK_SLICE(buf_slice(&out), v->canonical);
	digest_sha256(bytes, buf_slice(&out));
	CHECK_SLICE(hex_of(bytes, hex), v->canonical_hash);
	buf_clear(&out);
	sigv4_add_string_to_sign(&out, &scope, v->canonical);
	CHECK_SLICE(buf_slice(&out), v->to_sign);
	sigv4_key(bytes, v->secret, &scope);
	if (v->key.len > 0)
		CHECK_SLICE(hex_of(bytes, hex), v->key);
	buf_clear(&out);
	CHECK(sigv4_sign(&out, &v->request, &scope, v->id, v->secret) ==
	    STATUS_OK);
	CHECK_SLICE(buf_slice(&out), v->authorization);
	buf_free(&out);
}

TEST(sigv4_agrees_with_every_vector_at_every_stage)
{
	struct vector v;
	struct slice rest;
	int n = 0;

	CHECK(read_vectors());
	rest = buf_slice(&vectors_text);
	for (; next_vector(&rest, &v); n++) {
		check_vector(&v);
		if (tap_failed)
			printf("# up to case %.*s\n", SLICE_ARG(v.name));
	}
	CHECK(n == VECTOR_COUNT);
	buf_free(&vectors_text);
}

/* Line n (0: the method) of the canonical request. */
static void check_line(
    const struct sigv4_request *request, int n, struct slice wanted)
{
	struct buf out;
	struct slice rest, line = {0};

	buf_init(&out, CEILING);
	sigv4_add_canonical(&out, request);
	rest = buf_slice(&out);
	for (int i = 0; i <= n; i++)
		line = slice_cut(&rest, '\n');
	CHECK_SLICE(line, wanted);
	buf_free(&out);
}

static void check_path(const char *path, const char *wanted)
{
	check_line(&(struct sigv4_request){.path = slice_from(path)}, 1,
	    slice_from(wanted));
}

static void check_query(const char *query, const char *wanted)
{
	check_line(&(struct sigv4_request){.path = SLICE("/"),
		       .query = slice_from(query)},
	    2, slice_from(wanted));
}

TEST(sigv4_normalises_the_path_and_encodes_it_again)
{
	check_path("", "/");
	check_path("/", "/");
	check_path("//", "/");
	check_path("/a//b", "/a/b");
	check_path("/a/./b/.", "/a/b");
	check_path("/a/../b", "/b");
	check_path("/a/b/../../c/", "/c/");
	check_path("/..", "/");
	check_path("/../../a", "/a");
	check_path("/a/..", "/");
	check_path("/a/../", "/");
	check_path("/a/", "/a/");
	check_path("/...", "/...");
	check_path("/a%3Ab", "/a%253Ab");
	check_path("/a%2Fb:c", "/a%252Fb%3Ac");
	check_path("/-._~\xc3\xbc", "/-._~%C3%BC");
}

TEST(sigv4_sorts_and_recodes_the_query)
{
	check_query("", "");
	check_query("b=1&a=2", "a=2&b=1");
	check_query("a=2&a=10&a=1", "a=1&a=10&a=2");
	check_query("a=1&a=1", "a=1&a=1");
	check_query("k", "k=");
	check_query("k=", "k=");
	check_query("&a=1&&b=2&", "a=1&b=2");
	check_query("=v", "=v");
	check_query("a=b=c", "a=b%3Dc");
	check_query("a1=x&a=y", "a=y&a1=x");
	check_query("a-b=x&a=y", "a=y&a-b=x");
	check_query("B=1&a=2", "B=1&a=2");
	check_query("a=%7e%2a%20+", "a=~%2A%20%2B");
	check_query("a=!*'()", "a=%21%2A%27%28%29");
	check_query("a=%3D%26", "a=%3D%26");
	check_query("a=%&b=%4&c=%zz&d=100%", "a=%25&b=%254&c=%25zz&d=100%25");
	check_query("%C3%BC=1&z=2", "%C3%BC=1&z=2");
}

TEST(sigv4_sorts_folds_and_joins_headers)
{
	const struct sigv4_header headers[] = {
	    {SLICE("X-B"), SLICE("\t 1 \r\n 2\t\t3 ")},
	    {SLICE("host"), SLICE("h")},
	    {SLICE("x-b-c"), SLICE("")},
	    {SLICE("Accept"), SLICE("b")},
	    {SLICE("x-B"), SLICE(" second  value")},
	    {SLICE("x-b"), SLICE(" \t ")},
	};
	const struct sigv4_request request = {.method = SLICE("GET"),
	    .path = SLICE("/"),
	    .headers = headers,
	    .header_count = sizeof headers / sizeof headers[0],
	    .payload_hash = SLICE("hash")};
	struct buf out;

	buf_init(&out, CEILING);
	sigv4_add_canonical(&out, &request);
	CHECK_SLICE(buf_slice(&out),
	    SLICE("GET\n/\n\naccept:b\nhost:h\nx-b:1 2 3,second value,\n"
		  "x-b-c:\n\naccept;host;x-b;x-b-c\nhash"));
	buf_free(&out);
}

static void check_date(int64_t unix_s, struct slice wanted)
{
	char out[SIGV4_DATE_LEN];

	sigv4_date(out, unix_s);
	CHECK_SLICE(slice_from(out), wanted);
}

TEST(sigv4_date_is_utc)
{
	check_date(1768480496, SLICE("20260115T123456Z"));
	check_date(0, SLICE("19700101T000000Z"));
	check_date(951782400, SLICE("20000229T000000Z"));
	check_date(-1, SLICE("19700101T000000Z"));
	check_date(INT64_MAX, SLICE("99991231T235959Z"));
}

TEST(sigv4_encodes_all_but_the_unreserved)
{
	struct buf out;

	buf_init(&out, CEILING);
	sigv4_add_encoded(&out, SLICE("aZ09-._~ /:+%\0\xff"));
	CHECK_SLICE(buf_slice(&out), SLICE("aZ09-._~%20%2F%3A%2B%25%00%FF"));
	buf_free(&out);
}

static const struct sigv4_header one_header[] = {
    {TEXT("host"), TEXT("example.com")}};
static const struct sigv4_request one_request = {.method = TEXT("POST"),
    .path = TEXT("/a%20b"),
    .query = TEXT("b=1&a=2"),
    .headers = one_header,
    .header_count = 1,
    .payload_hash = TEXT("hash")};
static const struct sigv4_scope one_scope = {.date = "20260115T123456Z",
    .region = TEXT("us-east-1"),
    .service = TEXT("lambda")};

TEST(sigv4_sign_tells_what_does_not_fit)
{
	struct sigv4_header many[SIGV4_MAX_HEADERS + 1];
	struct sigv4_request request = one_request;
	char secret[SIGV4_MAX_SECRET + 1];
	struct buf out;

	buf_init(&out, 40);
	CHECK(sigv4_sign(&out, &request, &one_scope, SLICE("id"), SLICE("s")) ==
	    STATUS_TOO_LARGE);
	buf_free(&out);
	buf_init(&out, CEILING);
	memset(secret, 's', sizeof secret);
	CHECK(sigv4_sign(&out, &request, &one_scope, SLICE("id"),
		  (struct slice){secret, sizeof secret}) == STATUS_TOO_LARGE);
	for (size_t i = 0; i <= SIGV4_MAX_HEADERS; i++)
		many[i] = one_header[0];
	request.headers = many;
	request.header_count = SIGV4_MAX_HEADERS + 1;
	CHECK(sigv4_sign(&out, &request, &one_scope, SLICE("id"), SLICE("s")) ==
	    STATUS_TOO_LARGE);
	request.header_count = SIGV4_MAX_HEADERS;
	CHECK(sigv4_sign(&out, &request, &one_scope, SLICE("id"), SLICE("s")) ==
	    STATUS_OK);
	buf_free(&out);
}

TEST(sigv4_refuses_more_parameters_than_it_can_sort)
{
	struct sigv4_request request = one_request;
	struct buf query, out;

	buf_init(&query, CEILING);
	buf_init(&out, CEILING);
	for (int i = 0; i < SIGV4_MAX_HEADERS; i++)
		buf_add_text(&query, "a&");
	request.query = buf_slice(&query);
	sigv4_add_canonical(&out, &request);
	CHECK(buf_status(&out) == STATUS_OK);
	buf_add_text(&query, "a");
	request.query = buf_slice(&query);
	buf_clear(&out);
	sigv4_add_canonical(&out, &request);
	CHECK(buf_status(&out) == STATUS_TOO_LARGE);
	buf_free(&query);
	buf_free(&out);
}

TEST(sigv4_sign_survives_every_failing_allocation)
{
	size_t n = 0;

	for (bool failed = true; failed; n++) {
		struct buf out;
		enum status status;

		buf_init(&out, CEILING);
		alloc_fail_at(n);
		status = sigv4_sign(
		    &out, &one_request, &one_scope, SLICE("id"), SLICE("s"));
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		buf_free(&out);
	}
	CHECK(n > 4);
}

int main(void)
{
	return tap_run();
}
