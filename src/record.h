/*
 * record: frames what goes out as FastCGI records, as libfcgi cannot do for
 * a stream that must never block.  Pure.
 *
 * https://fastcgi-archives.github.io/FastCGI_Specification.html#S3.3
 *
 *	 0       1      2    3     4     5      6         7        8
 *	+-------+------+----+-----+-----+------+---------+--------+----
 *	|version| type | id (BE)  | length (BE)| padding |reserved| ...
 *	+-------+------+----+-----+-----+------+---------+--------+----
 */
#ifndef RECORD_H
#define RECORD_H

#include "buf.h"
#include "slice.h"
#include "status.h"

/* The format allows 65,535; a multiple of 8 needs no padding. */
#define RECORD_MAX 65528

/* Frames STDOUT: all that is added between two closings becomes as few
 * records as possible. */
struct record {
	struct buf *out; /* borrowed */
	size_t start;    /* where in out the open record begins */
	unsigned id;     /* FastCGI request id */
	bool open;
};

/* Whether bytes begin with FCGI_ABORT_REQUEST. */
bool record_is_abort(struct slice bytes);

void record_add(struct record *record, struct slice bytes);

/* Complete the open record, if any: out may then be sent. */
void record_close(struct record *record);

/* End the request: an empty STDOUT, then END_REQUEST with status 0. */
void record_end(struct record *record);

#endif
