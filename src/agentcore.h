/*
 * agentcore: the request InvokeAgentRuntime: its address, its headers, and who
 * vouches for it, our keys by a signature or the caller by a token.
 *
 * https://docs.aws.amazon.com/bedrock-agentcore/latest/APIReference/API_InvokeAgentRuntime.html
 */
#ifndef AGENTCORE_H
#define AGENTCORE_H

#include "slice.h"
#include "status.h"

struct config_agent;
struct http;
struct http_callbacks;
struct http_transfer;
struct keys;

struct agentcore_request {
	const struct config_agent *agent;
	const char *session_id;
	struct slice payload; /* JSON; borrowed until the transfer's end */
	struct slice authorization; /* the caller's; if empty we sign */
};

/* Start the transfer.  keys may be NULL if authorization is given.
 * STATUS_NO_MEMORY, STATUS_NO_CREDENTIALS: nothing was started. */
MUST_CHECK enum status agentcore_start(struct http *http,
    const struct agentcore_request *request, const struct keys *keys,
    const struct http_callbacks *callbacks, void *ctx,
    struct http_transfer **transfer);

#endif
