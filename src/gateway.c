#include "gateway.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena.h"
#include "buf.h"
#include "cgi.h"
#include "intake.h"
#include "log.h"
#include "record.h"
#include "table.h"

enum {
	/* Read at once, and what a request may bring before others have their
	 * turn. */
	PIECE = 64 << 10,
	TURN = 16 * PIECE,
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
	bool coming; /* a request, in part */
	bool early;  /* the web server has sent something out of turn */
	struct arena arena;
	struct table params;
	struct intake intake; /* what came; its body is the request's */
	struct buf out;
	size_t sent;          /* bytes at the front of out that are gone */
	struct record record; /* frames what goes into out */
};

/* libfcgi reads from descriptors only: the records of one request after the
 * other pass through this file, in memory. */
static int passage = -1;

static bool open_passage(void)
{
	if (passage < 0)
		passage = memfd_create("agentcgi", MFD_CLOEXEC);
	return passage >= 0;
}

enum status gateway_init(void)
{
	/* libfcgi would wait 2 s for a peer's close, in our loop. */
	if (setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) != 0 ||
	    FCGX_Init() != 0 || !open_passage())
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
	loop_watch_free(gateway->watch);
	(void)close(gateway->fd); /* -1 is fine */
	gateway_forget(gateway);
	buf_free(&gateway->out);
	free(gateway);
}

/* ---- what comes in ---- */

/* Parameters from records that are all there: this does not block.  libfcgi
 * closes what it is given when it finds them broken. */
static enum status read_params(struct gateway *gateway)
{
	struct slice head = intake_head(&gateway->intake);
	FCGX_Request request;
	enum status status;

	if (head.ptr == NULL || !open_passage() ||
	    pwrite(passage, head.ptr, head.len, 0) != (ssize_t)head.len ||
	    lseek(passage, 0, SEEK_SET) != 0)
		return STATUS_CLIENT_GONE;
	buf_free(&gateway->intake.head);
	/* ipcFd and keepConnection are "don't use" in fcgiapp.h, but there is
	 * no other way to hand it a descriptor.  With keepConnection it does
	 * not close what it believes to be the previous one; detached keeps
	 * it from lingering when it closes on an error, which it does before
	 * it tries, in vain, to accept another on socket -1. */
	(void)FCGX_InitRequest(&request, -1, 0);
	request.ipcFd = passage;
	request.keepConnection = 1;
	request.detached = 1;
	if (FCGX_Accept_r(&request) != 0) {
		passage = -1; /* closed */
		return STATUS_CLIENT_GONE;
	}
	gateway->record.id = (unsigned)request.requestId;
	gateway->keep = request.keepConnection != 0;
	status =
	    table_add_pairs(&gateway->params, &gateway->arena, request.envp);
	FCGX_Free(&request, 0);
	return status;
}

/* With what has come of the body, or failed to. */
static enum status complete(struct gateway *gateway, enum status body)
{
	enum status status = read_params(gateway);

	gateway->coming = false;
	if (status == STATUS_OK)
		status = body;
	gateway->keep &= status == STATUS_OK;
	return status;
}

enum status gateway_cut(struct gateway *gateway)
{
	if (!gateway->coming || !gateway->intake.params)
		return STATUS_CLIENT_GONE;
	return complete(gateway, STATUS_REQUEST_CUT);
}

static enum status take(struct gateway *gateway, struct slice bytes)
{
	enum status status = intake_add(&gateway->intake, &bytes);

	if (status == STATUS_OK && record_is_abort(bytes))
		return STATUS_CLIENT_GONE;
	if (status == STATUS_OK) {
		status = complete(gateway, buf_status(&gateway->intake.body));
		/* No web server sends a request before the last answer. */
		gateway->keep &= bytes.len == 0;
	} else if (gateway->intake.body_len > DRAIN_MAX) {
		status = complete(gateway, STATUS_TOO_LARGE);
	}
	return status;
}

static enum status read_fcgi(struct gateway *gateway, size_t max_body)
{
	static char bytes[PIECE];
	enum status status = STATUS_MORE;

	for (size_t n = 0; n < TURN && status == STATUS_MORE; n += PIECE) {
		ssize_t len = recv(gateway->fd, bytes, PIECE, MSG_DONTWAIT);

		if (len < 0)
			return errno == EAGAIN || errno == EINTR
			    ? STATUS_MORE
			    : STATUS_CLIENT_GONE;
		if (len == 0)
			return gateway_cut(gateway);
		if (!gateway->coming)
			intake_init(&gateway->intake, max_body);
		gateway->coming = true;
		status = take(
		    gateway, (struct slice){.ptr = bytes, .len = (size_t)len});
		if (len < PIECE)
			break;
	}
	return status;
}

static enum status read_cgi(struct gateway *gateway, size_t max_body)
{
	extern char **environ;
	char bytes[8192];
	struct cgi_input input;
	struct buf *body = &gateway->intake.body;
	size_t total = 0;
	int n;
	enum status status =
	    table_add_pairs(&gateway->params, &gateway->arena, environ);

	if (status != STATUS_OK)
		return status;
	intake_init(&gateway->intake, max_body);
	cgi_input_init(&input, STDIN_FILENO, &gateway->params);
	while ((n = cgi_input_next(&input, bytes, sizeof bytes)) > 0) {
		buf_add(body, (struct slice){.ptr = bytes, .len = (size_t)n});
		total += (size_t)n;
		if (total > DRAIN_MAX)
			return STATUS_TOO_LARGE;
	}
	return n < 0 ? STATUS_REQUEST_CUT : buf_status(body);
}

enum status gateway_read(struct gateway *gateway, size_t max_body)
{
	gateway->early = false;
	return gateway->cgi ? read_cgi(gateway, max_body)
			    : read_fcgi(gateway, max_body);
}

bool gateway_begun(const struct gateway *gateway)
{
	return gateway->coming;
}

const struct table *gateway_params(const struct gateway *gateway)
{
	return &gateway->params;
}

struct slice gateway_body(const struct gateway *gateway)
{
	return buf_slice(&gateway->intake.body);
}

void gateway_forget(struct gateway *gateway)
{
	arena_free(&gateway->arena);
	gateway->params = (struct table){0};
	intake_free(&gateway->intake);
	gateway->coming = false;
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
	return gateway->keep && !gateway->failed && !gateway->early;
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
