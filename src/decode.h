/*
 * decode: bytes of an upstream's answer into events.
 *
 * A push decoder: fed any cut of the stream, it calls back once for each
 * event.  An event that arrives in one piece is passed on without a copy;
 * only the part of one that is not complete yet is kept, up to
 * DECODE_MAX_EVENT bytes.  Pure but for that memory.
 *
 * Server-sent events keep their own bytes.  Other types are turned into
 * events with data: lines: JSON as one event at its end, NDJSON one a line,
 * text one a piece (never cutting a character).
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
#ifndef DECODE_H
#define DECODE_H

#include "buf.h"
#include "slice.h"
#include "status.h"

/* AgentCore's quota for one streamed chunk. */
#define DECODE_MAX_EVENT (10u << 20)

enum decode_format {
	DECODE_SSE,
	DECODE_JSON,
	DECODE_LINES, /* application/x-ndjson */
	DECODE_TEXT
};

/* One event, or a block of comments. */
struct decode_event {
	struct slice lines; /* its lines, each with its line end as received,
			     * without the blank line that ends the event */
	struct slice end;   /* that blank line: "\n", "\r\n" or "\r" */
	struct slice name;  /* of its last event: line, or empty */
	bool has_data;      /* it has a data: line, so clients dispatch it */
};

/* Slices are valid during the call.  The result stops the decoder:
 * decode_feed returns it at once unless it is STATUS_OK. */
typedef enum status decode_callback(
    void *ctx, const struct decode_event *event);

struct decode {
	enum decode_format format;
	decode_callback *callback;
	void *ctx;
	struct buf part;  /* the beginning of an event, as received */
	struct buf lines; /* the data: lines made of what is no SSE */
	bool after_cr;    /* text: the last byte was a CR, so skip a LF */
	bool started;     /* a leading byte order mark is behind us */
};

/* Which format a Content-Type value means.  STATUS_UPSTREAM_ERROR for those
 * that are no agent's answer: text/html, images, ...  Empty and
 * application/octet-stream are text. */
MUST_CHECK enum status decode_format_of(
    struct slice content_type, enum decode_format *format);

void decode_init(struct decode *decode, enum decode_format format,
    decode_callback *callback, void *ctx);

/* May run twice. */
void decode_free(struct decode *decode);

/* The next bytes of the answer.  STATUS_TOO_LARGE for an event above
 * DECODE_MAX_EVENT, STATUS_NO_MEMORY, or what the callback returned. */
MUST_CHECK enum status decode_feed(struct decode *decode, struct slice bytes);

/* The answer has ended well: an event without its blank line is completed
 * and passed on. */
MUST_CHECK enum status decode_finish(struct decode *decode);

/* Append what a client's parser would see as the event's data: the values of
 * its data: lines joined by LF. */
void decode_add_data(struct buf *out, const struct decode_event *event);

#endif
