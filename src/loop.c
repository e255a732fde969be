#include "loop.h"

#include <stdlib.h>
#include <uv.h>

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare;
	loop_callback *after;
	void *after_ctx;
};

struct loop_watch {
	uv_poll_t uv; /* first: the handle is the watch */
	loop_watch_callback *callback;
	void *ctx;
	unsigned events;
};

struct loop_timer {
	uv_timer_t uv;
	loop_callback *callback;
	void *ctx;
};

struct loop_signal {
	uv_signal_t uv;
	loop_callback *callback;
	void *ctx;
};

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void settle(const struct loop *loop)
{
	if (loop->after != NULL)
		loop->after(loop->after_ctx);
}

static struct loop *loop_of(const uv_handle_t *handle)
{
	return handle->loop->data;
}

/* Timers and closings have no callback of ours behind which to settle. */
static void on_prepare(uv_prepare_t *handle)
{
	settle(loop_of((uv_handle_t *)handle));
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (loop == NULL)
		return NULL;
	if (uv_loop_init(&loop->uv) != 0) {
		free(loop);
		return NULL;
	}
	loop->uv.data = loop;
	(void)uv_prepare_init(&loop->uv, &loop->prepare);
	(void)uv_prepare_start(&loop->prepare, on_prepare);
	return loop;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	struct loop *loop = arg;

	if (uv_is_closing(handle))
		return;
	if (handle == (uv_handle_t *)&loop->prepare)
		uv_close(handle, NULL);
	else
		uv_close(handle, free_handle);
}

void loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	loop->after = NULL;
	uv_walk(&loop->uv, close_handle, loop);
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)uv_loop_close(&loop->uv);
	free(loop);
}

void loop_run(struct loop *loop)
{
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return uv_now(&loop->uv);
}

void loop_set_after(struct loop *loop, loop_callback *after, void *ctx)
{
	loop->after = after;
	loop->after_ctx = ctx;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
	struct loop_watch *watch = (struct loop_watch *)handle;
	unsigned seen = 0;

	/* A negative status, or the PRIORITIZED that stands in for "nothing
	 * but trouble": an error or a close of both sides. */
	if (status < 0 || (events & UV_PRIORITIZED) != 0)
		seen |= LOOP_BROKEN;
	if ((events & UV_READABLE) != 0)
		seen |= LOOP_READABLE;
	if ((events & UV_WRITABLE) != 0)
		seen |= LOOP_WRITABLE;
	if ((events & UV_DISCONNECT) != 0)
		seen |= LOOP_HANGUP;
	if (status < 0)
		watch->events = 0; /* libuv has stopped the handle */
	watch->callback(watch->ctx, seen);
	settle(loop_of((uv_handle_t *)handle));
}

struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, loop_watch_callback *callback, void *ctx)
{
	struct loop_watch *watch = calloc(1, sizeof *watch);

	if (watch == NULL)
		return NULL;
	if (uv_poll_init(&loop->uv, &watch->uv, fd) != 0) {
		free(watch);
		return NULL;
	}
	loop_watch_redirect(watch, callback, ctx);
	return watch;
}

void loop_watch_redirect(
    struct loop_watch *watch, loop_watch_callback *callback, void *ctx)
{
	watch->callback = callback;
	watch->ctx = ctx;
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
	int wanted = 0;

	if (watch->events == events)
		return;
	watch->events = events;
	if (events == 0) {
		(void)uv_poll_stop(&watch->uv);
		return;
	}
	if ((events & LOOP_READABLE) != 0)
		wanted |= UV_READABLE;
	if ((events & LOOP_WRITABLE) != 0)
		wanted |= UV_WRITABLE;
	if ((events & LOOP_HANGUP) != 0)
		wanted |= UV_DISCONNECT;
	if (events == LOOP_BROKEN)
		wanted |= UV_PRIORITIZED;
	(void)uv_poll_start(&watch->uv, wanted, on_poll);
}

void loop_watch_free(struct loop_watch *watch)
{
	if (watch == NULL)
		return;
	uv_close((uv_handle_t *)&watch->uv, free_handle);
}

static void on_timer(uv_timer_t *handle)
{
	struct loop_timer *timer = (struct loop_timer *)handle;

	timer->callback(timer->ctx);
}

struct loop_timer *loop_timer_new(
    struct loop *loop, loop_callback *callback, void *ctx)
{
	struct loop_timer *timer = calloc(1, sizeof *timer);

	if (timer == NULL)
		return NULL;
	(void)uv_timer_init(&loop->uv, &timer->uv);
	timer->callback = callback;
	timer->ctx = ctx;
	return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms)
{
	(void)uv_timer_start(&timer->uv, on_timer, after_ms, 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
	(void)uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	uv_close((uv_handle_t *)&timer->uv, free_handle);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct loop_signal *sig = (struct loop_signal *)handle;

	(void)signum;
	sig->callback(sig->ctx);
}

enum status loop_on_signal(
    struct loop *loop, int signum, loop_callback *callback, void *ctx)
{
	struct loop_signal *sig = calloc(1, sizeof *sig);

	if (sig == NULL)
		return STATUS_NO_MEMORY;
	(void)uv_signal_init(&loop->uv, &sig->uv);
	sig->callback = callback;
	sig->ctx = ctx;
	if (uv_signal_start(&sig->uv, on_signal, signum) != 0) {
		uv_close((uv_handle_t *)&sig->uv, free_handle);
		return STATUS_NO_MEMORY;
	}
	return STATUS_OK;
}
