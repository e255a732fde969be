#include "../../src/notify.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../src/clock.h"
#include "../../src/loop.h"
#include "alloc.h"
#include "tap.h"

/* The service manager: a socket whose address is in the environment. */
static int manager = -1;
static char address[108], told[2048];
static const char *env_socket, *env_usec, *env_pid;
static struct loop *loop;
static struct notify *notify;

enum {
	PID = 42
};

static const char *env(const char *name)
{
	if (strcmp(name, "NOTIFY_SOCKET") == 0)
		return env_socket;
	if (strcmp(name, "WATCHDOG_USEC") == 0)
		return env_usec;
	return strcmp(name, "WATCHDOG_PID") == 0 ? env_pid : NULL;
}

/* kind: '/' for a path, '@' for a name without a file. */
static void begin(char kind)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len;

	(void)snprintf(address, sizeof address, "%s%s/notify_test.%ld",
	    kind == '@' ? "@" : "", P_tmpdir, (long)getpid());
	memcpy(name.sun_path, address, strlen(address));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(address));
	if (kind == '@')
		name.sun_path[0] = '\0';
	else
		(void)unlink(address);
	manager = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(manager, (struct sockaddr *)&name, len) == 0);
	env_socket = address;
	env_usec = env_pid = NULL;
	loop = loop_new();
}

/* The next message, or "" if there is none now. */
static const char *message(void)
{
	ssize_t n = recv(manager, told, sizeof told - 1, MSG_DONTWAIT);

	told[n > 0 ? n : 0] = '\0';
	return told;
}

static void end(void)
{
	notify_free(notify);
	notify = NULL;
	loop_free(loop);
	close(manager);
	if (address[0] == '/')
		(void)unlink(address);
}

TEST(each_state_is_one_message)
{
	uint64_t before_us = clock_mono_us();

	begin('/');
	notify = notify_new(loop, env, PID);
	CHECK(strcmp(message(), "") == 0);
	notify_ready(notify, "fine");
	CHECK(strcmp(message(), "READY=1\nSTATUS=fine") == 0);
	notify_reloading(notify);
	CHECK(strncmp(message(), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0);
	/* systemd wants no time from before it asked. */
	CHECK(strtoull(told + 27, NULL, 10) >= before_us);
	CHECK(strtoull(told + 27, NULL, 10) <= clock_mono_us());
	notify_stopping(notify, 26000);
	CHECK(strstr(message(), "STOPPING=1\n") == told);
	CHECK(strstr(told, "\nEXTEND_TIMEOUT_USEC=26000000") != NULL);
	end();
}

TEST(an_address_without_a_file)
{
	begin('@');
	notify = notify_new(loop, env, PID);
	notify_ready(notify, "fine");
	CHECK(strcmp(message(), "READY=1\nSTATUS=fine") == 0);
	end();
}

TEST(nobody_wants_to_know)
{
	static const char *const addresses[] = {NULL, "", "/", "relative",
	    "/nowhere/at/all",
	    "/a/path/of/more/than/a/hundred/and/seven/bytes/which/is/what/"
	    "there/is/room/for/in/the/address/of/a/socket/so/no"};

	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		begin('/');
		env_socket = addresses[i];
		env_usec = "1000";
		notify = notify_new(loop, env, PID);
		CHECK(notify != NULL);
		notify_reloading(notify);
		notify_ready(notify, "fine");
		notify_stopping(notify, 1);
		CHECK(strcmp(message(), "") == 0);
		end();
	}
	notify_ready(NULL, "fine");
	notify_reloading(NULL);
	notify_stopping(NULL, 1);
}

static unsigned alive;

/* The loop is stopped by what a manager would read. */
static void on_message(void *ctx, unsigned events)
{
	(void)ctx;
	(void)events;
	if (strcmp(message(), "WATCHDOG=1") == 0 && ++alive == 3)
		loop_stop(loop);
}

TEST(the_loop_tells_that_it_turns)
{
	struct loop_watch *watch;

	begin('/');
	env_usec = "20000";
	env_pid = "42";
	notify = notify_new(loop, env, PID);
	watch = loop_watch_new(loop, manager, on_message, NULL);
	loop_watch_set(watch, LOOP_READABLE);
	loop_run(loop);
	CHECK(alive == 3);
	loop_watch_free(watch);
	end();
}

/* Reads what has been told, a little later, until it comes to an end. */
static void *read_late(void *last)
{
	char text[1024];
	ssize_t n = 0;

	(void)usleep(50000);
	do {
		n = recv(manager, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = '\0';
	} while (n > 0 && strcmp(text, last) != 0);
	return n > 0 ? last : NULL;
}

TEST(a_manager_whose_queue_is_full_is_waited_for)
{
	static char last[] = "READY=1\nSTATUS=last";
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	pthread_t reader;
	struct timeval patience = {.tv_sec = 20};
	void *read = NULL;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	begin('/');
	notify = notify_new(loop, env, PID);
	memcpy(name.sun_path, address, strlen(address));
	CHECK(connect(fd, (struct sockaddr *)&name, sizeof name) == 0);
	while (send(fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	close(fd);
	(void)setsockopt(
	    manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	CHECK(pthread_create(&reader, NULL, read_late, last) == 0);
	notify_ready(notify, "last");
	CHECK(pthread_join(reader, &read) == 0 && read == last);
	end();
}

TEST(a_watchdog_of_another_process_is_not_ours)
{
	static const char *const pids[] = {"43", "4", "x"};

	for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++) {
		begin('/');
		env_usec = "20000";
		env_pid = pids[i];
		notify = notify_new(loop, env, PID);
		CHECK(strcmp(message(), "") == 0);
		end();
	}
}

TEST(a_watchdog_that_cannot_be)
{
	begin('/');
	env_usec = "soon";
	notify = notify_new(loop, env, PID);
	CHECK(strcmp(message(), "") == 0);
	notify_free(notify);
	env_usec = "0";
	notify = notify_new(loop, env, PID);
	CHECK(strcmp(message(), "") == 0);
	end();
}

TEST(no_memory)
{
	begin('/');
	env_usec = "20000";
	alloc_fail_at(0);
	CHECK(notify_new(loop, env, PID) == NULL);
	CHECK(alloc_failed());
	/* Without its timer it cannot say that the loop turns. */
	alloc_fail_at(1);
	notify = notify_new(loop, env, PID);
	CHECK(alloc_failed() && notify != NULL);
	notify_ready(notify, "fine");
	CHECK(strcmp(message(), "READY=1\nSTATUS=fine") == 0);
	end();
}

int main(void)
{
	return tap_run();
}
