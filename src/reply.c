#include "reply.h"

#include <stdio.h>

#include "buf.h"
#include "gateway.h"
#include "json.h"

/* An error object: its sentence is at most 130 characters. */
enum {
	ERROR_MAX = 1024
};

/* Seconds for which a browser may remember a preflight: ten minutes, the
 * longest that Chromium takes is two hours. */
#define PREFLIGHT_AGE "600"

static void text(const struct reply *reply, const char *words)
{
	gateway_write(reply->gateway, slice_from(words));
}

static void number(const struct reply *reply, uint64_t n)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	text(reply, digits);
}

void reply_header(
    const struct reply *reply, const char *name, struct slice value)
{
	text(reply, name);
	text(reply, ": ");
	gateway_write(reply->gateway, value);
	text(reply, "\r\n");
}

void reply_begin(const struct reply *reply, unsigned http, const char *type)
{
	struct slice origin = slice_from(reply->allow_origin);

	text(reply, "Status: ");
	number(reply, http);
	text(reply, " ");
	text(reply, status_phrase(http));
	text(reply, "\r\n");
	if (type != NULL)
		reply_header(reply, "Content-Type", slice_from(type));
	reply_header(reply, "X-Request-Id", slice_from(reply->request_id));
	reply_header(reply, "X-Content-Type-Options", SLICE("nosniff"));
	if (origin.len == 0)
		return;
	reply_header(reply, "Access-Control-Allow-Origin", origin);
	reply_header(reply, "Access-Control-Allow-Credentials", SLICE("true"));
	reply_header(reply, "Access-Control-Expose-Headers",
	    SLICE("X-Request-Id, Retry-After, "
		  "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"));
	reply_header(reply, "Vary", SLICE("Origin"));
}

void reply_body(const struct reply *reply)
{
	text(reply, "\r\n");
}

/* The rest of an answer whose body is known. */
static void finish(const struct reply *reply, struct slice body)
{
	reply_header(reply, "Cache-Control", SLICE("no-store"));
	text(reply, "Content-Length: ");
	number(reply, body.len);
	text(reply, "\r\n");
	reply_body(reply);
	if (!reply->head_only)
		gateway_write(reply->gateway, body);
}

void reply_json(const struct reply *reply, unsigned http, struct slice json)
{
	reply_begin(reply, http, "application/json");
	finish(reply, json);
}

void reply_add_error(
    struct buf *out, enum status status, const char *request_id)
{
	const struct status_row *row = status_row(status);

	buf_add_text(out, "{\"error\":{\"code\":");
	json_add_string(out, slice_from(row->code));
	buf_add_text(out, ",\"message\":");
	json_add_string(out, slice_from(row->words));
	buf_add_text(out, ",\"requestId\":");
	json_add_string(out, slice_from(request_id));
	buf_add_text(out, ",\"retryable\":");
	buf_add_text(out, row->retryable ? "true}}" : "false}}");
}

static void error(
    const struct reply *reply, enum status status, const char *allow)
{
	const struct status_row *row = status_row(status);
	struct buf body;

	buf_init(&body, ERROR_MAX);
	reply_add_error(&body, status, reply->request_id);
	reply_begin(reply, row->http, "application/json");
	if (allow != NULL)
		reply_header(reply, "Allow", slice_from(allow));
	if (row->challenge != NULL)
		reply_header(
		    reply, "WWW-Authenticate", slice_from(row->challenge));
	if (row->retry_after_s > 0) {
		text(reply, "Retry-After: ");
		number(reply, row->retry_after_s);
		text(reply, "\r\n");
	}
	finish(reply, buf_slice(&body));
	buf_free(&body);
}

void reply_error(const struct reply *reply, enum status status)
{
	error(reply, status, NULL);
}

void reply_not_allowed(const struct reply *reply, const char *methods)
{
	error(reply, STATUS_METHOD_NOT_ALLOWED, methods);
}

void reply_options(const struct reply *reply, const char *methods)
{
	reply_begin(reply, 204, NULL);
	reply_header(reply, "Allow", slice_from(methods));
	if (reply->allow_origin[0] != '\0') {
		reply_header(
		    reply, "Access-Control-Allow-Methods", slice_from(methods));
		reply_header(reply, "Access-Control-Allow-Headers",
		    SLICE("Authorization, Content-Type, Last-Event-ID, "
			  "X-Request-Id"));
		reply_header(
		    reply, "Access-Control-Max-Age", SLICE(PREFLIGHT_AGE));
	}
	reply_body(reply);
}
