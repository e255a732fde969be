#include "gateway.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "cgi.h"
#include "log.h"
#include "record.h"
#include "table.h"

enum {
	/* What a peek looks at.  A request up to this size is read without a
	 * thread: a prompt of 60 KB and its headers. */
	PEEK_LEN = 65536,
	/* Output memory that a stream keeps between two events. */
	OUT_KEEP = 2048,
	/* Body thrown away to be able to answer, then enough. */
	DRAIN_MAX = 64 << 20
};

struct gateway {
	struct loop *loop;
	struct loop_watch *watch;
	int fd; /* FastCGI connection, or CGI's output; -1 once closed */
	bool cgi, keep, failed;
	bool waits; /* gateway_read may block, in another thread */
	bool early; /* the web server has sent something out of turn */
	struct arena arena;
	struct table params;
	struct buf body;
	struct buf out;
	size_t sent;          /* bytes at the front of out that are gone */
	struct record record; /* frames what goes into out */
};

enum status gateway_init(void)
{
	/* libfcgi would wait 2 s for a peer's close, in our loop. */
	if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) != 0 ||
	    FCGX_Init() != 0)
		return STATUS_NO_MEMORY;
	return STATUS_OK;
}

static struct gateway *new_gateway(struct loop *loop, int fd)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);

	if (gateway == NULL)
		return NULL;
	gateway->loop = loop;
	gateway->fd = fd;
	arena_init(&gateway->arena, GATEWAY_MAX_PARAMS);
	buf_init(&gateway->out, GATEWAY_MAX_PENDING);
	gateway->record = (struct record){.out = &gateway->out};
	return gateway;
}

struct gateway *gateway_open(struct loop *loop, int fd)
{
	struct gateway *gateway = new_gateway(loop, fd);

	if (gateway == NULL)
		(void)close(fd);
	return gateway;
}

struct gateway *gateway_open_cgi(struct loop *loop)
{
	struct gateway *gateway = new_gateway(loop, STDOUT_FILENO);

	if (gateway != NULL)
		gateway->cgi = true;
	return gateway;
}

void gateway_close(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	gateway_unwatch(gateway);
	(void)close(gateway->fd); /* -1 is fine */
	gateway_forget(gateway);
	buf_free(&gateway->out);
	free(gateway);
}

/* ---- what comes in ---- */

