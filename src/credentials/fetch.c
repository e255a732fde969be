#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "../call.h"
#include "../http.h"
#include "../log.h"
#include "../loop.h"

enum {
	DATE_MAX = 64,
	HOST_MAX = 128 /* for the log */
};

struct fetch {
	struct http_transfer *transfer;
	struct loop_timer *timer; /* the time-out; or the end, put off */
	fetch_done *done;
	void *ctx;
	bool too_large;
	uint64_t timeout_ms;
	unsigned status;
	size_t len;
	char host[HOST_MAX], date[DATE_MAX];
	char body[FETCH_MAX_ANSWER]; /* no buf: growing leaves copies */
};

static void free_fetch(struct fetch *fetch)
{
	if (fetch->transfer != NULL)
		http_cancel(fetch->transfer);
	loop_timer_free(fetch->timer);
	explicit_bzero(fetch->body, fetch->len);
	free(fetch);
}

/* Tell, once; the fetch is gone. */
static void finish(struct fetch *fetch, enum status status)
{
	struct fetch_answer answer = {
	    .status = fetch->status,
	    .body = {fetch->body, fetch->len},
	    .date = slice_from(fetch->date),
	};

	/* Nothing of the loop may be used once it was told. */
	loop_timer_free(fetch->timer);
	fetch->timer = NULL;
	fetch->done(fetch->ctx, status, status == STATUS_OK ? &answer : NULL);
	free_fetch(fetch);
}

static void on_timer(void *ctx)
{
	struct fetch *fetch = ctx;
	enum status status = STATUS_TOO_LARGE;

	if (fetch->too_large) {
		log_write(LOG_WARNING,
		    "%s answered with more than %d bytes: check what is there",
		    fetch->host, FETCH_MAX_ANSWER);
	} else {
		log_write(LOG_WARNING, "no answer from %s within %u ms",
		    fetch->host, (unsigned)fetch->timeout_ms);
		http_cancel(fetch->transfer);
		fetch->transfer = NULL;
		status = STATUS_UPSTREAM_TIMEOUT;
	}
	finish(fetch, status);
}

static void on_head(void *ctx, const struct http_head *head)
{
	struct slice date = http_header(head, "Date");
	struct fetch *fetch = ctx;

	/* From a cache: that was long ago. */
	if (http_header(head, "Age").len > 0)
		date.len = 0;

	fetch->status = head->status;
	if (date.len < sizeof fetch->date) {
		memcpy(fetch->date, date.len > 0 ? date.ptr : "", date.len);
		fetch->date[date.len] = '\0';
	}
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct fetch *fetch = ctx;

	if (bytes.len > sizeof fetch->body - fetch->len) {
		/* Not told from here: whoever is told may ask anew, which
		 * libcurl does not take from within. */
		http_cancel(fetch->transfer);
		fetch->transfer = NULL;
		fetch->too_large = true;
		loop_timer_start(fetch->timer, 0);
		return STATUS_OK;
	}
	if (bytes.len > 0)
		memcpy(fetch->body + fetch->len, bytes.ptr, bytes.len);
	fetch->len += bytes.len;
	return STATUS_OK;
}

static void on_end(void *ctx, enum status status)
{
	struct fetch *fetch = ctx;

	fetch->transfer = NULL;
	finish(fetch, status);
}

/* scheme://HOST/... */
static void keep_host(struct fetch *fetch, const char *url)
{
	struct slice rest = slice_from(url);

	rest = slice_skip(rest, slice_find(rest, SLICE("://")) + 3);
	rest = slice_first(slice_cut(&rest, '/'), sizeof fetch->host - 1);
	memcpy(fetch->host, rest.len > 0 ? rest.ptr : "", rest.len);
	fetch->host[rest.len] = '\0';
}

enum status fetch_start(struct fetch **fetch, struct loop *loop,
    struct http *http, const struct call_request *request, uint64_t timeout_ms,
    fetch_done *done, void *ctx)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct fetch *made = malloc(sizeof *made);
	enum status status = STATUS_NO_MEMORY;

	*fetch = NULL;
	if (made == NULL)
		return STATUS_NO_MEMORY;
	/* All but the body: most of it is never used. */
	memset(made, 0, offsetof(struct fetch, body));
	made->done = done;
	made->ctx = ctx;
	made->timeout_ms = timeout_ms;
	keep_host(made, request->url);
	made->timer = loop_timer_new(loop, on_timer, made);
	if (made->timer != NULL)
		status = call_start(
		    http, request, &callbacks, made, &made->transfer);
	if (status != STATUS_OK) {
		free_fetch(made);
		return status;
	}
	loop_timer_start(made->timer, timeout_ms);
	*fetch = made;
	return STATUS_OK;
}

void fetch_cancel(struct fetch *fetch)
{
	if (fetch != NULL)
		free_fetch(fetch);
}
