/*
 * notify: tells the service manager how we are, as sd_notify(3) does, and
 * that the loop still turns, as sd_watchdog_enabled(3) asks.
 *
 * Where nobody wants to know (no NOTIFY_SOCKET) all of it does nothing.  A
 * manager that is so busy that its queue is full is waited for, at most 5 s,
 * as sd_notify does: it would kill us for what it missed.  The watchdog's
 * messages are not waited for.  Loop thread only.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

struct loop;
struct notify;

/* The environment, as an argument so that tests can give their own. */
typedef const char *notify_getenv(const char *name);

/* pid: ours, which WATCHDOG_PID must name if it is set.  The watchdog is told
 * of us twice within its time, from now on.  NULL if memory is out, which is
 * fine for all others here. */
struct notify *notify_new(
    struct loop *loop, notify_getenv *getenv, uint64_t pid);
void notify_free(struct notify *notify);

/* We answer requests; or, after notify_reloading, we do again.  status is one
 * line for "systemctl status". */
void notify_ready(const struct notify *notify, const char *status);

void notify_reloading(const struct notify *notify);

/* We end, by ourselves, within this time, which may exceed TimeoutStopSec. */
void notify_stopping(const struct notify *notify, uint64_t within_ms);

#endif