/* Whether the peer has shut down its side, so that a part will stay one. */
static bool says_no_more(int fd)
{
	struct pollfd state = {.fd = fd, .events = POLLRDHUP};

	return poll(&state, 1, 0) > 0 &&
	    (state.revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0;
}

enum status gateway_peek(struct gateway *gateway, bool *begun)
{
	static char bytes[PEEK_LEN]; /* the loop's thread only */
	ssize_t n =
	    recv(gateway->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
	enum status status;

	*begun = n > 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STATUS_MORE;
	if (n <= 0)
		return STATUS_CLIENT_GONE;
	status = record_scan((struct slice){.ptr = bytes, .len = (size_t)n});
	if (status != STATUS_MORE)
		return status;
	if (n == sizeof bytes)
		return STATUS_TOO_LARGE;
	return says_no_more(gateway->fd) ? STATUS_CLIENT_GONE : STATUS_MORE;
}

void gateway_set_wait(struct gateway *gateway, unsigned wait_ms)
{
	struct timeval wait = {
	    .tv_sec = wait_ms / 1000,
	    .tv_usec = (suseconds_t)(wait_ms % 1000) * 1000,
	};

	int flags = fcntl(gateway->fd, F_GETFL);

	gateway->waits = true;
	if (flags >= 0)
		(void)fcntl(gateway->fd, F_SETFL, flags & ~O_NONBLOCK);
	(void)setsockopt(
	    gateway->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

void gateway_interrupt(struct gateway *gateway)
{
	(void)shutdown(gateway->fd, SHUT_RD);
}

/* Read from whatever source until its end; what goes beyond the body's
 * ceiling is thrown away.  next returns 0 at the end, -1 on failure. */
static enum status read_body(struct gateway *gateway,
    int (*next)(void *source, char *bytes, int size), void *source)
{
	char bytes[8192];
	size_t total = 0;
	int n;

	while ((n = next(source, bytes, sizeof bytes)) > 0) {
		buf_add(&gateway->body,
		    (struct slice){.ptr = bytes, .len = (size_t)n});
		total += (size_t)n;
		if (total > DRAIN_MAX)
			return STATUS_TOO_LARGE;
	}
	if (n < 0)
		return STATUS_REQUEST_CUT;
	return buf_status(&gateway->body);
}

static int next_fcgi(void *source, char *bytes, int size)
{
	FCGX_Stream *in = source;
	int n = FCGX_GetStr(bytes, size, in);

	return n == 0 && FCGX_GetError(in) != 0 ? -1 : n;
}

static enum status read_fcgi(struct gateway *gateway)
{
	FCGX_Request request;
	enum status status;

	int fd = gateway->fd;

	/* libfcgi closes what it is given when the request is broken.  While
	 * it runs in another thread, ours is the loop's to close. */
	if (gateway->waits)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	/* ipcFd and keepConnection are "don't use" in fcgiapp.h, but there is
	 * no other way to hand it a connection.  With keepConnection it does
	 * not close what it believes to be the previous one; detached keeps
	 * it from lingering when it closes on an error, which it does before
	 * it tries, in vain, to accept another on socket -1. */
	(void)FCGX_InitRequest(&request, -1, 0);
	request.ipcFd = fd;
	request.keepConnection = 1;
	request.detached = 1;
	if (fd < 0 || FCGX_Accept_r(&request) != 0) {
		if (!gateway->waits)
			gateway->fd = -1; /* closed */
		return STATUS_CLIENT_GONE;
	}
	gateway->record.id = (unsigned)request.requestId;
	gateway->keep = request.keepConnection != 0;
	status =
	    table_add_pairs(&gateway->params, &gateway->arena, request.envp);
	if (status == STATUS_OK)
		status = read_body(gateway, next_fcgi, request.in);
	gateway->keep &= status == STATUS_OK;
	FCGX_Free(&request, 0);
	if (gateway->waits)
		(void)close(fd);
	return status;
}

static enum status read_cgi(struct gateway *gateway)
{
	extern char **environ;
	struct cgi_input input;
	enum status status =
	    table_add_pairs(&gateway->params, &gateway->arena, environ);

	if (status != STATUS_OK)
		return status;
	cgi_input_init(&input, STDIN_FILENO, &gateway->params);
	return read_body(gateway, cgi_input_next, &input);
}

enum status gateway_read(struct gateway *gateway, size_t max_body)
{
	buf_init(&gateway->body, max_body);
	gateway->early = false;
	return gateway->cgi ? read_cgi(gateway) : read_fcgi(gateway);
}

const struct table *gateway_params(const struct gateway *gateway)
{
	return &gateway->params;
}

struct slice gateway_body(const struct gateway *gateway)
{
	return buf_slice(&gateway->body);
}

void gateway_forget(struct gateway *gateway)
{
	arena_free(&gateway->arena);
	gateway->params = (struct table){0};
	buf_free(&gateway->body);
}

bool gateway_is_cgi(const struct gateway *gateway)
{
	return gateway->cgi;
}

/* ---- what goes out ---- */

void gateway_write(struct gateway *gateway, struct slice bytes)
{
	if (gateway->failed)
		return;
	if (gateway->cgi)
		buf_add(&gateway->out, bytes);
	else
		record_add(&gateway->record, bytes);
}

static enum status fail(struct gateway *gateway)
{
	gateway->failed = true;
	gateway->keep = false;
	gateway->record.open = false;
	gateway->sent = 0;
	buf_free(&gateway->out);
	return STATUS_CLIENT_GONE;
}

static ssize_t send_some(const struct gateway *gateway, struct slice bytes)
{
	if (gateway->cgi)
		return write(gateway->fd, bytes.ptr, bytes.len);
	return send(
	    gateway->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A slow client may never have taken all: what is gone must not count.  Only
 * half of it or more is worth the move. */
static void forget_sent(struct gateway *gateway)
{
	if (gateway->sent <= gateway->out.len / 2)
		return;
	buf_drop(&gateway->out, gateway->sent);
	gateway->sent = 0;
}

enum status gateway_flush(struct gateway *gateway)
{
	record_close(&gateway->record);
	if (gateway->failed || gateway->fd < 0)
		return STATUS_CLIENT_GONE;
	if (buf_status(&gateway->out) != STATUS_OK) {
		log_write(LOG_WARNING,
		    "a client was dropped: more than %u bytes waited for it",
		    GATEWAY_MAX_PENDING);
		return fail(gateway);
	}
	while (gateway->sent < gateway->out.len) {
		ssize_t n = send_some(gateway,
		    slice_skip(buf_slice(&gateway->out), gateway->sent));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			forget_sent(gateway);
			return STATUS_MORE;
		}
		if (n < 0)
			return fail(gateway);
		gateway->sent += (size_t)n;
	}
	gateway->sent = 0;
	buf_reset(&gateway->out, OUT_KEEP);
	return STATUS_OK;
}

size_t gateway_pending(const struct gateway *gateway)
{
	if (buf_status(&gateway->out) != STATUS_OK)
		return GATEWAY_MAX_PENDING;
	return gateway->out.len - gateway->sent;
}

void gateway_end(struct gateway *gateway)
{
	if (!gateway->cgi && !gateway->failed)
		record_end(&gateway->record);
}

bool gateway_kept(const struct gateway *gateway)
{
	return gateway->keep && !gateway->failed;
}

/* ---- watching ---- */

bool gateway_watch(struct gateway *gateway, loop_watch_callback *callback,
    void *ctx, unsigned events)
{
	if (gateway->watch == NULL && gateway->fd >= 0)
		gateway->watch =
		    loop_watch_new(gateway->loop, gateway->fd, callback, ctx);
	if (gateway->watch == NULL)
		return false;
	loop_watch_redirect(gateway->watch, callback, ctx);
	loop_watch_set(gateway->watch, events);
	return true;
}

void gateway_unwatch(struct gateway *gateway)
{
	loop_watch_free(gateway->watch);
	gateway->watch = NULL;
}

void gateway_watch_set(struct gateway *gateway, unsigned events)
{
	if (gateway->watch != NULL)
		loop_watch_set(gateway->watch, events);
}

unsigned gateway_watch_leave(const struct gateway *gateway)
{
	/* In CGI a shut-down peer means nothing: mod_cgid does that as soon
	 * as it has sent the body. */
	return gateway->cgi  ? LOOP_BROKEN
	    : gateway->early ? LOOP_HANGUP
			     : LOOP_READABLE | LOOP_HANGUP;
}

bool gateway_has_left(struct gateway *gateway)
{
	struct pollfd state = {.fd = gateway->fd};
	char head[8];
	ssize_t n;

	if (gateway->cgi)
		return poll(&state, 1, 0) > 0 &&
		    (state.revents & (POLLERR | POLLHUP)) != 0;
	n = recv(gateway->fd, head, sizeof head, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0) {
		/* Something else, too early: it must not wake us again. */
		gateway->early = true;
		gateway_watch_set(gateway, LOOP_HANGUP);
		return record_is_abort(
		    (struct slice){.ptr = head, .len = (size_t)n});
	}
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}
