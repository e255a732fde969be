/*
 * multi: libcurl's multi interface run by our loop.
 *
 * It knows transfers only as easy handles, given as void * so that libcurl's
 * headers stay in http.c and multi.c.
 */
#ifndef MULTI_H
#define MULTI_H

#include <stdbool.h>

#include "slice.h"
#include "status.h"

struct loop;
struct multi;

struct multi_callbacks {
	/* libcurl has run, and handles may be removed again. */
	void (*settle)(void *ctx);
	/* A handle's descriptor cannot be watched: end it when settling. */
	void (*broken)(void *ctx, void *easy);
	/* A handle is done, with this CURLcode; remove it. */
	void (*done)(void *ctx, void *easy, int code);
};

/* NULL if memory is out.  kept is how many idle connections may stay open. */
MUST_CHECK struct multi *multi_new(struct loop *loop, long kept,
    const struct multi_callbacks *callbacks, void *ctx);

/* All handles must have been removed.  NULL is fine. */
void multi_free(struct multi *multi);

/* An easy handle, new or used before; NULL if memory is out. */
MUST_CHECK void *multi_take(struct multi *multi);
void multi_give_back(struct multi *multi, void *easy);

MUST_CHECK bool multi_add(struct multi *multi, void *easy);
void multi_remove(struct multi *multi, void *easy);

/* Let a paused handle go on; it may call back before this returns. */
void multi_resume(struct multi *multi, void *easy);

/* Whether libcurl is on the stack, so that no handle may be removed. */
bool multi_busy(const struct multi *multi);

/* What the end of a handle with this CURLcode means, once the head of an
 * answer had come or before; logged if it is a failure. */
MUST_CHECK enum status multi_outcome(int code, bool answered);

#endif
