#include "http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "header.h"
#include "multi.h"

enum {
	/* Header lines of one answer: AgentCore sends under 2 KiB. */
	HEAD_MAX = 32 << 10,
	/* Read at a time, and kept per stream: 4 KiB is 40 events. */
	READ_SIZE = 4096,
	/* The least that libcurl takes. */
	SEND_SIZE = 16384,
	/* Idle connections kept for the next requests. */
	KEPT_CONNECTIONS = 256,
	/* For so long, in seconds: load balancers close after 60 at the
	 * earliest, and a request that meets that is lost. */
	KEPT_S = 50
};

struct http {
	struct multi *multi;
	CURLSH *share; /* TLS sessions */
	struct http_options options;
	struct http_transfer *running; /* all transfers */
	bool unsettled; /* one was cancelled, or broke, inside libcurl */
};

struct http_transfer {
	struct http *http;
	struct http_transfer *next, **link;
	const struct http_callbacks *callbacks;
	void *ctx;
	CURL *easy;
	struct curl_slist *headers;
	struct buf head; /* header lines, until the head callback */
	unsigned status;
	bool sent; /* perhaps: it was begun to be */
	bool cancelled;
	bool broken; /* its descriptor cannot be watched */
};

/* ---- the end of a transfer ---- */

static void unlink_transfer(struct http_transfer *transfer)
{
	*transfer->link = transfer->next;
	if (transfer->next != NULL)
		transfer->next->link = transfer->link;
}

/* They hold signatures and tokens. */
static void wipe_headers(struct curl_slist *headers)
{
	for (struct curl_slist *at = headers; at != NULL; at = at->next)
		explicit_bzero(at->data, strlen(at->data));
	curl_slist_free_all(headers);
}

static void free_transfer(struct http_transfer *transfer)
{
	if (transfer->easy != NULL) {
		multi_remove(transfer->http->multi, transfer->easy);
		multi_give_back(transfer->http->multi, transfer->easy);
	}
	wipe_headers(transfer->headers);
	buf_free(&transfer->head);
	unlink_transfer(transfer);
	free(transfer);
}

static struct http_transfer *transfer_of(void *easy)
{
	struct http_transfer *transfer = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
	return transfer;
}

static void on_done(void *http, void *easy, int code)
{
	struct http_transfer *transfer = transfer_of(easy);
	const struct http_callbacks *callbacks = transfer->callbacks;
	enum status status = multi_outcome(code, transfer->status != 0);
	void *ctx = transfer->ctx;

	(void)http;
	free_transfer(transfer);
	callbacks->end(ctx, status);
}

static void on_broken(void *ctx, void *easy)
{
	struct http *http = ctx;

	transfer_of(easy)->broken = true;
	http->unsettled = true;
}

static void on_settle(void *ctx)
{
	struct http *http = ctx;
	struct http_transfer *transfer = http->running, *next;

	if (!http->unsettled)
		return;
	http->unsettled = false;
	for (; transfer != NULL; transfer = next) {
		next = transfer->next;
		if (transfer->cancelled)
			free_transfer(transfer);
		else if (transfer->broken)
			on_done(http, transfer->easy, CURLE_OUT_OF_MEMORY);
	}
}

/* ---- one transfer ---- */

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http_transfer *transfer = ctx;
	struct slice line = {.ptr = bytes, .len = size * count};
	struct http_head head;
	long status = 0;

	if (transfer->cancelled)
		return 0;
	if (slice_starts(line, SLICE("HTTP/")))
		buf_clear(&transfer->head); /* after a 100 Continue */
	buf_add(&transfer->head, line);
	if (buf_status(&transfer->head) != STATUS_OK)
		return 0;
	if (!slice_equal(line, SLICE("\r\n")) &&
	    !slice_equal(line, SLICE("\n")))
		return line.len;
	(void)curl_easy_getinfo(
	    transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200)
		return line.len;
	transfer->status = (unsigned)status;
	head = (struct http_head){
	    .status = transfer->status, .lines = buf_slice(&transfer->head)};
	transfer->callbacks->head(transfer->ctx, &head);
	buf_free(&transfer->head);
	return transfer->cancelled ? 0 : line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct http_transfer *transfer = ctx;
	struct slice piece = {.ptr = bytes, .len = size * count};
	enum status status;

	if (transfer->cancelled)
		return 0;
	status = transfer->callbacks->body(transfer->ctx, piece);
	if (transfer->cancelled)
		return 0;
	return status == STATUS_MORE ? CURL_WRITEFUNC_PAUSE : piece.len;
}

static bool add_header_line(
    struct http_transfer *transfer, struct slice name, struct slice value)
{
	struct curl_slist *grown;
	struct buf line;
	char *text;

	buf_init(&line, HEAD_MAX);
	buf_add(&line, name);
	buf_add(&line, SLICE(": "));
	buf_add(&line, value);
	text = buf_text(&line);
	grown =
	    text == NULL ? NULL : curl_slist_append(transfer->headers, text);
	buf_wipe(&line); /* it may be a session token */
	if (grown != NULL)
		transfer->headers = grown;
	return grown != NULL;
}

