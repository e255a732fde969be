/* gateway: a reading thread leaves the loop alone. */
#include "../../src/gateway.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_log.h"
#include "tap.h"

struct loop_watch {
	bool used;
};

static pthread_t loop_thread;
static size_t strangers; /* calls from other threads */

static void note(void)
{
	strangers += !pthread_equal(pthread_self(), loop_thread);
}

struct loop_watch *loop_watch_new(
    struct loop *loop, int fd, loop_watch_callback *callback, void *ctx)
{
	(void)loop;
	(void)fd;
	(void)callback;
	(void)ctx;
	note();
	return calloc(1, sizeof(struct loop_watch));
}

void loop_watch_redirect(
    struct loop_watch *watch, loop_watch_callback *callback, void *ctx)
{
	(void)watch;
	(void)callback;
	(void)ctx;
	note();
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
	(void)watch;
	(void)events;
	note();
}

void loop_watch_free(struct loop_watch *watch)
{
	if (watch != NULL)
		note();
	free(watch);
}

static void on_event(void *ctx, unsigned events)
{
	(void)ctx;
	(void)events;
}

static void *read_one(void *arg)
{
	enum status status;

	gateway_set_wait(arg, 20000);
	status = gateway_read(arg, 1000);
	CHECK(status == STATUS_CLIENT_GONE);
	return NULL;
}

TEST(a_failed_read_does_not_touch_the_loop)
{
	struct gateway *gateway;
	pthread_t thread;
	int pair[2];

	loop_thread = pthread_self();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	gateway = gateway_open(NULL, pair[0]);
	CHECK(gateway_watch(gateway, on_event, NULL, LOOP_READABLE));
	CHECK(write(pair[1], "\2broken.", 8) == 8);
	gateway_watch_set(gateway, 0);
	CHECK(pthread_create(&thread, NULL, read_one, gateway) == 0);
	(void)pthread_join(thread, NULL);
	CHECK(strangers == 0);
	gateway_close(gateway);
	close(pair[1]);
}

int main(void)
{
	if (gateway_init() != STATUS_OK)
		return 1;
	return tap_run();
}
