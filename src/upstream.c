#include "upstream.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "config.h"
#include "credentials/credentials.h"
#include "decode.h"
#include "env.h"
#include "http.h"
#include "json.h"
#include "log.h"
#include "sigv4.h"

enum {
	/* An encoded ARN is under 400 bytes; a base path may come before. */
	URL_MAX = 8192,
	/* Authorization: key id, scope, header names, signature. */
	AUTHORIZATION_MAX = 1024,
	/* As much of an error's body as is looked at: AWS sends one line. */
	ERROR_BODY_MAX = 4096
};

#define SESSION_HEADER "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

struct upstream {
	struct http *http;
	struct http_transfer *transfer; /* NULL before and after */
	const struct upstream_callbacks *callbacks;
	void *ctx;
	const struct config_agent *agent;
	char request_id[65];
	char session_id[101];
	struct buf payload; /* libcurl may read it until the end */
	struct decode decode;
	struct buf error; /* the body of a refusal */
	char error_type[64];
	enum status refused; /* STATUS_OK: the answer is an agent's */
	bool starting;       /* upstream_start has not returned yet */
	enum status started; /* what it will return */
};

static void free_upstream(struct upstream *upstream)
{
	buf_free(&upstream->payload);
	buf_free(&upstream->error);
	decode_free(&upstream->decode);
	free(upstream);
}

void upstream_cancel(struct upstream *upstream)
{
	if (upstream == NULL)
		return;
	if (upstream->transfer != NULL)
		http_cancel(upstream->transfer);
	free_upstream(upstream);
}

void upstream_resume(struct upstream *upstream)
{
	if (upstream->transfer != NULL)
		http_resume(upstream->transfer);
}

/* The end, and of this struct. */
static void finish(struct upstream *upstream, enum status status)
{
	const struct upstream_callbacks *callbacks = upstream->callbacks;
	void *ctx = upstream->ctx;

	upstream_cancel(upstream);
	callbacks->end(ctx, status);
}

/* ---- the answer ---- */

/* upstream.md of the service: "Errors": the status decides, but 402 is a
 * quota and so a throttle, and 424 the agent's own failure. */
static enum status classify(unsigned http)
{
	switch (http) {
	case 401:
	case 403:
		return STATUS_UPSTREAM_DENIED;
	case 402:
	case 429:
		return STATUS_UPSTREAM_THROTTLED;
	case 404:
		return STATUS_UPSTREAM_NOT_FOUND;
	case 424:
		return STATUS_AGENT_FAILED;
	default:
		return STATUS_UPSTREAM_ERROR;
	}
}

/* "Name", "Name:http://..." or "ns#Name" gives Name, if it is a plain one. */
static void keep_error_type(struct upstream *upstream, struct slice type)
{
	struct slice rest = type;
	size_t hash;

	type = slice_cut(&rest, ',');
	rest = type;
	type = slice_cut(&rest, ':');
	hash = slice_find(type, SLICE("#"));
	if (hash < type.len)
		type = slice_skip(type, hash + 1);
	if (type.len == 0 || type.len >= sizeof upstream->error_type)
		return;
	for (size_t i = 0; i < type.len; i++) {
		char c = type.ptr[i];

		/* Anything else is no name but somebody's words. */
		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z'))
			return;
	}
	memcpy(upstream->error_type, type.ptr, type.len);
	upstream->error_type[type.len] = '\0';
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct upstream *upstream = ctx;

	return upstream->callbacks->event(upstream->ctx, event);
}

static void refuse(struct upstream *upstream, const struct http_head *head)
{
	upstream->refused = classify(head->status);
	keep_error_type(upstream, http_header(head, "x-amzn-errortype"));
	log_write(LOG_WARNING, "request=%s upstream answered %u %s",
	    upstream->request_id, head->status, upstream->error_type);
}

static void on_head(void *ctx, const struct http_head *head)
{
	struct upstream *upstream = ctx;
	enum decode_format format;
	struct slice type = http_header(head, "content-type");

	if (head->status != 200) {
		refuse(upstream, head);
		return;
	}
	upstream->refused = decode_format_of(type, &format);
	if (upstream->refused != STATUS_OK) {
		log_write(LOG_WARNING,
		    "request=%s upstream's content type is not an agent's",
		    upstream->request_id);
		return;
	}
	decode_init(&upstream->decode, format, on_event, upstream);
	upstream->callbacks->began(upstream->ctx, format == DECODE_JSON);
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct upstream *upstream = ctx;
	enum status status;

	if (upstream->refused != STATUS_OK) {
		buf_add(&upstream->error, bytes);
		return STATUS_OK;
	}
	if (upstream->callbacks->full(upstream->ctx))
		return STATUS_MORE;
	upstream->callbacks->alive(upstream->ctx);
	status = decode_feed(&upstream->decode, bytes);
	if (status == STATUS_OK)
		return STATUS_OK;
	if (status == STATUS_TOO_LARGE) {
		log_write(LOG_WARNING, "request=%s an event is above %u bytes",
		    upstream->request_id, DECODE_MAX_EVENT);
		status = STATUS_UPSTREAM_ERROR;
	}
	finish(upstream, status);
	return STATUS_OK;
}

/* What an operator may want to read, at the level where secrets may be. */
static void log_refusal(const struct upstream *upstream)
{
	log_write(LOG_DEBUG, "request=%s upstream said: %.*s",
	    upstream->request_id, SLICE_ARG(buf_slice(&upstream->error)));
}

