/*
 * loop: the event loop; the only file that knows libuv.
 *
 * One loop per process drives all streams.  Nothing here may be called from
 * another thread, and no callback may block.  Objects are made with _new and
 * given back with _free, which may be called inside any callback, also the
 * object's own; NULL is fine.  Nothing is called back after _free.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct loop;
struct loop_watch;
struct loop_timer;

enum loop_events {
	LOOP_READABLE = 1,
	LOOP_WRITABLE = 2,
	LOOP_HANGUP = 4, /* the peer has shut down its writing side */
	LOOP_BROKEN = 8  /* an error, always reported while anything is
			  * watched; alone, also that both sides closed */
};

typedef void loop_callback(void *ctx);
typedef void loop_watch_callback(void *ctx, unsigned events);

/* NULL if memory or descriptors are out. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Call back until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Milliseconds of a clock that never goes back, as of this turn. */
uint64_t loop_now_ms(const struct loop *loop);

/* Call after(ctx) whenever callbacks have run and before the loop sleeps:
 * the moment to send what one wake-up brought.  One per loop. */
void loop_set_after(struct loop *loop, loop_callback *after, void *ctx);

/* Watch fd, which becomes non-blocking.  Watches nothing until loop_watch_set.
 * NULL if memory is out or fd cannot be watched (a regular file). */
MUST_CHECK struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, loop_watch_callback *callback, void *ctx);

/* Whom to call from now on. */
void loop_watch_redirect(
    struct loop_watch *watch, loop_watch_callback *callback, void *ctx);

/* Watch for these enum loop_events; 0 for none. */
void loop_watch_set(struct loop_watch *watch, unsigned events);

/* Stops at once: fd may be closed right after. */
void loop_watch_free(struct loop_watch *watch);

MUST_CHECK struct loop_timer *loop_timer_new(
    struct loop *loop, loop_callback *callback, void *ctx);

/* Fire once, in after_ms; an earlier start is forgotten. */
void loop_timer_start(struct loop_timer *timer, uint64_t after_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Call back on a signal until the loop is freed. */
MUST_CHECK enum status loop_on_signal(
    struct loop *loop, int signal, loop_callback *callback, void *ctx);

#endif
