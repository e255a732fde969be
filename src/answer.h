/*
 * answer: what a client is sent, in the form it asked for: events, one JSON
 * object, text, a page, or what AgentCore expects of its agents.
 *
 * It writes into the gateway and knows neither time nor the loop.  The head
 * is held back until answer_begin, so that a refusal keeps its true status.
 * A failure after that is told inside the answer.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>

#include "buf.h"
#include "reply.h"
#include "request.h"
#include "slice.h"
#include "status.h"
#include "translate.h"

struct decode_event;

/* Working memory of all answers of a loop; nothing stays in it between two
 * calls. */
struct answer_shared {
	struct buf scratch, data;
};

struct answer_options {
	struct reply reply; /* copied; its gateway is borrowed */
	enum request_answer form;
	/* Copied: up to 100 and 16 bytes.  Without a session id no session
	 * is told. */
	const char *session_id, *run_id;
	bool incremental; /* send Incremental: ?1 */
};

struct answer {
	struct reply reply;
	enum request_answer form;
	bool incremental;
	bool begun;    /* the head is out */
	bool answered; /* with an error status: nothing more to say */
	unsigned http; /* status sent, or 200 */
	struct answer_shared *shared; /* borrowed */
	struct translate translate;
	struct buf text;  /* of a whole answer */
	struct buf usage; /* JSON, or empty */
	char session_id[101], run_id[17];
};

void answer_shared_init(struct answer_shared *shared);
void answer_shared_free(struct answer_shared *shared);

void answer_init(struct answer *answer, const struct answer_options *options,
    struct answer_shared *shared);
void answer_free(struct answer *answer);

/* The head of an answer that has nothing else: to HEAD. */
void answer_head(struct answer *answer);

/* The answer will come: send the head, unless a whole answer was asked for. */
void answer_begin(struct answer *answer);

/* One event of the agent, or a block of its comments.  number counts the
 * run's events; whole: it is a document, not part of a stream. */
void answer_event(struct answer *answer, const struct decode_event *event,
    uint64_t number, bool whole);

/* What done is to say of the tokens that the answer took: a JSON object. */
void answer_usage(struct answer *answer, struct slice usage);

/* The agent or its upstream has failed, before or after answer_begin. */
void answer_fail(struct answer *answer, enum status status, uint64_t number);

/* The run has ended for this reason ("complete", "stopped", "error",
 * "limit"): nothing more is written. */
void answer_end(struct answer *answer, const char *reason, uint64_t number);

/* After a while of silence. */
void answer_keepalive(struct answer *answer);

#endif
