#include "notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "loop.h"
#include "slice.h"

enum {
	MESSAGE_MAX = 1024, /* a status, and what stands beside it */
	/* For a manager that has not read what others told it: without our
	 * word it waits for a minute and kills us. */
	SEND_WAIT_S = 5
};

struct notify {
	int fd; /* connected to the manager, or -1 */
	struct loop_timer *watchdog;
	uint64_t alive_every_ms;
};

/* A path, or with @ for its first byte a name without a file. */
static int connect_to(struct slice address)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + address.len);
	struct timeval wait = {.tv_sec = SEND_WAIT_S};
	int fd;

	if (address.len < 2 || address.len >= sizeof name.sun_path ||
	    (address.ptr[0] != '/' && address.ptr[0] != '@'))
		return -1;
	memcpy(name.sun_path, address.ptr, address.len);
	if (address.ptr[0] == '@')
		name.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&name, len) != 0) {
		(void)close(fd);
		fd = -1;
	}
	if (fd >= 0)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	return fd;
}

static void tell(const struct notify *notify, const char *message, int flags)
{
	if (notify->fd >= 0 &&
	    send(notify->fd, message, strlen(message), MSG_NOSIGNAL | flags) <
		0)
		return; /* nobody to report it to */
}

static void on_alive(void *ctx)
{
	struct notify *notify = ctx;

	tell(notify, "WATCHDOG=1", MSG_DONTWAIT);
	loop_timer_start(notify->watchdog, notify->alive_every_ms);
}

/* How often to tell, or 0 if no watchdog is ours. */
static uint64_t find_watchdog(notify_getenv *getenv, uint64_t pid)
{
	struct slice whose = slice_from(getenv("WATCHDOG_PID"));
	uint64_t number, usec;

	if (whose.len > 0 &&
	    (!slice_to_number(whose, UINT64_MAX - 1, &number) || number != pid))
		return 0;
	if (!slice_to_number(
		slice_from(getenv("WATCHDOG_USEC")), UINT64_MAX - 1, &usec))
		return 0;
	return usec / 2000;
}

struct notify *notify_new(
    struct loop *loop, notify_getenv *getenv, uint64_t pid)
{
	struct notify *notify = calloc(1, sizeof *notify);

	if (notify == NULL)
		return NULL;
	notify->fd = connect_to(slice_from(getenv("NOTIFY_SOCKET")));
	if (notify->fd >= 0)
		notify->alive_every_ms = find_watchdog(getenv, pid);
	if (notify->alive_every_ms > 0)
		notify->watchdog = loop_timer_new(loop, on_alive, notify);
	if (notify->watchdog != NULL)
		on_alive(notify);
	return notify;
}

void notify_free(struct notify *notify)
{
	if (notify == NULL)
		return;
	loop_timer_free(notify->watchdog);
	if (notify->fd >= 0)
		(void)close(notify->fd);
	free(notify);
}

void notify_ready(const struct notify *notify, const char *status)
{
	char message[MESSAGE_MAX];

	if (notify == NULL)
		return;
	(void)snprintf(message, sizeof message, "READY=1\nSTATUS=%s", status);
	tell(notify, message, 0);
}

void notify_reloading(const struct notify *notify)
{
	char message[MESSAGE_MAX];

	if (notify == NULL)
		return;
	/* The time is for Type=notify-reload. */
	(void)snprintf(message, sizeof message,
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
	tell(notify, message, 0);
}

void notify_stopping(const struct notify *notify, uint64_t within_ms)
{
	char message[MESSAGE_MAX];

	if (notify == NULL)
		return;
	(void)snprintf(message, sizeof message,
	    "STOPPING=1\nSTATUS=ending what runs\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	    within_ms * 1000);
	tell(notify, message, 0);
}