static void on_end(void *ctx, enum status status)
{
	struct upstream *upstream = ctx;

	upstream->transfer = NULL;
	if (upstream->refused != STATUS_OK) {
		log_refusal(upstream);
		status = upstream->refused;
	} else if (status == STATUS_OK) {
		status = decode_finish(&upstream->decode);
	}
	finish(upstream, status);
}

/* ---- the request ---- */

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

static enum status sign(struct buf *authorization, const struct keys *keys,
    const struct upstream *upstream, const struct target *target,
    const struct headers *headers, const char *date)
{
	uint8_t digest[DIGEST_LEN];
	char hash[DIGEST_HEX_LEN];
	struct sigv4_request request = {
	    .method = SLICE("POST"),
	    .path = target->path,
	    .query = target->query,
	    .headers = headers->list,
	    .header_count = headers->count,
	};
	struct sigv4_scope scope = {
	    .date = date,
	    .region = slice_from(upstream->agent->region),
	    .service = SLICE("bedrock-agentcore"),
	};

	digest_sha256(digest, buf_slice(&upstream->payload));
	digest_hex(hash, digest);
	request.payload_hash = slice_from(hash);
	return sigv4_sign(authorization, &request, &scope, slice_from(keys->id),
	    slice_from(keys->secret));
}

static bool send_request(struct upstream *upstream, const struct target *target,
    const struct headers *headers)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct http_header list[HEADER_COUNT_MAX];
	struct http_request request = {
	    .method = "POST",
	    .url = target->url.ptr,
	    .headers = list,
	    .header_count = headers->count,
	    .body = buf_slice(&upstream->payload),
	    .connect_timeout_ms = upstream->agent->connect_timeout_ms,
	};

	for (size_t i = 0; i < headers->count; i++)
		list[i] = (struct http_header){
		    headers->list[i].name, headers->list[i].value};
	upstream->transfer =
	    http_start(upstream->http, &request, &callbacks, upstream);
	return upstream->transfer != NULL;
}

static enum status invoke(struct upstream *upstream, const struct keys *keys)
{
	char date[SIGV4_DATE_LEN];
	struct target target;
	struct headers headers = {.count = 0};
	struct buf authorization;
	enum status status = STATUS_NO_MEMORY;

	buf_init(&authorization, AUTHORIZATION_MAX);
	if (!make_target(&target, upstream->agent))
		goto out;
	sigv4_date(date, clock_unix_s());
	add(&headers, "Host", target.host);
	add(&headers, "Content-Type", SLICE("application/json"));
	/* AWS's TypeScript server streams only to those who name SSE. */
	add(&headers, "Accept", SLICE("text/event-stream, application/json"));
	add(&headers, SESSION_HEADER, slice_from(upstream->session_id));
	add(&headers, "X-Amz-Date", slice_from(date));
	if (keys->token[0] != '\0')
		add(&headers, "X-Amz-Security-Token", slice_from(keys->token));
	status = sign(&authorization, keys, upstream, &target, &headers, date);
	if (status != STATUS_OK)
		goto out;
	add(&headers, "Authorization", buf_slice(&authorization));
	add(&headers, "User-Agent", SLICE("agentcgi/" VERSION));
	status = send_request(upstream, &target, &headers) ? STATUS_OK
							   : STATUS_NO_MEMORY;
out:
	buf_free(&target.url);
	buf_wipe(&authorization);
	return status;
}

static void on_keys(void *ctx, enum status status, const struct keys *keys)
{
	struct upstream *upstream = ctx;

	if (status == STATUS_OK)
		status = invoke(upstream, keys);
	upstream->started = status;
	if (status != STATUS_OK && !upstream->starting)
		finish(upstream, status);
}

static struct upstream *new_upstream(const struct upstream_request *request)
{
	struct upstream *upstream = calloc(1, sizeof *upstream);

	if (upstream == NULL)
		return NULL;
	upstream->agent = request->agent;
	(void)stpncpy(upstream->session_id, request->session_id,
	    sizeof upstream->session_id - 1);
	(void)stpncpy(upstream->request_id, request->request_id,
	    sizeof upstream->request_id - 1);
	buf_init(&upstream->error, ERROR_BODY_MAX);
	buf_init(&upstream->payload, request->payload.len);
	buf_add(&upstream->payload, request->payload);
	if (buf_status(&upstream->payload) == STATUS_OK)
		return upstream;
	free_upstream(upstream);
	return NULL;
}

enum status upstream_start(struct http *http,
    const struct upstream_request *request,
    const struct upstream_callbacks *callbacks, void *ctx,
    struct upstream **out)
{
	struct upstream *upstream = new_upstream(request);
	struct credentials_source source = {
	    .getenv = env_get, .profile = request->agent->profile};
	enum status status;

	if (upstream == NULL)
		return STATUS_NO_MEMORY;
	upstream->http = http;
	upstream->callbacks = callbacks;
	upstream->ctx = ctx;
	upstream->starting = true;
	credentials_get(&source, on_keys, upstream);
	upstream->starting = false;
	status = upstream->started;
	if (status != STATUS_OK) {
		free_upstream(upstream);
		return status;
	}
	*out = upstream;
	return STATUS_OK;
}
