#include "../../src/credentials/fetch.h"

#include "../../src/call.h"
#include "../../src/http.h"
#include "../../src/loop.h"
#include "alloc.h"
#include "fake_log.h"
#include "raw_server.h"
#include "tap.h"

enum {
	GUARD_MS = 10000
};

static struct loop *loop;
static struct http *http;
static struct loop_timer *guard;
static struct fetch *fetch;

/* What came. */
static size_t calls;
static enum status status_of;
static unsigned http_status;
static char date[100];
static struct buf body;
static bool again; /* ask once more from within the answer */

static void ask(uint64_t timeout_ms);

static void on_done(
    void *ctx, enum status status, const struct fetch_answer *answer)
{
	CHECK(ctx == &body && (status == STATUS_OK) == (answer != NULL));
	calls++;
	status_of = status;
	if (answer != NULL) {
		http_status = answer->status;
		(void)snprintf(
		    date, sizeof date, "%.*s", SLICE_ARG(answer->date));
		buf_clear(&body);
		buf_add(&body, answer->body);
	}
	if (again) {
		again = false;
		ask(5000);
	} else {
		loop_stop(loop);
	}
}

static void ask(uint64_t timeout_ms)
{
	char method[] = "PUT";
	struct http_header header = {SLICE("X-One"), SLICE("1")};
	struct call_request request = {
	    .method = method,
	    .url = raw.url,
	    .headers = &header,
	    .header_count = 1,
	    .direct = true,
	    .connect_timeout_ms = timeout_ms,
	    .authorization = SLICE("Bearer x"),
	};

	CHECK(fetch_start(&fetch, loop, http, &request, timeout_ms, on_done,
		  &body) == STATUS_OK);
	/* It was copied. */
	memset(method, 0, sizeof method);
	memset(&header, 0, sizeof header);
}

static void on_guard(void *ctx)
{
	(void)ctx;
	log_write(LOG_ERROR, "the guard");
	loop_stop(loop);
}

static void begin(const char *const script[])
{
	struct http_options options = {0};

	log_forget();
	calls = 0;
	status_of = STATUS_COUNT;
	http_status = 0;
	date[0] = '\0';
	buf_init(&body, 1u << 20);
	raw_start(script);
	loop = loop_new();
	http = loop == NULL ? NULL : http_new(loop, &options);
	guard = loop == NULL ? NULL : loop_timer_new(loop, on_guard, NULL);
	if (guard == NULL || http == NULL)
		abort();
	loop_timer_start(guard, GUARD_MS);
}

static void finish(void)
{
	http_free(http);
	loop_free(loop);
	raw_stop();
	buf_free(&raw.heard);
	buf_free(&body);
	CHECK(!logged("the guard"));
}

static void check_play(const char *const script[], enum status wanted,
    unsigned wanted_http, const char *wanted_body)
{
	begin(script);
	ask(5000);
	CHECK(fetch != NULL && calls == 0);
	loop_run(loop);
	CHECK(calls == 1 && status_of == wanted);
	CHECK(http_status == wanted_http);
	CHECK_SLICE(buf_slice(&body), slice_from(wanted_body));
	CHECK((wanted == STATUS_OK) == (log_text[0] == '\0'));
	finish();
}

#define PLAY(status, http, body, ...) \
	check_play((const char *const[]){__VA_ARGS__, NULL}, status, http, body)

