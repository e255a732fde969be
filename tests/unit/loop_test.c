#include "../../src/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "tap.h"

/* One test at a time: a loop, a guard that ends it, and what was called. */
static struct loop *loop;
static struct loop_timer *guard, *timers[3];
static struct loop_watch *watch;
static int pair[2];
static char calls[64];

enum {
	GUARD_MS = 20000
};

static void call(char c)
{
	size_t n = strlen(calls);

	if (n + 1 < sizeof calls)
		calls[n] = c;
}

static void on_guard(void *ctx)
{
	(void)ctx;
	call('!');
	loop_stop(loop);
}

static void begin(void)
{
	memset(calls, 0, sizeof calls);
	loop = loop_new();
	if (loop == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		abort();
	guard = loop_timer_new(loop, on_guard, NULL);
	if (guard == NULL)
		abort();
	loop_timer_start(guard, GUARD_MS);
}

static void finish(void)
{
	close(pair[0]);
	close(pair[1]);
	loop_free(loop);
}

static bool was(const char *wanted)
{
	if (strcmp(calls, wanted) == 0)
		return true;
	printf("# calls: [%s]\n", calls);
	return false;
}

static void on_name(void *ctx)
{
	call(*(const char *)ctx);
}

static void on_stop(void *ctx)
{
	(void)ctx;
	call('.');
	loop_stop(loop);
}

static char a[] = "a", b[] = "b", c[] = "c";

TEST(timers_fire_in_their_order_once)
{
	uint64_t before;

	begin();
	before = loop_now_ms(loop);
	timers[0] = loop_timer_new(loop, on_name, a);
	timers[1] = loop_timer_new(loop, on_name, b);
	timers[2] = loop_timer_new(loop, on_stop, NULL);
	loop_timer_start(timers[0], 20);
	loop_timer_start(timers[1], 5);
	loop_timer_start(timers[2], 60);
	loop_run(loop);
	CHECK(was("ba."));
	CHECK(loop_now_ms(loop) >= before + 60);
	/* Given back here, or with the loop. */
	loop_timer_free(timers[0]);
	finish();
}

TEST(a_timer_started_again_forgets_the_first)
{
	begin();
	timers[0] = loop_timer_new(loop, on_name, a);
	timers[1] = loop_timer_new(loop, on_name, b);
	timers[2] = loop_timer_new(loop, on_stop, NULL);
	loop_timer_start(timers[0], 0);
	loop_timer_start(timers[0], GUARD_MS);
	loop_timer_start(timers[1], 0);
	loop_timer_stop(timers[1]);
	loop_timer_stop(timers[1]);
	loop_timer_start(timers[2], 20);
	loop_run(loop);
	CHECK(was("."));
	finish();
}

static void on_free_all(void *ctx)
{
	(void)ctx;
	call('f');
	for (size_t i = 0; i < 3; i++)
		loop_timer_free(timers[i]);
	loop_watch_free(watch);
	watch = NULL;
}

TEST(a_timer_frees_itself_and_others_that_are_due)
{
	begin();
	for (size_t i = 0; i < 3; i++) {
		timers[i] = loop_timer_new(loop, on_free_all, NULL);
		loop_timer_start(timers[i], 0);
	}
	loop_timer_start(guard, 50);
	loop_run(loop);
	CHECK(was("f!"));
	finish();
}

static unsigned seen;

static void on_watch(void *ctx, unsigned events)
{
	call(*(const char *)ctx);
	seen = events;
	loop_stop(loop);
}

static void on_watch_free(void *ctx, unsigned events)
{
	(void)events;
	on_free_all(ctx);
	/* The descriptor may be closed at once. */
	close(pair[0]);
	pair[0] = -1;
}

static void begin_watch(loop_watch_callback *callback)
{
	begin();
	watch = loop_watch_new(loop, pair[0], callback, a);
	if (watch == NULL)
		abort();
}

TEST(a_watch_says_what_it_was_asked)
{
	begin_watch(on_watch);
	CHECK((fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0);
	loop_watch_set(watch, LOOP_WRITABLE);
	loop_run(loop);
	CHECK(seen == LOOP_WRITABLE);
	loop_watch_set(watch, LOOP_READABLE | LOOP_HANGUP);
	CHECK(write(pair[1], "x", 1) == 1);
	loop_run(loop);
	CHECK(seen == LOOP_READABLE);
	/* Level-triggered: it is still there. */
	loop_run(loop);
	CHECK(was("aaa"));
	loop_watch_free(watch);
	finish();
}

TEST(a_watch_of_nothing_is_silent)
{
	begin_watch(on_watch);
	CHECK(write(pair[1], "x", 1) == 1);
	loop_timer_start(guard, 20);
	loop_run(loop);
	loop_watch_set(watch, LOOP_READABLE);
	loop_watch_set(watch, 0);
	loop_timer_start(guard, 20);
	loop_run(loop);
	CHECK(was("!!"));
	loop_watch_free(watch);
	finish();
}

TEST(a_shut_down_peer_is_a_hangup)
{
	begin_watch(on_watch);
	CHECK(shutdown(pair[1], SHUT_WR) == 0);
	loop_watch_set(watch, LOOP_HANGUP);
	loop_run(loop);
	CHECK((seen & LOOP_HANGUP) != 0);
	/* Not trouble: this side may still write. */
	loop_watch_set(watch, LOOP_BROKEN);
	loop_timer_start(guard, 20);
	loop_run(loop);
	CHECK(was("a!"));
	loop_watch_free(watch);
	finish();
}

TEST(a_closed_peer_is_broken)
{
	begin_watch(on_watch);
	loop_watch_set(watch, LOOP_BROKEN);
	close(pair[1]);
	pair[1] = -1;
	loop_run(loop);
	CHECK(was("a") && (seen & LOOP_BROKEN) != 0);
	loop_watch_free(watch);
	finish();
}

TEST(a_pipe_nobody_reads_is_broken)
{
	int fds[2];

	begin();
	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	watch = loop_watch_new(loop, fds[1], on_watch, a);
	loop_watch_set(watch, LOOP_BROKEN);
	close(fds[0]);
	loop_run(loop);
	CHECK(was("a") && (seen & LOOP_BROKEN) != 0);
	loop_watch_free(watch);
	close(fds[1]);
	finish();
}

/* Whatever is watched, trouble is not slept through. */
TEST(trouble_wakes_every_watch)
{
	static const unsigned sets[] = {LOOP_READABLE, LOOP_WRITABLE,
	    LOOP_HANGUP, LOOP_BROKEN, LOOP_READABLE | LOOP_WRITABLE};

	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
		begin_watch(on_watch);
		loop_watch_set(watch, sets[i]);
		close(pair[1]);
		pair[1] = -1;
		loop_run(loop);
		CHECK(was("a") && seen != 0);
		loop_watch_free(watch);
		finish();
	}
}

TEST(a_watch_frees_itself_and_all_others)
{
	begin_watch(on_watch_free);
	for (size_t i = 0; i < 3; i++) {
		timers[i] = loop_timer_new(loop, on_name, c);
		loop_timer_start(timers[i], 30);
	}
	loop_watch_set(watch, LOOP_READABLE);
	CHECK(write(pair[1], "x", 1) == 1);
	loop_timer_start(guard, 60);
	loop_run(loop);
	CHECK(was("f!"));
	finish();
}

TEST(a_watch_can_be_redirected)
{
	begin_watch(on_watch);
	loop_watch_redirect(watch, on_watch, b);
	loop_watch_set(watch, LOOP_WRITABLE);
	loop_run(loop);
	CHECK(was("b"));
	loop_watch_free(watch);
	finish();
}

TEST(a_file_cannot_be_watched)
{
	FILE *file = tmpfile();

	begin();
	CHECK(loop_watch_new(loop, fileno(file), on_watch, a) == NULL);
	fclose(file);
	CHECK(loop_watch_new(loop, -1, on_watch, a) == NULL);
	finish();
}

static void on_after(void *ctx)
{
	(void)ctx;
	if (calls[0] != '\0' && calls[strlen(calls) - 1] != 's')
		call('s');
}

TEST(what_callbacks_brought_is_settled_before_sleep)
{
	begin_watch(on_watch);
	loop_set_after(loop, on_after, NULL);
	loop_watch_set(watch, LOOP_WRITABLE);
	loop_run(loop);
	CHECK(was("as"));
	loop_watch_set(watch, 0);
	timers[0] = loop_timer_new(loop, on_name, b);
	loop_timer_start(timers[0], 0);
	loop_timer_start(guard, 30);
	loop_run(loop);
	CHECK(strncmp(calls, "asbs!", 5) == 0);
	loop_set_after(loop, NULL, NULL);
	loop_watch_free(watch);
	finish();
}

TEST(signals)
{
	begin();
	CHECK(loop_on_signal(loop, SIGUSR1, on_stop, NULL) == STATUS_OK);
	CHECK(raise(SIGUSR1) == 0);
	loop_run(loop);
	CHECK(raise(SIGUSR1) == 0);
	loop_run(loop);
	CHECK(was(".."));
	CHECK(loop_on_signal(loop, SIGKILL, on_stop, NULL) != STATUS_OK);
	finish();
}

TEST(stop_before_run_is_heeded)
{
	begin();
	loop_timer_start(guard, 0);
	loop_stop(loop);
	loop_run(loop);
	loop_run(loop);
	CHECK(was("!"));
	finish();
}

TEST(no_memory)
{
	begin();
	alloc_fail_at(0);
	CHECK(loop_new() == NULL);
	alloc_fail_at(0);
	CHECK(loop_timer_new(loop, on_name, a) == NULL);
	alloc_fail_at(0);
	CHECK(loop_watch_new(loop, pair[0], on_watch, a) == NULL);
	alloc_fail_at(0);
	CHECK(loop_on_signal(loop, SIGUSR2, on_name, a) == STATUS_NO_MEMORY);
	CHECK(alloc_failed());
	finish();
	loop_free(NULL);
	loop_timer_free(NULL);
	loop_watch_free(NULL);
}

int main(void)
{
	return tap_run();
}
