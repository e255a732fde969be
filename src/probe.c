#include "probe.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "decode.h"
#include "env.h"
#include "http.h"
#include "loop.h"
#include "options.h"
#include "trust.h"
#include "verdict.h"

enum {
	/* For all requests: each takes three seconds where all is well. */
	LIMIT_MS = 60000,
	CONNECT_MS = 10000,
	/* What agentcgi says of a refusal has 300 bytes. */
	ERROR_MAX = 4096,
	/* Longest address that anything on the way takes. */
	URL_MAX = 8192,
	/* More than any tick tells within LIMIT_MS. */
	TICK_MAX_MS = 600000,
	REPORT_MAX = 16 << 10
};

/* The requests, in their order. */
enum stage {
	STAGE_BROWSER,       /* compressed, if the web server likes to */
	STAGE_PLAIN,         /* only if it did: again, for the times */
	STAGE_AUTHORIZATION, /* until event: server tells whether it came */
	STAGE_END
};

struct probe {
	const char *url;
	struct loop *loop;
	struct http *http;
	struct http_transfer *transfer;
	struct loop_timer *next, *limit;
	struct decode decode;
	struct buf body; /* of what is no stream */
	enum stage stage;
	uint64_t asked_ms;
	struct verdict found;
};

/* ---- one request after the other ---- */

static enum stage next_stage(const struct probe *probe)
{
	const struct verdict *found = &probe->found;

	if (probe->stage == STAGE_BROWSER && found->encoding[0] != '\0')
		return STAGE_PLAIN;
	if (probe->stage < STAGE_AUTHORIZATION && found->has_server)
		return STAGE_AUTHORIZATION;
	return STAGE_END;
}

/* By a timer: libcurl may be on the stack. */
static void go_on(struct probe *probe)
{
	probe->transfer = NULL;
	decode_free(&probe->decode);
	probe->stage = next_stage(probe);
	if (probe->stage == STAGE_END)
		loop_stop(probe->loop);
	else
		loop_timer_start(probe->next, 0);
}

static void on_limit(void *ctx)
{
	struct probe *probe = ctx;

	if (probe->stage != STAGE_AUTHORIZATION)
		probe->found.timed_out = true;
	if (probe->transfer != NULL)
		http_cancel(probe->transfer);
	probe->transfer = NULL;
	loop_stop(probe->loop);
}

/* ---- what comes ---- */

/* The number behind key in an object of ours, which is flat. */
static bool find_number(struct slice data, struct slice key, uint64_t *number)
{
	struct slice rest = slice_skip(data, slice_find(data, key) + key.len);
	size_t len = 0;

	while (len < rest.len && rest.ptr[len] >= '0' && rest.ptr[len] <= '9')
		len++;
	return slice_to_number(slice_first(rest, len), TICK_MAX_MS, number);
}

static void take_tick(struct probe *probe, struct slice data)
{
	struct verdict *found = &probe->found;
	uint64_t arrived_ms = loop_now_ms(probe->loop) - probe->asked_ms;
	uint64_t tick, sent_ms;

	if (found->ticks == VERDICT_TICKS ||
	    !find_number(data, SLICE("\"tick\":"), &tick) ||
	    !find_number(data, SLICE("\"ms\":"), &sent_ms))
		return;
	found->sent_ms[found->ticks] = sent_ms;
	found->arrived_ms[found->ticks++] = arrived_ms;
	(void)printf("%5llu %6llu %8llu %6lld\n", (unsigned long long)tick,
	    (unsigned long long)sent_ms, (unsigned long long)arrived_ms,
	    (long long)(arrived_ms - sent_ms));
	(void)fflush(stdout);
}

static void take_server(struct probe *probe, struct slice data)
{
	struct verdict *found = &probe->found;

	verdict_take_server(found, data);
	(void)printf("%s, %s\n tick   sent  arrived  delay (ms)\n",
	    found->software, found->gateway);
	(void)fflush(stdout);
}

/* Quotes within a text are escaped, so this can be no part of one. */
static void take_authorization(struct probe *probe, struct slice data)
{
	struct slice arrived = SLICE("\"authorization\":true");

	probe->found.authorization = slice_find(data, arrived) < data.len
	    ? VERDICT_ARRIVES
	    : VERDICT_LOST;
}

