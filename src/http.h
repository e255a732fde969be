/*
 * http: HTTP requests to an upstream; libcurl, with multi.c.
 *
 * All transfers run in the loop, on kept HTTP/1.1 connections, one transfer
 * at a time on each: on shared HTTP/2 connections a paused reader would hold
 * up nobody but fill our memory.  TLS is always verified.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct http;
struct http_transfer;
struct loop;

/* Where certificates of authorities are; NULL for none; borrowed until
 * http_free.  A file is parsed
 * once and kept, which pays for many connections; of a directory with hashed
 * names only what is needed is read, which pays for one. */
struct http_options {
	const char *ca_file;
	const char *ca_dir;
};

struct http_header {
	struct slice name, value;
};

/* The body is borrowed until the end callback or http_cancel; all else is
 * copied. */
struct http_request {
	const char *method;
	const char *url; /* sent as it is: nothing is encoded or normalised */
	const struct http_header *headers;
	size_t header_count;
	struct slice body; /* without one, GET and HEAD send no length */
	bool direct;       /* whatever proxy the environment names */
	uint64_t connect_timeout_ms;
};

/* The status line and headers of an answer; valid during the callback. */
struct http_head {
	unsigned status;
	struct slice lines; /* header lines as they came */
};

/* Called in this order: head once, body often, end once; never after
 * http_cancel, which head and body may call.  Without a head there is an end
 * all the same, with a status that says why. */
struct http_callbacks {
	void (*head)(void *ctx, const struct http_head *head);
	/* STATUS_OK: taken.  STATUS_MORE: not now; the same bytes come again
	 * after http_resume, and nothing is read meanwhile. */
	enum status (*body)(void *ctx, struct slice bytes);
	/* STATUS_OK: the whole answer came.  STATUS_UPSTREAM_UNREACHABLE,
	 * STATUS_UPSTREAM_UNTRUSTED (TLS), STATUS_UPSTREAM_TIMEOUT
	 * (connecting): nothing was sent.  STATUS_UPSTREAM_EMPTY (sent
	 * perhaps, and closed without an answer), STATUS_UPSTREAM_CUT,
	 * STATUS_UPSTREAM_ERROR, STATUS_NO_MEMORY: logged. */
	void (*end)(void *ctx, enum status status);
};

/* NULL if memory is out. */
struct http *http_new(struct loop *loop, const struct http_options *options);
void http_free(struct http *http); /* ends what runs, without callbacks */

/* NULL if memory is out.  No callback comes before this returns. */
MUST_CHECK struct http_transfer *http_start(struct http *http,
    const struct http_request *request, const struct http_callbacks *callbacks,
    void *ctx);

/* Close the connection of a transfer now.  It must not be used again. */
void http_cancel(struct http_transfer *transfer);

/* Go on after body returned STATUS_MORE. */
void http_resume(struct http_transfer *transfer);

/* The first value of this header, trimmed, or empty. */
struct slice http_header(const struct http_head *head, const char *name);

/* A date as headers have it, in seconds since 1970; false if it is none. */
MUST_CHECK bool http_date(struct slice text, int64_t *unix_s);

/* libcurl's version and what it was built with, for --version. */
const char *http_version(void);

#endif
