#include "sigv4.h"

#include <string.h>
#include <time.h>

#include "buf.h"
#include "percent.h"

enum {
	/* The canonical request and the string to sign: eight times the
	 * largest session token that keys.h takes, and the rest is short. */
	STAGE_CEILING = 32 * 1024,
	DAY_LEN = 8 /* "20260115" */
};

#define ALGORITHM  "AWS4-HMAC-SHA256"
#define TERMINATOR "aws4_request"

/* The last second of the year 9999: four digits are all the format has. */
#define LATEST_S INT64_C(253402300799)

/* Headers, or parameters of a query, in the order of signing. */
struct sorted {
	struct sigv4_header at[SIGV4_MAX_HEADERS];
	size_t count;
};

void sigv4_date(char out[static SIGV4_DATE_LEN], int64_t unix_s)
{
	struct tm tm;
	time_t t;

	if (unix_s < 0)
		unix_s = 0;
	if (unix_s > LATEST_S)
		unix_s = LATEST_S;
	t = (time_t)unix_s;
	gmtime_r(&t, &tm);
	strftime(out, SIGV4_DATE_LEN, "%Y%m%dT%H%M%SZ", &tm);
}

static void spoil(struct buf *buf, enum status status)
{
	if (buf->status == STATUS_OK)
		buf->status = status;
}

/* RFC 3986, 2.3; not isalnum, which depends on the locale. */
static bool unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

static void add_byte(struct buf *buf, char c)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char byte = (unsigned char)c;
	char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};

	if (unreserved(c))
		buf_add_char(buf, c);
	else
		buf_add(buf, (struct slice){escape, sizeof escape});
}

void sigv4_add_encoded(struct buf *buf, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		add_byte(buf, text.ptr[i]);
}

/* Take the last "/segment" off what out holds from start on. */
static void drop_segment(struct buf *out, size_t start)
{
	while (out->len > start && out->ptr[--out->len] != '/')
		;
}

/* The wire path without empty and dot segments, encoded once more, as every
 * service but S3 has it: %3A becomes %253A. */
static void add_path(struct buf *out, struct slice path)
{
	bool slash_at_end = slice_ends(path, SLICE("/"));
	size_t start = out->len;

	while (path.len > 0) {
		struct slice segment = slice_cut(&path, '/');

		if (segment.len == 0 || slice_equal(segment, SLICE(".")))
			continue;
		if (slice_equal(segment, SLICE(".."))) {
			drop_segment(out, start);
			continue;
		}
		buf_add_char(out, '/');
		sigv4_add_encoded(out, segment);
	}
	if (slash_at_end || out->len == start)
		buf_add_char(out, '/');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void add_lower(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		buf_add_char(out, lower(text.ptr[i]));
}

/* Bytewise; with fold, as if both were in lower case. */
static int compare(struct slice a, struct slice b, bool fold)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		char x = fold ? lower(a.ptr[i]) : a.ptr[i];
		char y = fold ? lower(b.ptr[i]) : b.ptr[i];

		if (x != y)
			return (unsigned char)x < (unsigned char)y ? -1 : 1;
	}
	return (a.len > b.len) - (a.len < b.len);
}

/* Names in any case; equal ones must then keep their order. */
static int compare_headers(struct sigv4_header a, struct sigv4_header b)
{
	return compare(a.name, b.name, true);
}

/* By name and then by value; the joined text would sort otherwise, as = comes
 * after the digits. */
static int compare_parameters(struct sigv4_header a, struct sigv4_header b)
{
	int order = compare(a.name, b.name, false);

	return order != 0 ? order : compare(a.value, b.value, false);
}

/* Put pair into its place, behind those equal to it.  False if all is full. */
static bool insert(struct sorted *sorted, struct sigv4_header pair,
    int order(struct sigv4_header a, struct sigv4_header b))
{
	size_t at = sorted->count;

	if (at == SIGV4_MAX_HEADERS)
		return false;
	for (; at > 0 && order(sorted->at[at - 1], pair) > 0; at--)
		sorted->at[at] = sorted->at[at - 1];
	sorted->at[at] = pair;
	sorted->count++;
	return true;
}

