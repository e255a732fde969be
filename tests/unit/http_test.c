#include "../../src/http.h"

#include "heard_http.h"

/* Play a script to one request: the calls and the outcome. */
static void check_play(const char *const script[], const char *calls,
    enum status wanted, struct slice body)
{
	struct heard heard = {.end = STATUS_COUNT};

	begin(script);
	ask(&heard);
	CHECK(heard.transfer != NULL && heard.calls[0] == '\0');
	loop_run(loop);
	CHECK(was(&heard, calls));
	if (heard.end != wanted)
		printf("# ended with %d\n", heard.end);
	CHECK(heard.end == wanted);
	CHECK_SLICE(buf_slice(&heard.body), body);
	CHECK((wanted == STATUS_OK) == (log_text[0] == '\0'));
	finish(&heard);
}

#define PLAY(calls, wanted, body, ...)                                      \
	check_play((const char *const[]){__VA_ARGS__, NULL}, calls, wanted, \
	    SLICE(body))

TEST(answers)
{
	PLAY("hbe", STATUS_OK, "Hello", LENGTH "Hello");
	PLAY("hbe", STATUS_OK, "Hello", LENGTH, "Hel", "lo", RAW_WAIT);
	PLAY("hbe", STATUS_OK, "Hello",
	    CHUNKED "3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n");
	PLAY("hbe", STATUS_OK, "Hello", OK_HEAD "\r\nHello");
	PLAY("he", STATUS_OK, "", OK_HEAD "Content-Length: 0\r\n\r\n");
	PLAY("he", STATUS_OK, "", "HTTP/1.1 204 No Content\r\n\r\n", RAW_WAIT);
	PLAY("hbe", STATUS_OK, "Hello", "HTTP/1.0 200 OK\r\n\r\nHello");
	PLAY("hbe", STATUS_OK, "Hello",
	    "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nHello");
}

TEST(answers_byte_by_byte)
{
	PLAY("hbe", STATUS_OK, "Hello", RAW_SPLIT, LENGTH, "Hello");
	PLAY("hbe", STATUS_OK, "Hello", RAW_SPLIT, CHUNKED,
	    "3;x=y\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n");
}

TEST(answers_that_break_off)
{
	PLAY("hbe", STATUS_UPSTREAM_CUT, "Hel", LENGTH "Hel");
	PLAY("hbe", STATUS_UPSTREAM_CUT, "Hello", CHUNKED "5\r\nHello\r\n");
	PLAY("hbe", STATUS_UPSTREAM_CUT, "Hel", CHUNKED "5\r\nHel");
	PLAY("he", STATUS_UPSTREAM_CUT, "", CHUNKED);
	PLAY("he", STATUS_UPSTREAM_CUT, "", CHUNKED, RAW_RESET);
}

TEST(no_answer_at_all)
{
	PLAY("e", STATUS_UPSTREAM_EMPTY, "", "");
	PLAY("e", STATUS_UPSTREAM_EMPTY, "", RAW_RESET);
}

TEST(what_is_no_http)
{
	PLAY("e", STATUS_UPSTREAM_ERROR, "", "SSH-2.0-OpenSSH_9.2\r\n");
	PLAY(
	    "he", STATUS_UPSTREAM_CUT, "", CHUNKED "zz\r\nHello\r\n", RAW_WAIT);
}

TEST(interim_answers_are_skipped)
{
	PLAY("hbe", STATUS_OK, "Hello",
	    "HTTP/1.1 100 Continue\r\n\r\n" LENGTH "Hello");
	PLAY("hbe", STATUS_OK, "Hello", RAW_SPLIT,
	    "HTTP/1.1 103 Early Hints\r\nContent-Type: no\r\n\r\n",
	    "HTTP/1.1 100 Continue\r\n\r\n", LENGTH, "Hello");
}

TEST(headers_of_an_interim_answer_are_not_the_answers)
{
	static const char *const script[] = {
	    "HTTP/1.1 103 Early Hints\r\nContent-Type: no\r\n\r\n",
	    "HTTP/1.1 201 X\r\nContent-Length: 0\r\n\r\n", NULL};
	struct heard heard = {0};

	begin(script);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "he") && heard.status == 201);
	CHECK(heard.type[0] == '\0');
	finish(&heard);
}

TEST(trailers_are_no_second_head)
{
	PLAY("hbe", STATUS_OK, "Hello",
	    CHUNKED "5\r\nHello\r\n0\r\nX-Trailer: 1\r\n\r\n", RAW_WAIT);
	PLAY("hbe", STATUS_OK, "Hello", RAW_SPLIT, CHUNKED,
	    "5\r\nHello\r\n0\r\nX-Trailer: 1\r\n\r\n", RAW_WAIT);
}