static enum status on_event(void *ctx, const struct decode_event *event)
{
	struct probe *probe = ctx;
	bool is_server = slice_equal(event->name, SLICE("server"));
	bool enough = false;
	struct buf data;

	if (!event->has_data)
		return STATUS_OK;
	buf_init(&data, DECODE_MAX_EVENT);
	decode_add_data(&data, event);
	if (probe->stage == STAGE_AUTHORIZATION) {
		enough = is_server;
		if (is_server)
			take_authorization(probe, buf_slice(&data));
	} else if (is_server) {
		take_server(probe, buf_slice(&data));
	} else if (slice_equal(event->name, SLICE("done"))) {
		enough = true;
		verdict_take_done(&probe->found, buf_slice(&data));
	} else if (event->name.len == 0) {
		take_tick(probe, buf_slice(&data));
	}
	buf_free(&data);
	return enough ? STATUS_CLIENT_GONE : STATUS_OK;
}

/* ---- one answer ---- */

static bool is_compressed(struct slice encoding)
{
	return encoding.len > 0 &&
	    !slice_equal_nocase(encoding, SLICE("identity"));
}

/* Forget an answer that is not to be timed. */
static void forget_answer(struct verdict *found)
{
	char encoding[VERDICT_TEXT];

	memcpy(encoding, found->encoding, sizeof encoding);
	*found = (struct verdict){0};
	memcpy(found->encoding, encoding, sizeof encoding);
}

/* The rest of this answer is of no interest. */
static void leave(struct probe *probe)
{
	http_cancel(probe->transfer);
	go_on(probe);
}

static void on_authorization_head(
    struct probe *probe, const struct http_head *head)
{
	if (head->status == 401 || head->status == 403)
		probe->found.authorization = VERDICT_CHECKED;
	if (head->status != 200)
		leave(probe);
}

static void on_head(void *ctx, const struct http_head *head)
{
	struct probe *probe = ctx;
	struct verdict *found = &probe->found;
	struct slice type = http_header(head, "Content-Type");
	struct slice encoding = http_header(head, "Content-Encoding");
	struct slice place = http_header(head, "Location");

	if (probe->stage == STAGE_AUTHORIZATION) {
		on_authorization_head(probe, head);
		return;
	}
	found->http = head->status;
	found->has_id = http_header(head, "X-Request-Id").len > 0;
	verdict_keep(found->type, VERDICT_TEXT, type);
	verdict_keep(found->location, VERDICT_TEXT, place);
	type = slice_trim(slice_cut(&type, ';'));
	found->is_stream = slice_equal_nocase(type, SLICE("text/event-stream"));
	if (probe->stage == STAGE_BROWSER && is_compressed(encoding)) {
		verdict_keep(found->encoding, VERDICT_TEXT, encoding);
		leave(probe);
	}
}

static enum status on_body(void *ctx, struct slice bytes)
{
	struct probe *probe = ctx;

	if (!probe->found.is_stream)
		buf_add(&probe->body, bytes);
	else if (decode_feed(&probe->decode, bytes) != STATUS_OK)
		leave(probe);
	return STATUS_OK;
}

static void on_end(void *ctx, enum status status)
{
	struct probe *probe = ctx;

	if (probe->stage != STAGE_AUTHORIZATION) {
		probe->found.end = status;
		verdict_take_error(&probe->found, buf_slice(&probe->body));
	}
	go_on(probe);
}

/* ---- asking ---- */

static void ask(void *ctx)
{
	const struct http_header accept = {
	    SLICE("Accept"), SLICE("text/event-stream")};
	const struct http_header browser = {
	    SLICE("Accept-Encoding"), SLICE("gzip, br, zstd")};
	const struct http_header authorization = {
	    SLICE("Authorization"), SLICE("Bearer agentcgi-selftest")};
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	struct probe *probe = ctx;
	struct http_header sent[2] = {accept};
	struct http_request request = {
	    .method = "GET",
	    .url = probe->url,
	    .headers = sent,
	    .header_count = 1,
	    .connect_timeout_ms = CONNECT_MS,
	};

	if (probe->stage == STAGE_BROWSER)
		sent[request.header_count++] = browser;
	else if (probe->stage == STAGE_AUTHORIZATION)
		sent[request.header_count++] = authorization;
	else
		forget_answer(&probe->found);
	buf_clear(&probe->body);
	decode_init(&probe->decode, DECODE_SSE, on_event, probe);
	probe->asked_ms = loop_now_ms(probe->loop);
	probe->transfer = http_start(probe->http, &request, &callbacks, probe);
	if (probe->transfer == NULL)
		on_end(probe, STATUS_NO_MEMORY);
}