TEST(answers)
{
	PLAY(STATUS_OK, 200, "Hello",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello");
	PLAY(STATUS_OK, 200, "Hello", RAW_SPLIT,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n");
	PLAY(STATUS_OK, 404, "",
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	PLAY(STATUS_OK, 503, "no",
	    "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");
}

TEST(no_answers)
{
	PLAY(STATUS_UPSTREAM_EMPTY, 0, "", "");
	PLAY(STATUS_UPSTREAM_CUT, 0, "",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHel");
	PLAY(STATUS_UPSTREAM_ERROR, 0, "", "SSH-2.0-OpenSSH_9.2\r\n");
}

TEST(what_is_asked)
{
	static const char *const script[] = {
	    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	    "Content-Length: 0\r\n\r\n",
	    NULL};

	begin(script);
	ask(5000);
	loop_run(loop);
	CHECK(slice_starts(buf_slice(&raw.heard),
	    SLICE("PUT /p?q=%41 HTTP/1.1\r\nHost: 127.0.0.1:")));
	CHECK(raw_heard("\r\nX-One: 1\r\n"));
	CHECK(raw_heard("\r\nAuthorization: Bearer x\r\n"));
	CHECK(raw_heard("\r\nUser-Agent: agentcgi/" VERSION "\r\n"));
	CHECK(raw_heard("\r\nContent-Length: 0\r\n"));
	CHECK(strcmp(date, "Sun, 06 Nov 1994 08:49:37 GMT") == 0);
	finish();
}

TEST(a_date_that_is_none)
{
	char head[200];
	const char *const script[] = {head, NULL};

	(void)snprintf(head, sizeof head,
	    "HTTP/1.1 200 OK\r\nDate: %070d\r\nContent-Length: 0\r\n\r\n", 1);
	begin(script);
	ask(5000);
	loop_run(loop);
	CHECK(status_of == STATUS_OK && date[0] == '\0');
	finish();
}

static void check_timeout(const char *const script[])
{
	begin(script);
	ask(100);
	loop_run(loop);
	CHECK(calls == 1 && status_of == STATUS_UPSTREAM_TIMEOUT);
	CHECK(logged("no answer from 127.0.0.1:") && logged("within 100 ms"));
	CHECK(!logged("q="));
	finish();
}

TEST(time_runs_out)
{
	static const char *const nothing[] = {RAW_WAIT, NULL};
	static const char *const half[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHel", RAW_WAIT, NULL};

	check_timeout(nothing);
	check_timeout(half);
}

/* n bytes in chunks of 1 KiB, and then nothing. */
static void check_size(size_t n, enum status wanted)
{
	static const char *script[70] = {
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"};
	static char chunk[8 + 1024 + 3] = "000400\r\n";
	size_t i = 1;

	memset(chunk + 8, 'x', 1024);
	memcpy(chunk + 8 + 1024, "\r\n", 3);
	for (; i <= n / 1024; i++)
		script[i] = chunk;
	script[i] = n % 1024 > 0 ? "1\r\nx\r\n" : "";
	script[i + 1] = wanted == STATUS_OK ? "0\r\n\r\n" : RAW_WAIT;
	script[i + 2] = NULL;
	begin(script);
	again = false;
	ask(5000);
	loop_run(loop);
	CHECK(calls == 1 && status_of == wanted);
	CHECK(body.len == (wanted == STATUS_OK ? n : 0));
	CHECK(logged("answered with more than 65536 bytes") ==
	    (wanted == STATUS_TOO_LARGE));
	finish();
}

TEST(answers_have_a_ceiling)
{
	check_size(FETCH_MAX_ANSWER, STATUS_OK);
	check_size(FETCH_MAX_ANSWER + 1, STATUS_TOO_LARGE);
}

/* Who is told may ask at once, whatever it was. */
TEST(asking_from_within_the_answer)
{
	static const char *const fine[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello", NULL};
	static const char *const none[] = {"", NULL};
	static const char *const endless[] = {
	    "HTTP/1.1 200 OK\r\n\r\n", NULL, RAW_WAIT, NULL};
	static char much[FETCH_MAX_ANSWER + 2];
	const char *large[4];

	memset(much, 'x', sizeof much - 1);
	memcpy(large, endless, sizeof large);
	large[1] = much;
	for (size_t i = 0; i < 3; i++) {
		begin(i == 0 ? fine : i == 1 ? none : large);
		again = true;
		ask(5000);
		loop_run(loop);
		CHECK(calls == 2);
		finish();
	}
}

TEST(cancelling)
{
	static const char *const script[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHel", RAW_WAIT, NULL};

	begin(script);
	ask(5000);
	fetch_cancel(fetch);
	ask(5000);
	loop_timer_start(guard, 50);
	loop_run(loop);
	CHECK(logged("the guard") && calls == 0);
	log_forget();
	fetch_cancel(fetch);
	fetch_cancel(NULL);
	loop_timer_start(guard, 20);
	loop_run(loop);
	log_forget();
	CHECK(calls == 0);
	finish();
}

TEST(no_memory)
{
	static const char *const script[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello", NULL};
	struct call_request request = {
	    .method = "GET", .url = raw.url, .connect_timeout_ms = 1000};
	size_t n = 0;

	begin(script);
	for (;; n++) {
		enum status status;

		alloc_fail_at(n);
		status = fetch_start(
		    &fetch, loop, http, &request, 1000, on_done, &body);
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY && fetch == NULL);
	}
	CHECK(n > 3 && fetch != NULL);
	loop_run(loop);
	CHECK(calls == 1 && status_of == STATUS_OK);
	finish();
}

int main(void)
{
	return tap_run();
}
