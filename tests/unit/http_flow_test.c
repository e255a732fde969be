/* http: cancelling, pausing, kept connections, and memory. */
#include "alloc.h"
#include "heard_http.h"

/* Nothing more may come: look for a moment. */
static void linger(void)
{
	struct loop_timer *timer = loop_timer_new(loop, on_guard, NULL);

	loop_timer_start(timer, 20);
	loop_run(loop);
	loop_timer_free(timer);
	log_forget();
}

static const char *const endless[] = {CHUNKED "5\r\nHello\r\n", RAW_WAIT, NULL};

/* The server thread ends only if its connection is closed. */
static void check_cancel(char in, const char *calls)
{
	struct heard heard = {.cancel_in = in};

	begin(endless);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, calls));
	linger();
	CHECK(was(&heard, calls));
	CHECK(heard.body.len == 0);
	finish(&heard);
}

TEST(cancelled_in_a_callback)
{
	check_cancel('h', "h");
	check_cancel('b', "hb");
}

TEST(cancelled_before_anything_came)
{
	struct heard heard = {0};

	begin(endless);
	ask(&heard);
	http_cancel(heard.transfer);
	linger();
	CHECK(was(&heard, ""));
	finish(&heard);
}

TEST(cancelled_while_it_runs)
{
	struct heard heard = {.pauses = 1};

	begin(endless);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "hb"));
	http_cancel(heard.transfer);
	linger();
	CHECK(was(&heard, "hb"));
	finish(&heard);
}

static struct heard *other;

static void on_cancel_other(void *ctx)
{
	(void)ctx;
	if (other != NULL)
		http_cancel(other->transfer);
	other = NULL;
}

/* Another one is cancelled by the hook that runs behind every callback. */
TEST(another_is_cancelled)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	struct heard first = {0}, second = {0};

	begin(script);
	ask(&first);
	ask(&second);
	other = &second;
	loop_set_after(loop, on_cancel_other, NULL);
	loop_run(loop);
	CHECK(was(&first, "hbe") && first.end == STATUS_OK);
	linger();
	CHECK(was(&second, ""));
	loop_set_after(loop, NULL, NULL);
	buf_free(&second.body);
	finish(&first);
}

TEST(freed_while_one_runs)
{
	struct heard heard = {.pauses = 1}, second = {0};

	begin(endless);
	ask(&heard);
	ask(&second);
	loop_run(loop);
	buf_free(&second.body);
	finish(&heard);
	CHECK(was(&second, ""));
	CHECK(was(&heard, "hb"));
}

/* Nothing is lost and nothing comes twice, however often it is refused. */
static void check_pauses(size_t pauses, bool split)
{
	static const char *const plain[] = {
	    CHUNKED "5\r\nHello\r\n", "6\r\n there\r\n0\r\n\r\n", NULL};
	static const char *const in_bytes[] = {RAW_SPLIT,
	    CHUNKED "5\r\nHello\r\n", "6\r\n there\r\n0\r\n\r\n", NULL};
	struct heard heard = {.pauses = pauses, .resume_soon = true};

	begin(split ? in_bytes : plain);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.end == STATUS_OK);
	CHECK_SLICE(buf_slice(&heard.body), SLICE("Hello there"));
	loop_timer_free(heard.timer);
	finish(&heard);
}

TEST(paused_and_resumed)
{
	for (size_t pauses = 0; pauses < 10; pauses++) {
		check_pauses(pauses, false);
		check_pauses(pauses, true);
	}
}

TEST(a_break_is_told_after_a_pause)
{
	static const char *const script[] = {CHUNKED "5\r\nHello\r\n", NULL};
	struct heard heard = {.pauses = 3, .resume_soon = true};

	begin(script);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.end == STATUS_UPSTREAM_CUT);
	CHECK_SLICE(buf_slice(&heard.body), SLICE("Hello"));
	loop_timer_free(heard.timer);
	finish(&heard);
}

