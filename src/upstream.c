#include "upstream.h"

#include <stdlib.h>
#include <string.h>

#include "agentcore.h"
#include "buf.h"
#include "config.h"
#include "credentials/credentials.h"
#include "decode.h"
#include "env.h"
#include "http.h"
#include "log.h"

enum {
	/* As much of an error's body as is looked at: AWS sends one line. */
	ERROR_BODY_MAX = 4096
};

struct upstream {
	struct http *http;
	struct http_transfer *transfer; /* NULL before and after */
	const struct upstream_callbacks *callbacks;
	void *ctx;
	const struct config_agent *agent;
	char request_id[65];
	char session_id[101];
	struct buf payload;         /* libcurl may read it until the end */
	struct slice authorization; /* the caller's, while it starts */
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
static enum status classify(const struct upstream *upstream, unsigned http)
{
	switch (http) {
	case 401:
		return upstream->agent->auth == AUTH_BEARER
		    ? STATUS_TOKEN_REFUSED
		    : STATUS_UPSTREAM_DENIED;
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
	upstream->refused = classify(upstream, head->status);
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

static enum status invoke(struct upstream *upstream, const struct keys *keys)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct agentcore_request request = {
	    .agent = upstream->agent,
	    .session_id = upstream->session_id,
	    .payload = buf_slice(&upstream->payload),
	    .authorization = upstream->authorization,
	};

	return agentcore_start(upstream->http, &request, keys, &callbacks,
	    upstream, &upstream->transfer);
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
	struct upstream *upstream;
	struct credentials_source source = {
	    .getenv = env_get, .profile = request->agent->profile};
	enum status status;

	/* Our keys never stand in for a caller's token. */
	if (request->agent->auth == AUTH_BEARER &&
	    request->authorization.len == 0)
		return STATUS_NO_TOKEN;
	upstream = new_upstream(request);
	if (upstream == NULL)
		return STATUS_NO_MEMORY;
	upstream->http = http;
	upstream->callbacks = callbacks;
	upstream->ctx = ctx;
	upstream->authorization = request->authorization;
	upstream->starting = true;
	if (request->authorization.len > 0)
		upstream->started = invoke(upstream, NULL);
	else
		credentials_get(&source, on_keys, upstream);
	upstream->starting = false;
	upstream->authorization = (struct slice){0};
	status = upstream->started;
	if (status != STATUS_OK) {
		free_upstream(upstream);
		return status;
	}
	*out = upstream;
	return STATUS_OK;
}
