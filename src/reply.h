/*
 * reply: the header block of an answer, and answers that are not streams.
 *
 * What is written waits in the gateway until it is flushed.  Nothing of the
 * upstream's words gets in here: a client reads status.c's sentences.
 */
#ifndef REPLY_H
#define REPLY_H

#include "slice.h"
#include "status.h"

struct buf;
struct gateway;

/* What every answer to one request shares. */
struct reply {
	struct gateway *gateway; /* borrowed */
	char request_id[65];
	char allow_origin[256]; /* for CORS; empty: none */
	bool head_only;         /* HEAD: no body */
};

/* Begin the header block.  type NULL: no body, no Content-Type. */
void reply_begin(const struct reply *reply, unsigned http, const char *type);

/* Add a header, between reply_begin and reply_body. */
void reply_header(
    const struct reply *reply, const char *name, struct slice value);

/* End the header block: the body follows. */
void reply_body(const struct reply *reply);

/* A whole answer with a JSON body. */
void reply_json(const struct reply *reply, unsigned http, struct slice json);

/* A whole answer: the status of a failure, Retry-After, and its object. */
void reply_error(const struct reply *reply, enum status status);

/* The same for STATUS_METHOD_NOT_ALLOWED, with Allow. */
void reply_not_allowed(const struct reply *reply, const char *methods);

/* 204 to a preflight or any OPTIONS. */
void reply_options(const struct reply *reply, const char *methods);

/* Append {"error":{"code","message","requestId","retryable"}}. */
void reply_add_error(
    struct buf *out, enum status status, const char *request_id);

#endif