/* While nothing is read, not much is kept. */
TEST(a_paused_transfer_is_not_read)
{
	static const char *script[40] = {CHUNKED};
	static char chunk[65536 + 10];
	struct heard heard = {.pauses = 1};
	size_t before;

	memset(chunk, 'x', sizeof chunk);
	memcpy(chunk, "10000\r\n", 7);
	memcpy(chunk + 7 + 65536, "\r\n", 3);
	for (size_t i = 1; i < 38; i++)
		script[i] = chunk;
	script[38] = "0\r\n\r\n";
	begin(script);
	ask(&heard);
	loop_run(loop);
	before = heard.body.len;
	linger();
	CHECK(heard.body.len == before);
	http_resume(heard.transfer);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.end == STATUS_OK);
	CHECK(heard.body.len == 37u * 65536);
	finish(&heard);
}

TEST(a_connection_is_kept)
{
	static const char *const script[] = {LENGTH "Hello", RAW_NEXT,
	    CHUNKED "5\r\nHello\r\n0\r\n\r\n", RAW_NEXT, LENGTH "Hello",
	    RAW_WAIT, NULL};
	struct heard third = {0}, second = {.then = &third};
	struct heard first = {.then = &second};

	begin(script);
	ask(&first);
	loop_run(loop);
	CHECK(was(&first, "hbe") && was(&second, "hbe"));
	CHECK(was(&third, "hbe") && third.end == STATUS_OK);
	CHECK(raw.accepted == 1);
	buf_free(&first.body);
	buf_free(&second.body);
	finish(&third);
}

TEST(a_kept_connection_that_was_closed_is_no_failure)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	struct heard second = {0}, first = {0};

	begin(script);
	ask(&first);
	loop_run(loop);
	CHECK(was(&first, "hbe"));
	while (raw.closed == 0)
		(void)usleep(1000);
	ask(&second);
	loop_run(loop);
	CHECK(was(&second, "hbe"));
	CHECK(second.end == STATUS_OK && raw.accepted == 2);
	buf_free(&first.body);
	finish(&second);
}

/* One that is cancelled leaves no connection behind for the next. */
/* libcurl would send it once more; but whoever had it may have acted. */
TEST(a_request_that_was_sent_is_not_sent_again)
{
	static const char *const script[] = {LENGTH "Hello", RAW_NEXT, NULL};
	struct heard heard = {0}, second = {0};
	size_t requests = 0;

	begin(script);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.end == STATUS_OK);
	ask(&second);
	loop_run(loop);
	CHECK(was(&second, "e") && second.end == STATUS_UPSTREAM_EMPTY);
	buf_free(&second.body);
	http_free(http);
	raw_stop();
	/* It may connect for that, but it may not send. */
	while (raw_heard("POST ")) {
		struct slice all = buf_slice(&raw.heard);

		requests++;
		buf_drop(&raw.heard, slice_find(all, SLICE("POST ")) + 5);
	}
	CHECK(requests == 2);
	buf_free(&raw.heard);
	buf_free(&heard.body);
	loop_free(loop);
}

TEST(a_cancelled_connection_is_not_used_again)
{
	struct heard first = {.cancel_in = 'b'}, second = {.pauses = 1};

	begin(endless);
	ask(&first);
	loop_run(loop);
	ask(&second);
	loop_run(loop);
	CHECK(was(&first, "hb") && was(&second, "hb"));
	CHECK(raw.accepted == 2);
	http_cancel(second.transfer);
	buf_free(&first.body);
	finish(&second);
}

TEST(every_transfer_ends_without_memory)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	bool failed = true;

	for (size_t n = 0; failed; n++) {
		struct heard heard = {0};

		begin(script);
		alloc_fail_at(n);
		ask(&heard);
		if (heard.transfer != NULL)
			loop_run(loop);
		failed = alloc_failed();
		if (heard.calls[0] != '\0')
			CHECK(strchr(heard.calls, 'e') != NULL);
		else
			CHECK(failed && heard.transfer == NULL);
		if (heard.transfer != NULL)
			printf("# never ends: allocation %zu\n", n);
		if (!failed)
			CHECK(was(&heard, "hbe") && heard.end == STATUS_OK);
		finish(&heard);
	}
}

TEST(no_client_without_memory)
{
	struct http_options options = {.ca_file = "/a", .ca_dir = "/b"};
	size_t n = 0;

	loop = loop_new();
	for (;; n++) {
		alloc_fail_at(n);
		http = http_new(loop, &options);
		if (!alloc_failed())
			break;
		CHECK(http == NULL);
		http_free(http);
	}
	CHECK(n > 0 && http != NULL);
	http_free(http);
	http_free(NULL);
	loop_free(loop);
}

int main(void)
{
	return tap_run();
}