/* ---- the command ---- */

static bool is_url(struct slice url)
{
	size_t at = slice_find(url, SLICE("://"));
	struct slice scheme = slice_first(url, at);

	return slice_skip(url, at + 3).len > 0 &&
	    (slice_equal_nocase(scheme, SLICE("http")) ||
		slice_equal_nocase(scheme, SLICE("https")));
}

static struct slice without_end(struct slice text, struct slice end)
{
	return slice_ends(text, end) ? slice_first(text, text.len - end.len)
				     : text;
}

/* Where the self-test is, of an agentcgi that is mounted at url. */
static void add_address(struct buf *out, struct slice url)
{
	url = slice_first(url, slice_find(url, SLICE("?")));
	url = slice_first(url, slice_find(url, SLICE("#")));
	url = without_end(url, SLICE("/"));
	url = without_end(url, SLICE("/selftest"));
	url = without_end(url, SLICE("/"));
	buf_add(out, url);
	buf_add_text(out, "/selftest");
}

static bool set_up(struct probe *probe)
{
	struct trust trust = trust_find(NULL, env_get, true);

	(void)signal(SIGPIPE, SIG_IGN);
	buf_init(&probe->body, ERROR_MAX);
	probe->loop = loop_new();
	if (probe->loop == NULL)
		return false;
	probe->http = http_new(probe->loop,
	    &(struct http_options){.ca_file = trust.file, .ca_dir = trust.dir});
	probe->next = loop_timer_new(probe->loop, ask, probe);
	probe->limit = loop_timer_new(probe->loop, on_limit, probe);
	return probe->http != NULL && probe->next != NULL &&
	    probe->limit != NULL;
}

static void tear_down(struct probe *probe)
{
	decode_free(&probe->decode);
	buf_free(&probe->body);
	http_free(probe->http);
	loop_timer_free(probe->next);
	loop_timer_free(probe->limit);
	loop_free(probe->loop);
}

/* Where it asks, without a password. */
static void show_address(const char *url)
{
	const char *host = strstr(url, "://") + 3;
	const char *path = host + strcspn(host, "/");
	char shown[VERDICT_TEXT];

	for (const char *c = host; c < path; c++) {
		if (*c == '@')
			host = c + 1;
	}
	verdict_keep(shown, sizeof shown, slice_from(host));
	(void)printf("%.*s//%s\n", (int)strcspn(url, "/"), url, shown);
	(void)fflush(stdout);
}

/* Ask, and tell what came of it. */
static int measure(struct probe *probe)
{
	struct buf report;
	bool good;
	const char *text;

	show_address(probe->url);
	buf_init(&report, REPORT_MAX);
	loop_timer_start(probe->next, 0);
	loop_timer_start(probe->limit, LIMIT_MS);
	loop_run(probe->loop);
	good = verdict_tell(&report, &probe->found);
	text = buf_text(&report);
	good = text != NULL && printf("\n%s", text) > 0 &&
	    fflush(stdout) == 0 && good;
	buf_free(&report);
	return good ? EXIT_DONE : EXIT_FAILED;
}

int probe_run(const char *url)
{
	struct probe probe = {0};
	int result = EXIT_FAILED;
	struct buf address;

	if (!is_url(slice_from(url))) {
		(void)fprintf(stderr,
		    "agentcgi: selftest wants the URL where agentcgi is "
		    "mounted: https://HOST/api/\n");
		return EXIT_WRONG_USE;
	}
	buf_init(&address, URL_MAX);
	add_address(&address, slice_from(url));
	probe.url = buf_text(&address);
	if (probe.url != NULL && set_up(&probe))
		result = measure(&probe);
	else
		(void)fprintf(stderr,
		    "agentcgi: selftest: out of memory, or the URL has more "
		    "than 8 KiB\n");
	tear_down(&probe);
	buf_free(&address);
	return result;
}