/* A header of n kilobytes. */
static void check_headers(size_t n, const char *calls, enum status wanted)
{
	static char kilobyte[1025];
	const char *script[64] = {"HTTP/1.1 200 OK\r\n"};
	size_t i;

	memset(kilobyte, 'x', 1024);
	memcpy(kilobyte, "X: ", 3);
	memcpy(kilobyte + 1022, "\r\n", 2);
	for (i = 1; i <= n; i++)
		script[i] = kilobyte;
	script[i] = "Content-Length: 0\r\n\r\n";
	check_play(script, calls, wanted, SLICE(""));
}

TEST(headers_have_a_ceiling)
{
	check_headers(31, "he", STATUS_OK);
	check_headers(33, "e", STATUS_UPSTREAM_ERROR);
}

TEST(what_is_sent)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	struct heard heard = {0};
	struct slice head;

	begin(script);
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.status == 200);
	CHECK(strcmp(heard.type, "text/plain") == 0);
	head = buf_slice(&raw.heard);
	/* The URL goes out as it is. */
	CHECK(slice_starts(head, SLICE("POST /p?q=%41 HTTP/1.1\r\n")));
	CHECK(raw_heard("\r\nHost: agent.example\r\n"));
	CHECK(raw_heard("\r\nX-Empty: 1\r\n"));
	CHECK(raw_heard("\r\nContent-Length: 5\r\n"));
	CHECK(slice_ends(head, SLICE("\r\n\r\nHello")));
	CHECK(!raw_heard("User-Agent") && !raw_heard("Expect"));
	finish(&heard);
}

/* Ask in another way than ask does. */
static void ask_for(
    struct heard *heard, const char *method, const char *type, bool direct)
{
	static const struct http_callbacks callbacks = {
	    .head = on_head, .body = on_body, .end = on_end};
	const struct http_header header = {
	    SLICE("content-type"), slice_from(type)};
	struct http_request request = {
	    .method = method,
	    .url = raw.url,
	    .headers = &header,
	    .header_count = type != NULL,
	    .direct = direct,
	    .connect_timeout_ms = 1000,
	};

	buf_init(&heard->body, 1000);
	heard->transfer = http_start(http, &request, &callbacks, heard);
}

static void check_empty(const char *method, const char *type)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	bool head = strcmp(method, "HEAD") == 0;
	bool get = strcmp(method, "GET") == 0;
	struct heard heard = {0};
	char line[32];

	begin(script);
	ask_for(&heard, method, type, false);
	loop_run(loop);
	CHECK(was(&heard, head ? "he" : "hbe") && heard.end == STATUS_OK);
	(void)snprintf(line, sizeof line, "%s /p?q=%%41 HTTP/1.1\r\n", method);
	CHECK(slice_starts(buf_slice(&raw.heard), slice_from(line)));
	CHECK(raw_heard("ontent-") == (type != NULL || !(head || get)));
	CHECK(raw_heard("\r\ncontent-type: a/b\r\n") == (type != NULL));
	CHECK(!raw_heard("Content-Type"));
	CHECK(raw_heard("\r\nContent-Length: 0\r\n") == !(head || get));
	finish(&heard);
}

TEST(what_is_sent_without_a_body)
{
	check_empty("GET", NULL);
	check_empty("HEAD", NULL);
	check_empty("PUT", NULL);
	check_empty("POST", NULL);
	check_empty("GET", "a/b");
	check_empty("POST", "a/b");
}

/* A kept handle knows nothing of what it was used for before. */
TEST(one_method_after_the_other)
{
	static const char *const script[] = {
	    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
	    "Hello",
	    NULL};
	static const char *const methods[] = {
	    "HEAD", "GET", "POST", "GET", "PUT", "HEAD", "POST"};
	struct heard heard = {0};

	begin(script);
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		buf_free(&heard.body);
		heard = (struct heard){0};
		ask_for(&heard, methods[i], NULL, false);
		loop_run(loop);
		CHECK(was(
		    &heard, strcmp(methods[i], "HEAD") == 0 ? "he" : "hbe"));
	}
	finish(&heard);
}

