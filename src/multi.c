#include "multi.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "log.h"
#include "loop.h"

enum {
	/* Easy handles kept: making one costs as much as a request. */
	KEPT_HANDLES = 64
};

struct multi {
	void *handles[KEPT_HANDLES];
	size_t handle_count;
	struct loop *loop;
	struct loop_timer *timer;
	CURLM *curl;
	const struct multi_callbacks *callbacks;
	void *ctx;
	bool busy;
};

/* A descriptor that libcurl wants watched. */
struct multi_socket {
	struct multi *multi;
	struct loop_watch *watch;
	curl_socket_t fd;
};

static void settle(struct multi *multi)
{
	CURLMsg *message;
	int left;

	multi->callbacks->settle(multi->ctx);
	while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			multi->callbacks->done(multi->ctx, message->easy_handle,
			    (int)message->data.result);
	}
}

static void run(struct multi *multi, curl_socket_t fd, int events)
{
	int running;

	multi->busy = true;
	(void)curl_multi_socket_action(multi->curl, fd, events, &running);
	multi->busy = false;
	settle(multi);
}

static void on_timer(void *ctx)
{
	run(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *curl, long after_ms, void *ctx)
{
	struct multi *multi = ctx;

	(void)curl;
	if (after_ms < 0)
		loop_timer_stop(multi->timer);
	else
		loop_timer_start(multi->timer, (uint64_t)after_ms);
	return 0;
}

static void on_socket(void *ctx, unsigned events)
{
	const struct multi_socket *socket = ctx;
	int mask = 0;

	if ((events & LOOP_READABLE) != 0)
		mask |= CURL_CSELECT_IN;
	if ((events & LOOP_WRITABLE) != 0)
		mask |= CURL_CSELECT_OUT;
	if ((events & LOOP_BROKEN) != 0)
		mask |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
	run(socket->multi, socket->fd, mask);
}

static struct multi_socket *add_socket(struct multi *multi, curl_socket_t fd)
{
	struct multi_socket *socket = calloc(1, sizeof *socket);

	if (socket == NULL)
		return NULL;
	socket->multi = multi;
	socket->fd = fd;
	socket->watch = loop_watch_new(multi->loop, fd, on_socket, socket);
	if (socket->watch == NULL) {
		free(socket);
		return NULL;
	}
	(void)curl_multi_assign(multi->curl, fd, socket);
	return socket;
}

static int want_socket(
    CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
	struct multi_socket *socket = assigned;
	struct multi *multi = ctx;
	unsigned events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (socket != NULL)
			loop_watch_free(socket->watch);
		free(socket);
		return 0;
	}
	if (socket == NULL)
		socket = add_socket(multi, fd);
	if (socket == NULL) {
		/* An error returned to libcurl would end all transfers. */
		multi->callbacks->broken(multi->ctx, easy);
		return 0;
	}
	if ((what & CURL_POLL_IN) != 0)
		events |= LOOP_READABLE;
	if ((what & CURL_POLL_OUT) != 0)
		events |= LOOP_WRITABLE;
	loop_watch_set(socket->watch, events);
	return 0;
}

struct multi *multi_new(struct loop *loop, long kept,
    const struct multi_callbacks *callbacks, void *ctx)
{
	struct multi *multi = calloc(1, sizeof *multi);

	if (multi == NULL)
		return NULL;
	multi->loop = loop;
	multi->callbacks = callbacks;
	multi->ctx = ctx;
	multi->timer = loop_timer_new(loop, on_timer, multi);
	multi->curl = curl_multi_init();
	if (multi->timer == NULL || multi->curl == NULL) {
		multi_free(multi);
		return NULL;
	}
	(void)curl_multi_setopt(
	    multi->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	(void)curl_multi_setopt(
	    multi->curl, CURLMOPT_TIMERFUNCTION, want_timer);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	(void)curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, kept);
	return multi;
}

void multi_free(struct multi *multi)
{
	if (multi == NULL)
		return;
	if (multi->curl != NULL)
		(void)curl_multi_cleanup(multi->curl);
	for (size_t i = 0; i < multi->handle_count; i++)
		curl_easy_cleanup(multi->handles[i]);
	loop_timer_free(multi->timer);
	free(multi);
}

bool multi_add(struct multi *multi, void *easy)
{
	return curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
}

void multi_remove(struct multi *multi, void *easy)
{
	(void)curl_multi_remove_handle(multi->curl, easy);
}

void multi_resume(struct multi *multi, void *easy)
{
	bool nested = multi->busy;

	multi->busy = true;
	(void)curl_easy_pause(easy, CURLPAUSE_CONT);
	multi->busy = nested;
	if (!nested)
		settle(multi);
}

void *multi_take(struct multi *multi)
{
	if (multi->handle_count > 0)
		return multi->handles[--multi->handle_count];
	return curl_easy_init();
}

void multi_give_back(struct multi *multi, void *easy)
{
	if (multi->handle_count == KEPT_HANDLES) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	multi->handles[multi->handle_count++] = easy;
}

bool multi_busy(const struct multi *multi)
{
	return multi->busy;
}

static enum status translate(int code, bool answered)
{
	switch (code) {
	case CURLE_OK:
		return STATUS_OK;
	case CURLE_OUT_OF_MEMORY:
		return STATUS_NO_MEMORY;
	case CURLE_OPERATION_TIMEDOUT:
		return STATUS_UPSTREAM_TIMEOUT;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return STATUS_UPSTREAM_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return STATUS_UPSTREAM_UNTRUSTED;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_ABORTED_BY_CALLBACK: /* it would have been sent again */
		return answered ? STATUS_UPSTREAM_CUT : STATUS_UPSTREAM_EMPTY;
	default:
		return STATUS_UPSTREAM_ERROR;
	}
}

enum status multi_outcome(int code, bool answered)
{
	enum status status = translate(code, answered);

	if (status != STATUS_OK)
		log_write(LOG_WARNING, "upstream: %s (curl error %d)",
		    curl_easy_strerror((CURLcode)code), code);
	return status;
}