/* Append text decoded once and encoded again; raw is scratch. */
static void add_recoded(struct buf *out, struct buf *raw, struct slice text)
{
	buf_clear(raw);
	buf_add(raw, text);
	spoil(out, buf_status(raw));
	sigv4_add_encoded(out, percent_decode(raw->ptr, raw->len, false));
}

/* The pairs of query, encoded afresh, joined with &, in their old order. */
static void recode_query(struct buf *out, struct slice query)
{
	struct buf raw;

	buf_init(&raw, STAGE_CEILING);
	while (query.len > 0) {
		struct slice pair = slice_cut(&query, '&');

		if (pair.len == 0)
			continue;
		if (out->len > 0)
			buf_add_char(out, '&');
		add_recoded(out, &raw, slice_cut(&pair, '='));
		buf_add_char(out, '=');
		add_recoded(out, &raw, pair);
	}
	buf_free(&raw);
}

static void add_sorted_query(struct buf *out, struct slice query)
{
	struct sorted sorted = {0};

	while (query.len > 0) {
		struct sigv4_header p = {.value = slice_cut(&query, '&')};

		p.name = slice_cut(&p.value, '=');
		if (!insert(&sorted, p, compare_parameters))
			spoil(out, STATUS_TOO_LARGE);
	}
	for (size_t i = 0; i < sorted.count; i++) {
		if (i > 0)
			buf_add_char(out, '&');
		buf_add(out, sorted.at[i].name);
		buf_add_char(out, '=');
		buf_add(out, sorted.at[i].value);
	}
}

static void add_query(struct buf *out, struct slice query)
{
	struct buf recoded;

	buf_init(&recoded, STAGE_CEILING);
	recode_query(&recoded, query);
	spoil(out, buf_status(&recoded));
	add_sorted_query(out, buf_slice(&recoded));
	buf_free(&recoded);
}

/* False if there are too many. */
static bool sort_headers(
    struct sorted *sorted, const struct sigv4_request *request)
{
	bool fits = true;

	sorted->count = 0;
	for (size_t i = 0; fits && i < request->header_count; i++)
		fits = insert(sorted, request->headers[i], compare_headers);
	return fits;
}

