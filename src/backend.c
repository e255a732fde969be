#include "backend.h"

#include "buf.h"
#include "call.h"
#include "config.h"
#include "http.h"
#include "sigv4.h"

enum {
	/* An encoded ARN is under 400 bytes; a base path may come before. */
	URL_MAX = 8192,
	HEADERS_MAX = 3
};

#define SESSION_HEADER "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

/* Endpoint, its base path, the encoded ARN and the qualifier. */
static void add_agentcore(
    struct buf *url, const struct backend_request *request)
{
	const struct config_agent *agent = request->agent;

	buf_add_text(url, agent->endpoint);
	buf_add_text(url, "/runtimes/");
	sigv4_add_encoded(url, slice_from(agent->arn));
	buf_add_text(url,
	    request->operation == BACKEND_STOP ? "/stopruntimesession"
					       : "/invocations");
	buf_add_text(url, "?qualifier=");
	sigv4_add_encoded(url, slice_from(agent->qualifier));
}

static void add_url(struct buf *url, const struct backend_request *request)
{
	const struct config_agent *agent = request->agent;

	switch (agent->backend) {
	case BACKEND_AGENTCORE:
		add_agentcore(url, request);
		return;
	case BACKEND_BEDROCK:
		buf_add_text(url, agent->endpoint);
		buf_add_text(url, "/model/");
		sigv4_add_encoded(url, slice_from(agent->model));
		buf_add_text(url, "/converse-stream");
		return;
	case BACKEND_HTTP:
		buf_add_text(url, agent->url);
		return;
	}
}

static size_t list_headers(struct http_header list[static HEADERS_MAX],
    const struct backend_request *request)
{
	bool model = request->agent->backend == BACKEND_BEDROCK;

	list[0] = (struct http_header){
	    SLICE("Content-Type"), SLICE("application/json")};
	/* AWS's TypeScript server streams only to those who name SSE. */
	list[1] = (struct http_header){SLICE("Accept"),
	    model ? SLICE("application/vnd.amazon.eventstream")
		  : SLICE("text/event-stream, application/json")};
	list[2] = (struct http_header){
	    SLICE(SESSION_HEADER), slice_from(request->session_id)};
	/* A model knows no sessions. */
	return model ? 2 : 3;
}

enum status backend_start(struct http *http,
    const struct backend_request *request,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer)
{
	const struct config_agent *agent = request->agent;
	struct http_header headers[HEADERS_MAX];
	struct call_request wanted = {
	    .method = "POST",
	    .headers = headers,
	    .header_count = list_headers(headers, request),
	    .body = request->body,
	    /* CloudFront before a Lambda URL signs with what we say. */
	    .content_sha256 = agent->backend == BACKEND_HTTP,
	    .connect_timeout_ms = agent->connect_timeout_ms,
	    .keys = request->keys,
	    .authorization = request->authorization,
	    .api_key = request->api_key,
	    .region = slice_from(agent->region),
	    .service = slice_from(agent->service),
	    .now_s = request->now_s,
	};
	struct buf url;
	enum status status;

	if (request->operation == BACKEND_LOOK) {
		wanted.method = "OPTIONS";
		wanted.header_count = 0;
		wanted.keys = NULL;
		wanted.authorization.len = wanted.api_key.len = 0;
	}
	buf_init(&url, URL_MAX);
	add_url(&url, request);
	wanted.url = buf_text(&url);
	status = wanted.url == NULL
	    ? STATUS_NO_MEMORY
	    : call_start(http, &wanted, callbacks, ctx, transfer);
	buf_free(&url);
	return status;
}