static bool add_headers(
    struct http_transfer *transfer, const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (!add_header_line(transfer, request->headers[i].name,
			request->headers[i].value))
			return false;
	}
	/* Without a value they take away what libcurl would add: that a body
	 * is a form, and with a large one a wait for 100 Continue. */
	return add_header_line(transfer, SLICE("Content-Type"), SLICE("")) &&
	    add_header_line(transfer, SLICE("Expect"), SLICE(""));
}

static void set_tls(const struct http *http, CURL *easy)
{
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(
	    easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* With a CAPATH, which Debian's libcurl has by default, its cache of
	 * the parsed CAINFO is off: 20 ms and 870 KiB per connection. */
	(void)curl_easy_setopt(easy, CURLOPT_CAINFO, http->options.ca_file);
	(void)curl_easy_setopt(easy, CURLOPT_CAPATH, http->options.ca_dir);
	(void)curl_easy_setopt(easy, CURLOPT_SHARE, http->share);
}

/* A body of no bytes is a body all the same, but not with GET and HEAD. */
static void set_method(CURL *easy, const char *method, struct slice body)
{
	bool head = strcmp(method, "HEAD") == 0;

	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	(void)curl_easy_setopt(easy, CURLOPT_NOBODY, (long)head);
	if (body.len == 0 && (head || strcmp(method, "GET") == 0))
		return;
	(void)curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	(void)curl_easy_setopt(
	    easy, CURLOPT_POSTFIELDS, body.len > 0 ? body.ptr : "");
}

#if LIBCURL_VERSION_NUM >= 0x075000
static int on_sending(void *ctx, char *to, char *from, int port, int my_port)
{
	struct http_transfer *transfer = ctx;
	bool again = transfer->sent;

	(void)to, (void)from, (void)port, (void)my_port;
	transfer->sent = true;
	return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
#endif

/* libcurl sends a request again when a kept connection is closed without an
 * answer; but the agent may have had it, and acted. */
static void set_reuse(struct http_transfer *transfer)
{
#if LIBCURL_VERSION_NUM >= 0x075000
	(void)curl_easy_setopt(
	    transfer->easy, CURLOPT_MAXAGE_CONN, (long)KEPT_S);
	(void)curl_easy_setopt(
	    transfer->easy, CURLOPT_PREREQFUNCTION, on_sending);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
#else
	(void)curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
#endif
}

static void set_request(
    const struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;

	(void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	set_method(easy, request->method, request->body);
	(void)curl_easy_setopt(
	    easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (request->direct)
		(void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
}

static void set_transport(struct http_transfer *transfer)
{
	CURL *easy = transfer->easy;

	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	(void)curl_easy_setopt(
	    easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	(void)curl_easy_setopt(
	    easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_SIZE);
	(void)curl_easy_setopt(
	    easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_SIZE);
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

struct http_transfer *http_start(struct http *http,
    const struct http_request *request, const struct http_callbacks *callbacks,
    void *ctx)
{
	struct http_transfer *transfer = calloc(1, sizeof *transfer);

	if (transfer == NULL)
		return NULL;
	transfer->http = http;
	transfer->callbacks = callbacks;
	transfer->ctx = ctx;
	buf_init(&transfer->head, HEAD_MAX);
	transfer->easy = multi_take(http->multi);
	transfer->link = &http->running;
	transfer->next = http->running;
	if (transfer->next != NULL)
		transfer->next->link = &transfer->next;
	http->running = transfer;
	if (transfer->easy == NULL || !add_headers(transfer, request))
		goto fail;
	set_transport(transfer);
	set_tls(http, transfer->easy);
	set_request(transfer, request);
	set_reuse(transfer);
	if (!multi_add(http->multi, transfer->easy))
		goto fail;
	return transfer;
fail:
	free_transfer(transfer);
	return NULL;
}

void http_cancel(struct http_transfer *transfer)
{
	if (multi_busy(transfer->http->multi)) {
		transfer->cancelled = true;
		transfer->http->unsettled = true;
		return;
	}
	free_transfer(transfer);
}

void http_resume(struct http_transfer *transfer)
{
	multi_resume(transfer->http->multi, transfer->easy);
}

/* ---- the client ---- */

struct http *http_new(struct loop *loop, const struct http_options *options)
{
	static const struct multi_callbacks callbacks = {
	    .settle = on_settle, .done = on_done, .broken = on_broken};
	struct http *http = calloc(1, sizeof *http);

	if (http == NULL)
		return NULL;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(http);
		return NULL;
	}
	http->options = *options;
	http->multi = multi_new(loop, KEPT_CONNECTIONS, &callbacks, http);
	http->share = curl_share_init();
	if (http->multi == NULL || http->share == NULL) {
		http_free(http);
		return NULL;
	}
	(void)curl_share_setopt(
	    http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	while (http->running != NULL)
		free_transfer(http->running);
	multi_free(http->multi);
	if (http->share != NULL)
		(void)curl_share_cleanup(http->share);
	free(http);
	curl_global_cleanup();
}

struct slice http_header(const struct http_head *head, const char *name)
{
	return header_find(head->lines, name);
}

bool http_date(struct slice text, int64_t *unix_s)
{
	char copy[64] = ""; /* twice the longest form */

	if (text.len == 0 || text.len >= sizeof copy)
		return false;
	memcpy(copy, text.ptr, text.len);
	*unix_s = (int64_t)curl_getdate(copy, NULL);
	return *unix_s >= 0;
}

const char *http_version(void)
{
	return curl_version();
}
