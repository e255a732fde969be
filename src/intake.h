/*
 * intake: a FastCGI request as it arrives, in whatever pieces.
 *
 * BEGIN_REQUEST and PARAMS are kept as records, for libfcgi to read once the
 * request is whole; what STDIN says is the body.  So nobody ever waits for a
 * web server whose client sends slowly.  Pure.
 *
 * https://fastcgi-archives.github.io/FastCGI_Specification.html#S5
 */
#ifndef INTAKE_H
#define INTAKE_H

#include "buf.h"
#include "slice.h"
#include "status.h"

/* Web servers limit header fields to 8 to 32 KiB in all.  What is above
 * GATEWAY_MAX_PARAMS is refused; what is above this is not even read. */
#define INTAKE_MAX_HEAD (1u << 20)

struct intake {
	struct buf head;      /* records, without padding */
	struct buf body;      /* spoilt if there was more than it may hold */
	size_t body_len;      /* what came, whether it was kept or not */
	uint8_t record[8];    /* header of the record that is coming */
	size_t have;          /* bytes of it */
	size_t left, padding; /* of its content, to come */
	unsigned id;
	bool begun;  /* BEGIN_REQUEST has come */
	bool params; /* all parameters have */
};

void intake_init(struct intake *intake, size_t max_body);
void intake_free(struct intake *intake);

/* Take bytes.  STATUS_OK: the request is whole, and *bytes is what came after
 * it.  STATUS_MORE: all were taken, more is to come.  STATUS_CLIENT_GONE: no
 * FastCGI, a request aborted, or parameters without end. */
MUST_CHECK enum status intake_add(struct intake *intake, struct slice *bytes);

/* The records that libfcgi reads parameters from: the kept ones, and an empty
 * STDIN.  Call once, when there are all parameters; NULL bytes if memory is
 * out or a name or value is not as long as it says. */
struct slice intake_head(struct intake *intake);

#endif
