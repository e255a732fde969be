/*
 * sigv4: AWS Signature Version 4, header form.
 *
 * Pure: time is an argument, nothing is read from outside, and the
 * intermediate stages can be looked at.  The path and query that are signed
 * are exactly those that go on the wire, so this module makes both.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
#ifndef SIGV4_H
#define SIGV4_H

#include <stdint.h>

#include "digest.h"
#include "slice.h"
#include "status.h"

struct buf;

/* Headers of one request to be signed, host and x-amz-date among them; a query
 * may have as many parameters. */
#define SIGV4_MAX_HEADERS 32

/* Longest secret key; AWS's have 40 characters. */
#define SIGV4_MAX_SECRET 512

/* "20260115T123456Z" and its NUL. */
#define SIGV4_DATE_LEN 17

struct sigv4_header {
	struct slice name;  /* any case; compared and written in lower case */
	struct slice value; /* as on the wire; blanks are folded for signing */
};

struct sigv4_request {
	struct slice method;
	struct slice path;  /* as on the wire, percent-encoded, begins with / */
	struct slice query; /* as on the wire, without the ?, or empty; any
			     * order, sigv4 sorts and normalises for signing */
	const struct sigv4_header *headers; /* exactly those to be signed */
	size_t header_count;                /* at most SIGV4_MAX_HEADERS */
	struct slice payload_hash; /* lower-case hex SHA-256 of the body */
};

struct sigv4_scope {
	const char *date; /* SIGV4_DATE_LEN with the NUL: sigv4_date */
	struct slice region, service;
};

/* Format seconds since 1970 as X-Amz-Date wants them.  Times outside the
 * years 1970 to 9999 become the nearest within. */
void sigv4_date(char out[static SIGV4_DATE_LEN], int64_t unix_s);

/* Append text percent-encoded but for A-Z a-z 0-9 - . _ ~, upper-case hex:
 * one path segment or one query name or value. */
void sigv4_add_encoded(struct buf *buf, struct slice text);

/* Append the canonical request.  Spoils out if it does not fit. */
void sigv4_add_canonical(struct buf *out, const struct sigv4_request *request);

/* Append the string to sign for a canonical request. */
void sigv4_add_string_to_sign(
    struct buf *out, const struct sigv4_scope *scope, struct slice canonical);

/* The signing key; the caller wipes it.  Only the first SIGV4_MAX_SECRET bytes
 * of secret count; sigv4_sign refuses a longer one. */
void sigv4_key(uint8_t key[static DIGEST_LEN], struct slice secret,
    const struct sigv4_scope *scope);

/* Append the value of the Authorization header.
 * STATUS_TOO_LARGE or STATUS_NO_MEMORY. */
MUST_CHECK enum status sigv4_sign(struct buf *authorization,
    const struct sigv4_request *request, const struct sigv4_scope *scope,
    struct slice key_id, struct slice secret);

#endif
