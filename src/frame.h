/*
 * frame: events and comments of ours as server-sent events.
 *
 * An event's id is RUN.NUMBER: the run alone identifies what a reconnecting
 * EventSource, which sends nothing but this id, wants to go on with.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#include "slice.h"

struct buf;

/* "id: RUN.NUMBER\n" */
void frame_add_id(struct buf *out, const char *run_id, uint64_t number);

/* The comment that goes with the headers.  Some web servers hold headers back
 * until a body begins; a DEFLATE filter in Apache's CGI holds back the first
 * 8 KiB: padded is for that. */
void frame_add_hello(struct buf *out, bool padded);

void frame_add_keepalive(struct buf *out);

/* A whole event of ours: session, error or done, with one line of JSON. */
void frame_add_named(struct buf *out, const char *name, struct slice json,
    const char *run_id, uint64_t number);

#endif