/* Nothing listens where the environment says that a proxy does. */
TEST(past_the_proxy)
{
	static const char *const script[] = {LENGTH "Hello", NULL};
	struct heard heard = {0}, second = {0};

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	begin(script);
	ask_for(&heard, "GET", NULL, true);
	loop_run(loop);
	CHECK(was(&heard, "hbe") && heard.end == STATUS_OK);
	ask_for(&second, "GET", NULL, false);
	loop_run(loop);
	CHECK(was(&second, "e"));
	CHECK(second.end == STATUS_UPSTREAM_UNREACHABLE);
	(void)unsetenv("http_proxy");
	buf_free(&second.body);
	finish(&heard);
}

TEST(nobody_listens)
{
	struct heard heard = {0};

	raw_listen(1);
	close(raw.fd);
	http_begin();
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "e"));
	CHECK(heard.end == STATUS_UPSTREAM_UNREACHABLE);
	CHECK(logged("upstream: "));
	http_free(http);
	loop_free(loop);
	buf_free(&heard.body);
}

TEST(nobody_takes_the_connection)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	struct heard heard = {0};
	int fds[8];

	/* With its backlog full a socket drops what comes. */
	raw_listen(0);
	CHECK(getsockname(raw.fd, (struct sockaddr *)&at, &len) == 0);
	for (size_t i = 0; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&at, sizeof at);
	}
	http_begin();
	ask(&heard);
	loop_run(loop);
	CHECK(was(&heard, "e") && heard.end == STATUS_UPSTREAM_TIMEOUT);
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
	close(raw.fd);
	http_free(http);
	loop_free(loop);
	buf_free(&heard.body);
}

static void check_url(const char *url, enum status wanted)
{
	struct heard heard = {0};

	http_begin();
	(void)snprintf(raw.url, sizeof raw.url, "%s", url);
	ask(&heard);
	if (heard.transfer != NULL)
		loop_run(loop);
	CHECK(was(&heard, "e") && heard.end == wanted);
	http_free(http);
	loop_free(loop);
	buf_free(&heard.body);
}

TEST(urls_that_lead_nowhere)
{
	check_url("file:///etc/passwd", STATUS_UPSTREAM_ERROR);
	check_url("ftp://127.0.0.1/", STATUS_UPSTREAM_ERROR);
	check_url("http://", STATUS_UPSTREAM_ERROR);
	check_url("", STATUS_UPSTREAM_ERROR);
	check_url("http://[::1", STATUS_UPSTREAM_ERROR);
}

static struct slice header(const char *lines, const char *name)
{
	struct http_head head = {.lines = slice_from(lines)};

	return http_header(&head, name);
}

TEST(headers_are_looked_up)
{
	static const char lines[] = "HTTP/1.1 200 OK: fine\r\nOne: 1\r\n"
				    "one: 2\r\nTWO:\t two \t\r\n"
				    "Three:\r\nFour\r\nFive:5:5\nSix: 6";

	CHECK_SLICE(header(lines, "one"), SLICE("1"));
	CHECK_SLICE(header(lines, "Two"), SLICE("two"));
	CHECK(header(lines, "three").len == 0);
	CHECK(header(lines, "four").len == 0);
	CHECK_SLICE(header(lines, "five"), SLICE("5:5"));
	CHECK_SLICE(header(lines, "six"), SLICE("6"));
	CHECK(header(lines, "seven").len == 0);
	CHECK(header("", "one").len == 0);
	CHECK(header("\r\n\r\n", "one").len == 0);
}

static bool date_is(const char *text, int64_t wanted)
{
	int64_t unix_s = -2;

	return http_date(slice_from(text), &unix_s) && unix_s == wanted;
}

TEST(dates_are_read)
{
	char much[100];
	int64_t unix_s;

	CHECK(date_is("Sun, 06 Nov 1994 08:49:37 GMT", 784111777));
	CHECK(date_is("Sunday, 06-Nov-94 08:49:37 GMT", 784111777));
	CHECK(date_is("Sun Nov  6 08:49:37 1994", 784111777));
	CHECK(date_is("Thu, 01 Jan 1970 00:00:00 GMT", 0));
	CHECK(!http_date(SLICE(""), &unix_s));
	CHECK(!http_date(SLICE("soon"), &unix_s));
	CHECK(!http_date(SLICE("Sun, 32 Nov 1994 08:49:37 GMT"), &unix_s));
	CHECK(!http_date(SLICE("Thu, 01 Jan 1960 00:00:00 GMT"), &unix_s));
	memset(much, ' ', sizeof much);
	CHECK(!http_date((struct slice){much, sizeof much}, &unix_s));
}

TEST(the_version_is_told)
{
	CHECK(strncmp(http_version(), "libcurl/", 8) == 0);
}

int main(void)
{
	return tap_run();
}
