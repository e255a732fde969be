#include "call.h"

#include "buf.h"
#include "credentials/keys.h"
#include "digest.h"
#include "http.h"
#include "sigv4.h"

enum {
	/* Key id, scope, header names, signature: half of it is usual. */
	AUTHORIZATION_MAX = 2048,
	HEADERS_MAX = CALL_MAX_HEADERS + 7
};

/* Views of the URL. */
struct target {
	struct slice host, path, query;
};

struct headers {
	struct sigv4_header list[HEADERS_MAX];
	size_t count;
};

/* Whoever checks the signature sees the Host that clients send, and those
 * leave out the port that the scheme implies. */
static struct slice without_default_port(struct slice authority, bool tls)
{
	struct slice port = tls ? SLICE(":443") : SLICE(":80");

	if (slice_ends(authority, port))
		authority.len -= port.len;
	return authority;
}

static struct target split(const char *url)
{
	struct slice rest = slice_from(url);
	struct target target;
	size_t len = 0;

	rest = slice_skip(rest, slice_find(rest, SLICE("://")) + 3);
	while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
		len++;
	target.host = without_default_port(slice_first(rest, len),
	    slice_starts(slice_from(url), SLICE("https:")));
	rest = slice_skip(rest, len);
	target.path = slice_cut(&rest, '?');
	if (target.path.len == 0)
		target.path = SLICE("/");
	target.query = rest;
	return target;
}

static void add(struct headers *headers, const char *name, struct slice value)
{
	headers->list[headers->count++] =
	    (struct sigv4_header){.name = slice_from(name), .value = value};
}

static void add_all(struct headers *headers, const struct call_request *request)
{
	for (size_t i = 0; i < request->header_count; i++)
		headers->list[headers->count++] =
		    (struct sigv4_header){.name = request->headers[i].name,
			.value = request->headers[i].value};
}

/* All headers so far are signed, and the two more that it takes.  date is
 * kept by the caller. */
static enum status sign(struct buf *authorization,
    const struct call_request *request, const struct target *target,
    struct headers *headers, struct slice hash, char date[SIGV4_DATE_LEN])
{
	const struct keys *keys = request->keys;
	struct sigv4_request wanted = {
	    .method = slice_from(request->method),
	    .path = target->path,
	    .query = target->query,
	    .headers = headers->list,
	    .payload_hash = hash,
	};
	struct sigv4_scope scope = {
	    .date = date,
	    .region = request->region,
	    .service = request->service,
	};

	sigv4_date(date, request->now_s);
	add(headers, "X-Amz-Date", slice_from(date));
	if (keys->token[0] != '\0')
		add(headers, "X-Amz-Security-Token", slice_from(keys->token));
	wanted.header_count = headers->count;
	return sigv4_sign(authorization, &wanted, &scope, slice_from(keys->id),
	    slice_from(keys->secret));
}

static struct http_transfer *send_request(struct http *http,
    const struct call_request *request, const struct headers *headers,
    const struct http_callbacks *callbacks, void *ctx)
{
	struct http_header list[HEADERS_MAX];
	struct http_request wanted = {
	    .method = request->method,
	    .url = request->url,
	    .headers = list,
	    .header_count = headers->count,
	    .body = request->body,
	    .direct = request->direct,
	    .connect_timeout_ms = request->connect_timeout_ms,
	};

	for (size_t i = 0; i < headers->count; i++)
		list[i] = (struct http_header){
		    headers->list[i].name, headers->list[i].value};
	return http_start(http, &wanted, callbacks, ctx);
}

/* Of a body that may be large: only if somebody is told. */
static void hash_body(
    char hash[static DIGEST_HEX_LEN], const struct call_request *request)
{
	uint8_t digest[DIGEST_LEN];

	if (request->keys == NULL && !request->content_sha256)
		return;
	digest_sha256(digest, request->body);
	digest_hex(hash, digest);
}

enum status call_start(struct http *http, const struct call_request *request,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer)
{
	struct target target = split(request->url);
	struct headers headers = {.count = 0};
	char hash[DIGEST_HEX_LEN], date[SIGV4_DATE_LEN];
	struct slice authorization = request->authorization;
	struct buf signature;
	enum status status = STATUS_OK;

	if (request->header_count > CALL_MAX_HEADERS)
		return STATUS_TOO_LARGE;
	buf_init(&signature, AUTHORIZATION_MAX);
	hash_body(hash, request);
	add(&headers, "Host", target.host);
	add_all(&headers, request);
	if (request->content_sha256)
		add(&headers, "X-Amz-Content-Sha256", slice_from(hash));
	if (request->keys != NULL) {
		status = sign(&signature, request, &target, &headers,
		    slice_from(hash), date);
		authorization = buf_slice(&signature);
	}
	if (status != STATUS_OK)
		goto out;
	if (authorization.len > 0)
		add(&headers, "Authorization", authorization);
	if (request->api_key.len > 0)
		add(&headers, "X-Api-Key", request->api_key);
	add(&headers, "User-Agent", SLICE("agentcgi/" VERSION));
	*transfer = send_request(http, request, &headers, callbacks, ctx);
	status = *transfer == NULL ? STATUS_NO_MEMORY : STATUS_OK;
out:
	buf_wipe(&signature);
	return status;
}
