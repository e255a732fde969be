/*
 * verdict: what came of a self-test that was asked for from outside, judged
 * and put into words, with what to do about it.  Pure.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "slice.h"
#include "status.h"

struct buf;

enum {
	/* Ticks that are kept: three times what agentcgi sends. */
	VERDICT_TICKS = 32,
	/* Longest text of the other side that is shown, with its NUL. */
	VERDICT_TEXT = 201,
	VERDICT_LINES = 601
};

enum verdict_timing {
	VERDICT_STREAMS, /* each came within 150 ms of its time */
	VERDICT_HELD,    /* all came together */
	VERDICT_BLOCKS   /* neither */
};

enum verdict_authorization {
	VERDICT_UNKNOWN,
	VERDICT_ARRIVES,
	VERDICT_LOST,
	VERDICT_CHECKED /* by the web server, which refused it */
};

/* What was found; zeroed at first.  Texts are the other side's, printable
 * after verdict_keep, and empty if there is none. */
struct verdict {
	/* of the answer whose ticks were timed, or that had none */
	bool timed_out;
	enum status end; /* of its transfer (http.h) */
	unsigned http;   /* its status, or 0 */
	bool has_id;     /* X-Request-Id: agentcgi has seen the request */
	bool is_stream;  /* it is an event stream */
	bool has_server; /* event: server has come */
	char type[VERDICT_TEXT], location[VERDICT_TEXT];
	char code[VERDICT_TEXT], message[VERDICT_TEXT]; /* of an error object */
	char done[VERDICT_TEXT];                        /* its reason */
	uint64_t sent_ms[VERDICT_TICKS], arrived_ms[VERDICT_TICKS];
	size_t ticks;

	/* of event: server */
	char software[VERDICT_TEXT], gateway[VERDICT_TEXT];
	char stream[VERDICT_LINES], compression[VERDICT_LINES];
	char authorization_line[VERDICT_LINES];

	char encoding[VERDICT_TEXT]; /* asked as a browser asks; or empty */
	enum verdict_authorization authorization;
};

/* Judge n ticks, sent and arrived by two clocks that need not agree. */
enum verdict_timing verdict_timing(
    const uint64_t sent_ms[], const uint64_t arrived_ms[], size_t n);

/* Keep as much of text as fits into size bytes with a NUL: printable ASCII
 * as it is, all else as a question mark. */
void verdict_keep(char *to, size_t size, struct slice text);

/* The same with each of its lines followed by LF. */
void verdict_keep_lines(char *to, size_t size, struct slice text);

/* Take what an event of these names, or an error object of agentcgi's, says;
 * nothing if it is not what it should be. */
void verdict_take_server(struct verdict *found, struct slice data);
void verdict_take_done(struct verdict *found, struct slice data);
void verdict_take_error(struct verdict *found, struct slice body);

/* Append the verdict.  True if it streams and is not compressed. */
bool verdict_tell(struct buf *out, const struct verdict *found);

#endif
