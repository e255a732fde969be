/*
 * eventstream: decodes application/vnd.amazon.eventstream, AWS's binary
 * frames.
 *
 * A push decoder as decode.h's: fed any cut of the stream, it calls back once
 * for each message, whose two checksums then were right.  A message that
 * arrives in one piece is passed on without a copy.  Pure but for that memory.
 *
 *	 0        4          8        12                          len-4
 *	+--------+----------+--------+---------+---------+---------+
 *	| length | headers' | CRC of | headers | payload | CRC of  |
 *	| of all | length   | 0 to 7 |         |         | 0 to -4 |
 *	+--------+----------+--------+---------+---------+---------+
 *
 * https://smithy.io/2.0/aws/amazon-eventstream.html
 */
#ifndef EVENTSTREAM_H
#define EVENTSTREAM_H

#include <stdint.h>

#include "buf.h"
#include "slice.h"
#include "status.h"

/* Headers of all services together take under 1 KiB; a message of Bedrock's
 * is at most 1 MB, and 16 MiB is the format's own ceiling. */
#define EVENTSTREAM_MAX_HEADERS (128u << 10)
#define EVENTSTREAM_MAX_MESSAGE (16u << 20)

enum eventstream_kind {
	EVENTSTREAM_EVENT,     /* name is :event-type */
	EVENTSTREAM_EXCEPTION, /* name is :exception-type */
	EVENTSTREAM_ERROR      /* name is :error-code */
};

struct eventstream_message {
	enum eventstream_kind kind;
	struct slice name;
	struct slice payload; /* of an error its :error-message */
};

/* Slices are valid during the call.  The result stops the decoder:
 * eventstream_feed returns it at once unless it is STATUS_OK. */
typedef enum status eventstream_callback(
    void *ctx, const struct eventstream_message *message);

struct eventstream {
	eventstream_callback *callback;
	void *ctx;
	struct buf part; /* the beginning of a message */
};

void eventstream_init(
    struct eventstream *stream, eventstream_callback *callback, void *ctx);
void eventstream_free(struct eventstream *stream); /* may run twice */

/* STATUS_UPSTREAM_ERROR for what is no such stream (a wrong length, checksum
 * or header, a message without its type), STATUS_TOO_LARGE, STATUS_NO_MEMORY,
 * or what the callback returned. */
MUST_CHECK enum status eventstream_feed(
    struct eventstream *stream, struct slice bytes);

/* STATUS_UPSTREAM_CUT if the stream ended inside a message. */
MUST_CHECK enum status eventstream_finish(const struct eventstream *stream);

#endif
