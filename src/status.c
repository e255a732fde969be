#include "status.h"

#include <stddef.h>

/* Seconds after which a client may try again: our own ceiling and a
 * throttled upstream clear quickly, missing keys need somebody. */
enum {
	SOON_S = 2,
	LATER_S = 30
};

#define BAD(text)                                                 \
	{                                                         \
		.http = 400, .code = "bad_request", .words = text \
	}

static const struct status_row rows[STATUS_COUNT] = {
    [STATUS_OK] = {.code = "ok", .words = "Done."},
    [STATUS_CLIENT_GONE] = {.code = "client_gone", .words = "Client left."},
    [STATUS_MORE] = {.code = "more", .words = "Not complete yet."},

    [STATUS_BAD_REQUEST] = BAD("The request is malformed."),
    [STATUS_NO_PROMPT] = BAD("A non-empty prompt is required."),
    [STATUS_PROMPT_NOT_TEXT] = BAD("The prompt must be a text string."),
    [STATUS_BAD_JSON] = BAD("The body is not a valid JSON object."),
    [STATUS_BAD_FORM] = BAD("The form data is malformed."),
    [STATUS_BAD_UTF8] = BAD("The request is not valid UTF-8."),
    [STATUS_BAD_SESSION] = BAD(
	"The session id is not valid: 33 to 100 letters, digits, hyphens and underscores, the first a letter or digit."),
    [STATUS_UNAUTHORISED] = {.http = 401,
	.code = "unauthorised",
	.words = "Please sign in first."},
    [STATUS_NO_TOKEN] = {.http = 401,
	.code = "unauthorised",
	.words = "A bearer token is required.",
	.challenge = "Bearer"},
    [STATUS_TOKEN_REFUSED] = {.http = 401,
	.code = "unauthorised",
	.words = "The bearer token was not accepted.",
	.challenge = "Bearer error=\"invalid_token\""},
    [STATUS_FORBIDDEN] = {.http = 403,
	.code = "forbidden",
	.words = "This request is not allowed from here."},
    [STATUS_NOT_FOUND] = {.http = 404,
	.code = "not_found",
	.words = "There is nothing at this address."},
    [STATUS_NO_AGENT] = {.http = 404,
	.code = "not_found",
	.words = "There is no agent of this name."},
    [STATUS_METHOD_NOT_ALLOWED] = {.http = 405,
	.code = "method_not_allowed",
	.words = "This address does not take that method."},
    [STATUS_SESSION_BUSY] = {.http = 409,
	.code = "session_busy",
	.words = "An answer is still running in this session.",
	.retryable = true},
    [STATUS_TOO_LARGE] = {.http = 413,
	.code = "too_large",
	.words = "The request is too large."},
    [STATUS_PROMPT_TOO_LARGE] = {.http = 413,
	.code = "too_large",
	.words = "The prompt is too long."},
    [STATUS_UNSUPPORTED_TYPE] = {.http = 415,
	.code = "unsupported_type",
	.words = "This content type is not supported."},
    [STATUS_REQUEST_CUT] = BAD("The request did not arrive whole."),
    [STATUS_RATE_LIMITED] = {.http = 429,
	.code = "rate_limited",
	.words = "Too many requests. Please wait a moment.",
	.retryable = true,
	.retry_after_s = SOON_S},

    [STATUS_UPSTREAM_DENIED] = {.http = 502,
	.code = "upstream_denied",
	.words = "The agent refused this server's request.",
	.operator_must_know = true},
    [STATUS_UPSTREAM_NOT_FOUND] = {.http = 502,
	.code = "upstream_not_found",
	.words = "The agent was not found.",
	.operator_must_know = true},
    [STATUS_AGENT_FAILED] = {.http = 502,
	.code = "agent_failed",
	.words = "The agent failed.",
	.operator_must_know = true},
    [STATUS_UPSTREAM_ERROR] = {.http = 502,
	.code = "upstream_error",
	.words = "The agent's answer could not be used.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_UPSTREAM_EMPTY] = {.http = 502,
	.code = "upstream_error",
	.words = "The agent ended without an answer.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_UPSTREAM_CUT] = {.http = 502,
	.code = "upstream_error",
	.words = "The agent's answer broke off.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_UPSTREAM_UNREACHABLE] = {.http = 502,
	.code = "upstream_error",
	.words = "The agent could not be reached.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_UPSTREAM_UNTRUSTED] = {.http = 502,
	.code = "upstream_error",
	.words = "The agent could not be reached securely.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_UPSTREAM_THROTTLED] = {.http = 503,
	.code = "upstream_throttled",
	.words = "The agent is busy. Please try again soon.",
	.retryable = true,
	.retry_after_s = SOON_S,
	.operator_must_know = true},
    [STATUS_UPSTREAM_TIMEOUT] = {.http = 504,
	.code = "upstream_timeout",
	.words = "The agent did not answer in time.",
	.retryable = true,
	.operator_must_know = true},
    [STATUS_TIME_LIMIT] = {.http = 504,
	.code = "upstream_timeout",
	.words = "The answer took longer than is allowed here."},

    [STATUS_OVERLOADED] = {.http = 503,
	.code = "overloaded",
	.words = "This server is busy. Please try again soon.",
	.retryable = true,
	.retry_after_s = SOON_S,
	.operator_must_know = true},
    [STATUS_STOPPING] = {.http = 503,
	.code = "overloaded",
	.words = "This server is restarting. Please try again soon.",
	.retryable = true,
	.retry_after_s = SOON_S},
    [STATUS_NO_MEMORY] = {.http = 503,
	.code = "overloaded",
	.words = "This server is out of memory. Please try again soon.",
	.retryable = true,
	.retry_after_s = SOON_S,
	.operator_must_know = true},
    [STATUS_NO_CREDENTIALS] = {.http = 503,
	.code = "no_credentials",
	.words = "This server has no usable keys for the agent.",
	.retryable = true,
	.retry_after_s = LATER_S,
	.operator_must_know = true},
    [STATUS_NOT_CONFIGURED] = {.http = 503,
	.code = "overloaded",
	.words = "This server is not set up yet.",
	.retryable = true,
	.retry_after_s = LATER_S,
	.operator_must_know = true},
};

const struct status_row *status_row(enum status status)
{
	if ((unsigned)status >= STATUS_COUNT)
		status = STATUS_UPSTREAM_ERROR;
	return &rows[status];
}

static const struct {
	unsigned http;
	const char *phrase;
} phrases[] = {
    {200, "OK"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

const char *status_phrase(unsigned http)
{
	for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
		if (phrases[i].http == http)
			return phrases[i].phrase;
	}
	return "Unknown";
}
