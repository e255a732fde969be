/*
 * gateway: a connection from the web server, and the request on it; the only
 * file that knows libfcgi, and CGI's descriptors.
 *
 * libfcgi reads the parameters of requests that are there in whole, and is
 * then let go of: it blocks, and it keeps 18 KB per request.  What goes out
 * is framed here (FastCGI STDOUT records, 8 bytes before up to 65,528) and
 * sent without ever blocking.
 *
 * https://fastcgi-archives.github.io/FastCGI_Specification.html, RFC 3875
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#include <stddef.h>

#include "loop.h"
#include "slice.h"
#include "status.h"

struct gateway;
struct table;

/* What a request may bring: its parameters and the body.  Web servers limit
 * header fields to 8 to 32 KiB in all; some send each twice. */
#define GATEWAY_MAX_PARAMS (128u << 10)

/* Most bytes that may wait to be sent: one event of the largest size, 10 MB,
 * of which each byte may have become a data: line of its own. */
#define GATEWAY_MAX_PENDING (24u << 20)

/* Call once, before any signal handler is installed: libfcgi installs its
 * own. */
MUST_CHECK enum status gateway_init(void);

/* An accepted FastCGI connection; fd is owned from now on, also if NULL is
 * returned (then closed). */
MUST_CHECK struct gateway *gateway_open(struct loop *loop, int fd);

/* The one request of a CGI process, from its environment and descriptors 0
 * and 1. */
MUST_CHECK struct gateway *gateway_open_cgi(struct loop *loop);

/* Close the connection.  NULL is fine. */
void gateway_close(struct gateway *gateway);

/* Read what has arrived of a request.  STATUS_MORE: that is not all of it;
 * again when more has come.  A body above max_body is read too, and thrown
 * away: STATUS_TOO_LARGE, also for parameters that are; STATUS_REQUEST_CUT:
 * the body broke off.  These can be answered.  STATUS_CLIENT_GONE: nobody to
 * answer, or no FastCGI.  Blocks only in CGI, where it reads to the end. */
MUST_CHECK enum status gateway_read(struct gateway *gateway, size_t max_body);

/* Whether a part has come, and the rest is missing. */
bool gateway_begun(const struct gateway *gateway);

/* The rest will not be waited for: STATUS_REQUEST_CUT, or STATUS_CLIENT_GONE
 * if not even the parameters have come. */
MUST_CHECK enum status gateway_cut(struct gateway *gateway);

/* What was read; borrowed until gateway_forget. */
const struct table *gateway_params(const struct gateway *gateway);
struct slice gateway_body(const struct gateway *gateway);

/* Give the memory of parameters and body back. */
void gateway_forget(struct gateway *gateway);

/* Whether this is plain CGI: one request, its process ours to end. */
bool gateway_is_cgi(const struct gateway *gateway);

/* Add output; goes nowhere before gateway_flush. */
void gateway_write(struct gateway *gateway, struct slice bytes);

/* Send what can be sent.  STATUS_OK: all is gone.  STATUS_MORE: try again
 * once the gateway is writable.  STATUS_CLIENT_GONE; also when more than
 * GATEWAY_MAX_PENDING had to wait. */
MUST_CHECK enum status gateway_flush(struct gateway *gateway);

/* Bytes waiting to be sent. */
size_t gateway_pending(const struct gateway *gateway);

/* The answer is complete: add what ends it.  Flush again, then either the
 * connection is kept for the next request (true) or to be closed. */
void gateway_end(struct gateway *gateway);
bool gateway_kept(const struct gateway *gateway);

/* Call callback on these enum loop_events.  False if this descriptor cannot
 * be watched, which is so for files: they are always ready. */
MUST_CHECK bool gateway_watch(struct gateway *gateway,
    loop_watch_callback *callback, void *ctx, unsigned events);

/* Watch for other events. */
void gateway_watch_set(struct gateway *gateway, unsigned events);

/* The events that mean "the web server may have closed". */
unsigned gateway_watch_leave(const struct gateway *gateway);

/* Whether, after such an event, it has. */
bool gateway_has_left(struct gateway *gateway);

#endif
