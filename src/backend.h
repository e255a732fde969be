/*
 * backend: the requests that the kinds of upstream want: InvokeAgentRuntime
 * and StopRuntimeSession, a plain POST, ConverseStream.
 *
 * https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html
 * https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_StopRuntimeSession.html
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct config_agent;
struct http;
struct http_callbacks;
struct http_transfer;
struct keys;

enum backend_operation {
	BACKEND_INVOKE,
	BACKEND_STOP, /* AgentCore alone */
	BACKEND_LOOK  /* a plain URL alone: OPTIONS, vouched for by nobody */
};

/* At most one of keys, authorization and api_key, as call.h has them. */
struct backend_request {
	const struct config_agent *agent;
	enum backend_operation operation;
	const char *session_id;
	struct slice body; /* JSON; borrowed until the transfer's end */
	const struct keys *keys;
	struct slice authorization, api_key;
	int64_t now_s; /* of the signature */
};

/* Start the transfer.  STATUS_NO_MEMORY, STATUS_TOO_LARGE: nothing was. */
MUST_CHECK enum status backend_start(struct http *http,
    const struct backend_request *request,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer);

#endif