/* Whether the header at i has the name of the one before it. */
static bool repeats(const struct sorted *sorted, size_t i)
{
	return i > 0 && compare_headers(sorted->at[i - 1], sorted->at[i]) == 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Runs of blanks become one space, those at the ends nothing. */
static void add_folded(struct buf *out, struct slice value)
{
	bool begun = false, gap = false;

	for (size_t i = 0; i < value.len; i++) {
		if (blank(value.ptr[i])) {
			gap = begun;
			continue;
		}
		if (gap)
			buf_add_char(out, ' ');
		buf_add_char(out, value.ptr[i]);
		begun = true;
		gap = false;
	}
}

static void add_headers(struct buf *out, const struct sorted *sorted)
{
	for (size_t i = 0; i < sorted->count; i++) {
		if (repeats(sorted, i)) {
			buf_add_char(out, ',');
		} else {
			if (i > 0)
				buf_add_char(out, '\n');
			add_lower(out, sorted->at[i].name);
			buf_add_char(out, ':');
		}
		add_folded(out, sorted->at[i].value);
	}
	buf_add_char(out, '\n');
}

static void add_signed_names(struct buf *out, const struct sorted *sorted)
{
	for (size_t i = 0; i < sorted->count; i++) {
		if (repeats(sorted, i))
			continue;
		if (i > 0)
			buf_add_char(out, ';');
		add_lower(out, sorted->at[i].name);
	}
}

void sigv4_add_canonical(struct buf *out, const struct sigv4_request *request)
{
	struct sorted sorted;

	if (!sort_headers(&sorted, request))
		spoil(out, STATUS_TOO_LARGE);
	buf_add(out, request->method);
	buf_add_char(out, '\n');
	add_path(out, request->path);
	buf_add_char(out, '\n');
	add_query(out, request->query);
	buf_add_char(out, '\n');
	add_headers(out, &sorted);
	buf_add_char(out, '\n');
	add_signed_names(out, &sorted);
	buf_add_char(out, '\n');
	buf_add(out, request->payload_hash);
}

static struct slice day(const struct sigv4_scope *scope)
{
	return slice_first(slice_from(scope->date), DAY_LEN);
}

static void add_scope(struct buf *out, const struct sigv4_scope *scope)
{
	buf_addf(out, "%.*s/%.*s/%.*s/" TERMINATOR, SLICE_ARG(day(scope)),
	    SLICE_ARG(scope->region), SLICE_ARG(scope->service));
}

void sigv4_add_string_to_sign(
    struct buf *out, const struct sigv4_scope *scope, struct slice canonical)
{
	uint8_t hash[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN];

	digest_sha256(hash, canonical);
	digest_hex(hex, hash);
	buf_addf(out, ALGORITHM "\n%s\n", scope->date);
	add_scope(out, scope);
	buf_addf(out, "\n%s", hex);
}

/* key = HMAC(key, bytes). */
static void step(uint8_t key[static DIGEST_LEN], struct slice bytes)
{
	uint8_t next[DIGEST_LEN];

	digest_hmac(next, (struct slice){(const char *)key, DIGEST_LEN}, bytes);
	memcpy(key, next, DIGEST_LEN);
	explicit_bzero(next, sizeof next);
}

void sigv4_key(uint8_t key[static DIGEST_LEN], struct slice secret,
    const struct sigv4_scope *scope)
{
	char first[4 + SIGV4_MAX_SECRET] = "AWS4";

	secret = slice_first(secret, SIGV4_MAX_SECRET);
	if (secret.len > 0)
		memcpy(first + 4, secret.ptr, secret.len);
	digest_hmac(key, (struct slice){first, 4 + secret.len}, day(scope));
	explicit_bzero(first, sizeof first);
	step(key, scope->region);
	step(key, scope->service);
	step(key, SLICE(TERMINATOR));
}

/* The hex signature of a request. */
static enum status make_signature(char hex[static DIGEST_HEX_LEN],
    const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct slice secret)
{
	uint8_t key[DIGEST_LEN];
	struct buf canonical, to_sign;
	enum status status;

	buf_init(&canonical, STAGE_CEILING);
	buf_init(&to_sign, STAGE_CEILING);
	sigv4_add_canonical(&canonical, request);
	sigv4_add_string_to_sign(&to_sign, scope, buf_slice(&canonical));
	spoil(&to_sign, buf_status(&canonical));
	status = buf_status(&to_sign);
	if (status == STATUS_OK) {
		sigv4_key(key, secret, scope);
		step(key, buf_slice(&to_sign));
		digest_hex(hex, key);
		explicit_bzero(key, sizeof key);
	}
	buf_wipe(&canonical); /* may hold a session token */
	buf_free(&to_sign);
	return status;
}

enum status sigv4_sign(struct buf *authorization,
    const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct slice key_id, struct slice secret)
{
	char signature[DIGEST_HEX_LEN];
	struct sorted sorted;
	enum status status;

	if (secret.len > SIGV4_MAX_SECRET || !sort_headers(&sorted, request))
		return STATUS_TOO_LARGE;
	status = make_signature(signature, request, scope, secret);
	if (status != STATUS_OK)
		return status;
	buf_addf(
	    authorization, ALGORITHM " Credential=%.*s/", SLICE_ARG(key_id));
	add_scope(authorization, scope);
	buf_add(authorization, SLICE(", SignedHeaders="));
	add_signed_names(authorization, &sorted);
	buf_addf(authorization, ", Signature=%s", signature);
	return buf_status(authorization);
}
