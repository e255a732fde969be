/*
 * call: one request to a service, and who vouches for it: our keys by a
 * signature, the caller by a token, a key of the service, or nobody.
 *
 * What is signed is exactly what is sent.
 */
#ifndef CALL_H
#define CALL_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct http;
struct http_callbacks;
struct http_header;
struct http_transfer;
struct keys;

/* Of the caller's headers; call adds up to seven. */
#define CALL_MAX_HEADERS 8

/* The body is borrowed until the transfer's end; all else is copied. */
struct call_request {
	const char *method;
	const char *url; /* percent-encoded as it goes on the wire */
	const struct http_header *headers; /* all are signed; Host, Date and
					    * User-Agent are added */
	size_t header_count;
	struct slice body;
	bool content_sha256; /* say the body's hash in a header */
	bool direct;         /* by no proxy: this machine, or the link */
	uint64_t connect_timeout_ms;

	/* At most one of the three. */
	const struct keys *keys;    /* sign with them, or NULL */
	struct slice authorization; /* Authorization, or empty */
	struct slice api_key;       /* X-Api-Key, or empty */

	struct slice region, service; /* of the signature */
	int64_t now_s;                /* its time, seconds since 1970 */
};

/* Start it; http.h says what is called back.  STATUS_NO_MEMORY,
 * STATUS_TOO_LARGE: nothing was started. */
MUST_CHECK enum status call_start(struct http *http,
    const struct call_request *request, const struct http_callbacks *callbacks,
    void *ctx, struct http_transfer **transfer);

#endif
