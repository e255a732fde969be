/*
 * request: what a client wants, read from the web server's parameters and
 * the body, whatever server it is.
 *
 * Pure.  Every slice views the parameters, the body or the arena, which must
 * outlive the struct.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "route.h"
#include "slice.h"
#include "status.h"

struct arena;
struct table;

/* In what form the answer is wanted, by Accept. */
enum request_answer {
	ANSWER_SSE, /* text/event-stream, or nothing in particular */
	ANSWER_JSON,
	ANSWER_TEXT,
	ANSWER_HTML,
	ANSWER_AGENT /* events alone, as AgentCore's containers answer */
};

struct request {
	struct slice method;
	enum request_route route;
	struct slice name; /* decoded agent or run in the path; empty: none */
	enum request_answer answer;
	struct slice user;       /* REMOTE_USER, empty: nobody */
	struct slice address;    /* REMOTE_ADDR */
	struct slice host;       /* HTTP_HOST, else SERVER_NAME */
	struct slice origin;     /* Origin */
	struct slice fetch_site; /* Sec-Fetch-Site */
	struct slice
	    id; /* X-Request-Id if it may be logged, [A-Za-z0-9._-]{8,64} */
	struct slice authorization; /* Authorization; a secret */
	struct slice last_event_id; /* header, else lastEventId= in the query */
	bool secure;                /* over https */

	/* of an invocation, after request_parse_input */
	struct slice prompt;
	struct slice session_id; /* empty: none given */
	struct slice payload;    /* what goes upstream, JSON */
};

/* What of the configuration the reading depends on. */
struct request_rules {
	struct slice mount;          /* URL prefix, or empty */
	struct slice default_prompt; /* for a missing prompt; empty: none */
	size_t max_prompt;           /* bytes */
};

/* Read method, route, negotiation and caller from the parameters.
 * STATUS_NOT_FOUND, STATUS_METHOD_NOT_ALLOWED (request_methods tells which
 * are), STATUS_BAD_REQUEST (no REQUEST_METHOD), STATUS_BAD_UTF8 (in the
 * path), STATUS_TOO_LARGE.  What could be read is in *request in any
 * case.  OPTIONS is allowed everywhere, HEAD wherever GET is. */
MUST_CHECK enum status request_parse(struct request *request,
    const struct table *params, const struct request_rules *rules,
    struct arena *arena);

/* Read prompt and session of an invocation from the query (GET), or from the
 * body by its CONTENT_TYPE: application/json, x-www-form-urlencoded,
 * multipart/form-data, text/plain; none at all is taken as JSON if the body
 * begins with '{' and else as a form.  payload becomes {"prompt":...}, or
 * with passthrough a JSON body without its sessionId (in which prompt may be
 * missing, but if it is there must be a string).
 * STATUS_NO_PROMPT, STATUS_PROMPT_NOT_TEXT, STATUS_BAD_JSON, STATUS_BAD_FORM,
 * STATUS_BAD_UTF8, STATUS_BAD_SESSION, STATUS_PROMPT_TOO_LARGE,
 * STATUS_UNSUPPORTED_TYPE, STATUS_TOO_LARGE, STATUS_NO_MEMORY. */
MUST_CHECK enum status request_parse_input(struct request *request,
    const struct table *params, struct slice body, bool passthrough,
    const struct request_rules *rules, struct arena *arena);

/* For Allow: "GET, HEAD, OPTIONS" and the like. */
const char *request_methods(enum request_route route);

/* 33 to 100 characters of [A-Za-z0-9_-], the first alphanumeric: what
 * AgentCore takes and gives back (its own limits are 33-256 and 1-100). */
bool request_session_id_valid(struct slice id);

#endif
