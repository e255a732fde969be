/*
 * errand: what the sources that ask over HTTP have in common: they begin in
 * the loop, ask one question after the other, each perhaps more than once, and
 * answer.
 *
 * A struct errand is a member of its source, self, which errand_answer's
 * caller frees.
 */
#ifndef ERRAND_H
#define ERRAND_H

#include "../call.h"
#include "fetch.h"
#include "source.h"

struct loop_timer;

#define ERRAND_NAME_LEN 65 /* longest name of an error, with the NUL */

struct errand_question {
	/* What it names must last until answered. */
	struct call_request call;
	unsigned attempts;   /* in all, from 1 */
	uint64_t timeout_ms; /* of each */
	uint64_t pause_ms;   /* before the second */
	unsigned growth;     /* by which the next pauses are multiplied */
	/* Which answers to try again on, apart from 5xx and none at all; NULL:
	 * no others. */
	bool (*again)(const struct fetch_answer *answer);
	fetch_done *answered; /* its ctx is self */
};

/* Private to errand.c. */
struct errand {
	struct source_context context;
	source_done *done;
	void *ctx;
	void *self;
	void (*begin)(void *self);
	bool begun;
	struct loop_timer *timer;
	struct fetch *fetch;
	struct errand_question question;
	unsigned attempts_left;
	uint64_t pause_ms;
};

/* begin is called soon, from the loop.  False if memory is out; errand_end
 * must be called in any case. */
MUST_CHECK bool errand_init(struct errand *errand,
    const struct source_context *context, source_done *done, void *ctx,
    void (*begin)(void *self), void *self);

/* Ask (the question is copied).  answered may be called at once: to be the
 * last that a caller does. */
void errand_ask(struct errand *errand, const struct errand_question *question);

/* End it and tell whom it is for: what is no want of memory is
 * STATUS_NO_CREDENTIALS. */
void errand_answer(
    struct errand *errand, enum status status, const struct keys *keys);

void errand_end(struct errand *errand); /* may run twice */

/* Copy the name of an error, for the log; anything but letters and underscores
 * becomes the empty text. */
void errand_name(char out[static ERRAND_NAME_LEN], struct slice name);

#endif
