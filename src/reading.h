/*
 * reading: an agent's answer as events, in whatever format it comes: text in
 * its kinds (decode), Lambda's prelude before it (prelude), or Bedrock's
 * binary stream (converse).
 */
#ifndef READING_H
#define READING_H

#include "converse.h"
#include "decode.h"
#include "prelude.h"
#include "slice.h"
#include "status.h"

struct config_agent;

struct reading_callbacks {
	/* Its format is known.  whole: it is one document, no stream. */
	void (*began)(void *ctx, bool whole);
	decode_callback *event;
};

enum reading_by {
	READING_NOTHING,
	READING_PRELUDE, /* perhaps: the format comes after it */
	READING_DECODE,
	READING_CONVERSE
};

struct reading {
	enum reading_by by;
	const struct reading_callbacks *callbacks;
	void *ctx;
	const char *request_id; /* for the log */
	char content_type[128]; /* of the answer, behind a prelude */
	struct prelude prelude;
	struct decode decode;
	struct converse converse;
};

/* Zeroed memory is fine to be freed; may run twice. */
void reading_free(struct reading *reading);

/* The head of a successful answer has come; request_id is borrowed.
 * STATUS_UPSTREAM_ERROR: no agent answers with this content type. */
MUST_CHECK enum status reading_begin(struct reading *reading,
    const struct config_agent *agent, struct slice content_type,
    const char *request_id);

/* STATUS_TOO_LARGE: an event above DECODE_MAX_EVENT; what decode.h, prelude.h
 * and converse.h have; or what the event callback returned. */
MUST_CHECK enum status reading_feed(
    struct reading *reading, struct slice bytes);
MUST_CHECK enum status reading_finish(struct reading *reading);

/* After the end: text of the answer and token usage (a JSON object), or
 * empty; of a model alone. */
struct slice reading_text(const struct reading *reading);
struct slice reading_usage(const struct reading *reading);

#endif
