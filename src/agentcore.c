#include "agentcore.h"

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials/keys.h"
#include "digest.h"
#include "http.h"
#include "sigv4.h"

enum {
	/* An encoded ARN is under 400 bytes; a base path may come before. */
	URL_MAX = 8192,
	/* Authorization: key id, scope, header names, signature. */
	AUTHORIZATION_MAX = 1024
};

#define SESSION_HEADER "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

struct target {
	struct slice host, path, query; /* views of url */
	struct buf url;
};

/* Endpoint, its base path, the encoded ARN and the qualifier; the same bytes
 * are sent and signed. */
static bool make_target(struct target *target, const struct config_agent *agent)
{
	struct slice url, rest;

	buf_init(&target->url, URL_MAX);
	buf_add_text(&target->url, agent->endpoint);
	buf_add_text(&target->url, "/runtimes/");
	sigv4_add_encoded(&target->url, slice_from(agent->arn));
	buf_add_text(&target->url, "/invocations?qualifier=");
	sigv4_add_encoded(&target->url, slice_from(agent->qualifier));
	if (buf_text(&target->url) == NULL)
		return false;
	url = buf_slice(&target->url);
	rest = slice_skip(url, slice_find(url, SLICE("://")) + 3);
	target->host = slice_first(rest, slice_find(rest, SLICE("/")));
	rest = slice_skip(rest, target->host.len);
	target->path = slice_cut(&rest, '?');
	target->query = rest;
	return true;
}

enum {
	HEADER_COUNT_MAX = 8
};

struct headers {
	struct sigv4_header list[HEADER_COUNT_MAX];
	size_t count;
};

static void add(struct headers *headers, const char *name, struct slice value)
{
	headers->list[headers->count++] =
	    (struct sigv4_header){.name = slice_from(name), .value = value};
}

/* With what we sign, one more and the date.  date is kept by the caller. */
static enum status sign(struct buf *authorization, const struct keys *keys,
    const struct agentcore_request *request, const struct target *target,
    struct headers *headers, char date[SIGV4_DATE_LEN])
{
	uint8_t digest[DIGEST_LEN];
	char hash[DIGEST_HEX_LEN];
	struct sigv4_request wanted = {
	    .method = SLICE("POST"),
	    .path = target->path,
	    .query = target->query,
	    .headers = headers->list,
	};
	struct sigv4_scope scope = {
	    .date = date,
	    .region = slice_from(request->agent->region),
	    .service = SLICE("bedrock-agentcore"),
	};

	sigv4_date(date, clock_unix_s());
	add(headers, "X-Amz-Date", slice_from(date));
	if (keys->token[0] != '\0')
		add(headers, "X-Amz-Security-Token", slice_from(keys->token));
	wanted.header_count = headers->count;
	digest_sha256(digest, request->payload);
	digest_hex(hash, digest);
	wanted.payload_hash = slice_from(hash);
	return sigv4_sign(authorization, &wanted, &scope, slice_from(keys->id),
	    slice_from(keys->secret));
}

static struct http_transfer *send_request(struct http *http,
    const struct agentcore_request *request, const struct target *target,
    const struct headers *headers, const struct http_callbacks *callbacks,
    void *ctx)
{
	struct http_header list[HEADER_COUNT_MAX];
	struct http_request wanted = {
	    .method = "POST",
	    .url = target->url.ptr,
	    .headers = list,
	    .header_count = headers->count,
	    .body = request->payload,
	    .connect_timeout_ms = request->agent->connect_timeout_ms,
	};

	for (size_t i = 0; i < headers->count; i++)
		list[i] = (struct http_header){
		    headers->list[i].name, headers->list[i].value};
	return http_start(http, &wanted, callbacks, ctx);
}

enum status agentcore_start(struct http *http,
    const struct agentcore_request *request, const struct keys *keys,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer)
{
	char date[SIGV4_DATE_LEN];
	struct target target;
	struct headers headers = {.count = 0};
	struct buf signature;
	struct slice authorization = request->authorization;
	enum status status = STATUS_NO_MEMORY;

	buf_init(&signature, AUTHORIZATION_MAX);
	if (!make_target(&target, request->agent))
		goto out;
	add(&headers, "Host", target.host);
	add(&headers, "Content-Type", SLICE("application/json"));
	/* AWS's TypeScript server streams only to those who name SSE. */
	add(&headers, "Accept", SLICE("text/event-stream, application/json"));
	add(&headers, SESSION_HEADER, slice_from(request->session_id));
	if (authorization.len == 0) {
		status =
		    sign(&signature, keys, request, &target, &headers, date);
		if (status != STATUS_OK)
			goto out;
		authorization = buf_slice(&signature);
	}
	add(&headers, "Authorization", authorization);
	add(&headers, "User-Agent", SLICE("agentcgi/" VERSION));
	*transfer =
	    send_request(http, request, &target, &headers, callbacks, ctx);
	status = *transfer == NULL ? STATUS_NO_MEMORY : STATUS_OK;
out:
	buf_free(&target.url);
	buf_wipe(&signature);
	return status;
}
