/*
 * fake_loop: a loop whose time only a test moves.
 *
 * Takes the place of loop.c at link time, as far as timers go: it watches no
 * descriptors and runs no threads.
 */
#ifndef FAKE_LOOP_H
#define FAKE_LOOP_H

#include <stdlib.h>

#include "../../src/loop.h"

enum {
	FAKE_TIMERS = 16
};

struct loop {
	uint64_t now;
	loop_callback *after;
	void *after_ctx;
	struct loop_timer *timers[FAKE_TIMERS];
};

struct loop_timer {
	struct loop *loop;
	loop_callback *callback;
	void *ctx;
	uint64_t due;
	bool running;
};

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->now;
}

void loop_set_after(struct loop *loop, loop_callback *after, void *ctx)
{
	loop->after = after;
	loop->after_ctx = ctx;
}

static void loop_swap(
    struct loop *loop, struct loop_timer *from, struct loop_timer *to)
{
	for (size_t i = 0; i < FAKE_TIMERS; i++) {
		if (loop->timers[i] == from) {
			loop->timers[i] = to;
			return;
		}
	}
	abort();
}

struct loop_timer *loop_timer_new(
    struct loop *loop, loop_callback *callback, void *ctx)
{
	struct loop_timer *timer = malloc(sizeof *timer);

	if (timer == NULL)
		return NULL;
	*timer =
	    (struct loop_timer){.loop = loop, .callback = callback, .ctx = ctx};
	loop_swap(loop, NULL, timer);
	return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms)
{
	timer->due = timer->loop->now + after_ms;
	timer->running = true;
}

void loop_timer_stop(struct loop_timer *timer)
{
	timer->running = false;
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	loop_swap(timer->loop, timer, NULL);
	free(timer);
}

__attribute__((unused)) static size_t loop_timers(const struct loop *loop)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_TIMERS; i++)
		n += loop->timers[i] != NULL;
	return n;
}

/* The callbacks of this turn have run. */
__attribute__((unused)) static void loop_settle(struct loop *loop)
{
	if (loop->after != NULL)
		loop->after(loop->after_ctx);
}

/* The timer that is due first, up to until; NULL: none. */
static struct loop_timer *loop_due(const struct loop *loop, uint64_t until)
{
	struct loop_timer *first = NULL;

	for (size_t i = 0; i < FAKE_TIMERS; i++) {
		struct loop_timer *timer = loop->timers[i];

		if (timer != NULL && timer->running && timer->due <= until &&
		    (first == NULL || timer->due < first->due))
			first = timer;
	}
	return first;
}

/* Let time pass. */
__attribute__((unused)) static void loop_pass(struct loop *loop, uint64_t ms)
{
	uint64_t until = loop->now + ms;
	struct loop_timer *timer;

	loop_settle(loop);
	while ((timer = loop_due(loop, until)) != NULL) {
		loop->now = timer->due;
		timer->running = false;
		timer->callback(timer->ctx);
		loop_settle(loop);
	}
	loop->now = until;
}

#endif
