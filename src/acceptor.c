#include "acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"

enum {
	/* Connections accepted before others get their turn. */
	BURST = 64,
	/* Pause when descriptors have run out: the socket stays readable. */
	EXHAUSTED_MS = 100
};

struct acceptor {
	struct loop_watch *watch;
	struct loop_timer *timer;
	acceptor_callback *callback;
	void *ctx;
	int fd;
	bool exhausted; /* said so already */
};

static void on_again(void *ctx)
{
	const struct acceptor *acceptor = ctx;

	loop_watch_set(acceptor->watch, LOOP_READABLE);
}

static void pause_accepting(struct acceptor *acceptor)
{
	if (!acceptor->exhausted)
		log_write(LOG_WARNING,
		    "cannot accept: %s (raise the limit of open files)",
		    strerror(errno));
	acceptor->exhausted = true;
	loop_watch_set(acceptor->watch, 0);
	loop_timer_start(acceptor->timer, EXHAUSTED_MS);
}

static void on_readable(void *ctx, unsigned events)
{
	struct acceptor *acceptor = ctx;

	(void)events;
	for (int i = 0; i < BURST; i++) {
		int fd = accept4(
		    acceptor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR &&
			    errno != ECONNABORTED)
				pause_accepting(acceptor);
			return;
		}
		acceptor->exhausted = false;
		acceptor->callback(acceptor->ctx, fd);
	}
}

struct acceptor *acceptor_new(
    struct loop *loop, int fd, acceptor_callback *callback, void *ctx)
{
	struct acceptor *acceptor = calloc(1, sizeof *acceptor);

	if (acceptor == NULL) {
		(void)close(fd);
		return NULL;
	}
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	acceptor->fd = fd;
	acceptor->callback = callback;
	acceptor->ctx = ctx;
	acceptor->watch = loop_watch_new(loop, fd, on_readable, acceptor);
	acceptor->timer = loop_timer_new(loop, on_again, acceptor);
	if (acceptor->watch == NULL || acceptor->timer == NULL) {
		acceptor_free(acceptor);
		return NULL;
	}
	loop_watch_set(acceptor->watch, LOOP_READABLE);
	return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
	if (acceptor == NULL)
		return;
	loop_watch_free(acceptor->watch);
	loop_timer_free(acceptor->timer);
	(void)close(acceptor->fd);
	free(acceptor);
}
