#include "../../src/credentials/container.h"

#include <sys/stat.h>
#include <unistd.h>

#include "source_play.h"

#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL     "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN    "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define FILE_OF  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

#define KEYS                                                \
	"{\"AccessKeyId\":\"AKIAONE\",\"SecretAccessKey\":" \
	"\"SECRET\",\"Token\":\"TOKEN/\","                  \
	"\"Expiration\":\"2026-01-01T06:00:00Z\"}"

static char token_file[] = P_tmpdir "/container.XXXXXX";

static struct container *start(void)
{
	struct container *container;

	begin();
	container = container_start(&context, on_keys, &loop);
	CHECK(container != NULL && answers == 0 && questions == 0);
	return container;
}

static void write_token(const char *text)
{
	FILE *file = fopen(token_file, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
	set(FILE_OF, token_file);
}

TEST(whether_there_is_one)
{
	forget_all();
	CHECK(!container_configured(fake_getenv));
	set(FULL, "");
	CHECK(!container_configured(fake_getenv));
	set(FULL, "http://x/");
	CHECK(container_configured(fake_getenv));
	forget_all();
	set(RELATIVE, "/x");
	CHECK(container_configured(fake_getenv));
	buf_free(&asked);
}

TEST(the_relative_address_wins)
{
	forget_all();
	set(RELATIVE, "/v2/credentials/0a-b?x=1");
	set(FULL, "ftp://elsewhere/");
	(void)start();
	run();
	check_asked("GET http://169.254.170.2/v2/credentials/0a-b?x=1\n"
		    "Accept: application/json\n\n");
	CHECK(asked_direct && asked_timeout_ms == 2000);
	CHECK(asked_keys == NULL);
	reply(200, KEYS);
	check_end(STATUS_OK);
	check_keys("AKIAONE", "SECRET", "TOKEN/", NOW_S + 6 * 3600);
	CHECK(log_text[0] == '\0');
}

static void check_address(const char *url, bool allowed)
{
	char wanted[200];

	forget_all();
	set(FULL, url);
	(void)start();
	run();
	if (allowed) {
		(void)snprintf(wanted, sizeof wanted,
		    "GET %s\nAccept: application/json\n\n", url);
		check_asked(wanted);
		reply(200, KEYS);
		check_end(STATUS_OK);
		return;
	}
	if (questions != 0)
		printf("# asked %s\n", url);
	CHECK(questions == 0 && logged(FULL " must be https://"));
	CHECK(!logged("evil"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(addresses_where_nobody_else_listens)
{
	check_address("https://example.org/keys?a=b", true);
	check_address("https://example.org:8443", true);
	check_address("http://127.0.0.1/keys", true);
	check_address("http://127.255.3.4:8080/keys", true);
	check_address("http://localhost:1/keys", true);
	check_address("http://LocalHost?x", true);
	check_address("http://169.254.170.2/v2", true);
	check_address("http://169.254.170.23/v1/credentials", true);
	check_address("http://[::1]/keys", true);
	check_address("http://[::1]:65535/keys", true);
	check_address("http://[fd00:ec2::23]/v1/credentials", true);
	check_address("http://[fd00:0ec2:0::23]:80/v1", true);
}

TEST(addresses_that_others_could_read)
{
	static const char *const urls[] = {"http://example.org/",
	    "http://10.0.0.1/", "http://128.0.0.1/", "http://126.0.0.1/",
	    "http://169.254.170.3/", "http://169.254.169.254/", "http://127.1/",
	    "http://0127.0.0.1/", "http://127.0.0.1.evil/",
	    "http://127.0.0.1@evil/", "http://127.0.0.1:80@evil/",
	    "http://localhost.evil/", "http://127.0.0.1\\@evil/",
	    "http://127.0.0.1#@evil/", "http://127.0.0.1:99999/",
	    "http://127.0.0.1:8o/", "http://[::2]/", "http://[::1/",
	    "http://[::1]x/", "http://[fd00:ec2::24]/", "http://::1/",
	    "http://[127.0.0.1]/", "http://", "http:///x", "https://",
	    "https:///evil", "https://user@evil/", "https://evil/a b",
	    "https://evil/\x7f", "https://evil/\n", "ftp://127.0.0.1/",
	    "HTTP://127.0.0.1/", "127.0.0.1/", "/evil", "file:///etc/passwd",
	    "http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]/"};

	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
		check_address(urls[i], false);
}

static void check_refused(const char *reason)
{
	(void)start();
	run();
	CHECK(questions == 0 && logged(reason));
	if (!logged(reason))
		printf("# logged %s\n", log_text);
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(relative_addresses_are_paths)
{
	static char much[3000];

	forget_all();
	set(RELATIVE, "@evil/");
	check_refused(RELATIVE " must be a path");
	set(RELATIVE, "/a b");
	check_refused(RELATIVE " must be a path");
	memset(much, '/', sizeof much - 1);
	set(RELATIVE, much);
	check_refused(RELATIVE " must be a path");
}

TEST(what_to_show)
{
	forget_all();
	set(RELATIVE, "/x");
	set(TOKEN, "Basic a token");
	(void)start();
	run();
	check_asked("GET http://169.254.170.2/x\nAccept: application/json\n"
		    "Authorization: Basic a token\n\n");
	reply(200, KEYS);
	check_end(STATUS_OK);
	/* The file wins, and is read again each time. */
	write_token("first\n");
	(void)start();
	run();
	check_asked("GET http://169.254.170.2/x\nAccept: application/json\n"
		    "Authorization: first\n\n");
	reply(200, KEYS);
	check_end(STATUS_OK);
	write_token("second\r\n");
	(void)start();
	run();
	check_asked("GET http://169.254.170.2/x\nAccept: application/json\n"
		    "Authorization: second\n\n");
	reply(200, KEYS);
	check_end(STATUS_OK);
}

TEST(what_cannot_be_shown)
{
	static char much[20000];

	forget_all();
	set(RELATIVE, "/x");
	set(TOKEN, "a\r\nX: b");
	check_refused(TOKEN " is too long or holds");
	memset(much, 'x', sizeof much - 1);
	set(TOKEN, much);
	check_refused(TOKEN " is too long or holds");
	set(TOKEN, "fine");
	write_token("");
	check_refused("is empty or holds");
	write_token("\n");
	check_refused("is empty or holds");
	write_token("two\nlines\n");
	check_refused("is empty or holds");
	write_token("a\tb");
	check_refused("is empty or holds");
	write_token(much);
	check_refused("is larger than 16384 bytes");
	much[16384] = '\0';
	write_token(much);
	much[16384] = 'x';
	(void)start();
	run();
	CHECK(waiting);
	reply(200, KEYS);
	check_end(STATUS_OK);
	set(FILE_OF, P_tmpdir);
	check_refused("cannot read " P_tmpdir);
	set(FILE_OF, "/nowhere/at/all");
	check_refused("/nowhere/at/all, the token that " FILE_OF);
}

TEST(asking_again)
{
	forget_all();
	set(RELATIVE, "/x");
	(void)start();
	loop_pass(&loop, 0);
	CHECK(questions == 1);
	no_reply(STATUS_UPSTREAM_UNREACHABLE);
	loop_pass(&loop, 999);
	CHECK(questions == 1 && answers == 0);
	loop_pass(&loop, 1);
	CHECK(questions == 2);
	reply(503, "busy");
	loop_pass(&loop, 1000);
	CHECK(questions == 3);
	reply(200, KEYS);
	check_end(STATUS_OK);
}

static void check_final(
    size_t tries, unsigned http, enum status status, const char *reason)
{
	forget_all();
	set(RELATIVE, "/x");
	(void)start();
	for (size_t i = 0; i < tries; i++) {
		run();
		if (http != 0)
			reply(http, "{\"message\":\"words\"}");
		else
			no_reply(status);
	}
	CHECK(questions == tries && logged(reason));
	check_end(status == STATUS_NO_MEMORY ? status : STATUS_NO_CREDENTIALS);
}

TEST(giving_up)
{
	check_final(3, 500, STATUS_OK, "answered 500");
	check_final(3, 0, STATUS_UPSTREAM_TIMEOUT, "gave no answer");
	check_final(3, 0, STATUS_UPSTREAM_UNREACHABLE, "gave no answer");
	check_final(3, 0, STATUS_UPSTREAM_CUT, "gave no answer");
	check_final(1, 0, STATUS_TOO_LARGE, "gave no answer");
	check_final(1, 0, STATUS_UPSTREAM_UNTRUSTED, "gave no answer");
	check_final(1, 0, STATUS_NO_MEMORY, "");
	check_final(1, 401, STATUS_OK, "answered 401: check the token");
	check_final(1, 403, STATUS_OK, "answered 403: check the token");
	check_final(1, 404, STATUS_OK, "answered 404: check " RELATIVE);
	check_final(1, 400, STATUS_OK, "answered 400");
	check_final(1, 302, STATUS_OK, "answered 302");
	check_final(1, 200, STATUS_OK, "no keys: it has no access key id");
}

TEST(an_answer_that_is_no_json)
{
	forget_all();
	set(RELATIVE, "/x");
	(void)start();
	run();
	reply(200, "<html>SECRET");
	CHECK(logged("it is no JSON"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(cancelling)
{
	struct container *container;

	forget_all();
	set(RELATIVE, "/x");
	container = start();
	container_cancel(container);
	CHECK(loop_timers(&loop) == 0);
	container = start();
	run();
	container_cancel(container);
	CHECK(cancelled == 1 && loop_timers(&loop) == 0);
	container = start();
	run();
	no_reply(STATUS_UPSTREAM_TIMEOUT);
	container_cancel(container);
	CHECK(cancelled == 0 && loop_timers(&loop) == 0);
	container_cancel(NULL);
	run();
	CHECK(answers == 0);
	buf_free(&asked);
}

TEST(no_memory)
{
	struct container *container;
	size_t n = 0;

	forget_all();
	set(RELATIVE, "/x");
	for (;; n++) {
		begin();
		alloc_fail_at(n);
		container = container_start(&context, on_keys, &loop);
		if (!alloc_failed())
			break;
		CHECK(container == NULL && loop_timers(&loop) == 0);
	}
	CHECK(n == 2);
	no_fetch = true;
	run();
	check_end(STATUS_NO_MEMORY);
}

int main(void)
{
	int fd = mkstemp(token_file), result;

	if (fd < 0 || close(fd) != 0)
		return 1;
	result = tap_run();
	unlink(token_file);
	return result;
}
