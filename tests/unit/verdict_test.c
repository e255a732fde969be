#include "../../src/verdict.h"

#include "../../src/buf.h"
#include "tap.h"

enum {
	TICKS = 10
};

static const uint64_t sent[TICKS] = {
    0, 301, 600, 900, 1201, 1500, 1800, 2101, 2400, 2700};

static enum verdict_timing judge(const uint64_t arrived[TICKS])
{
	return verdict_timing(sent, arrived, TICKS);
}

/* ---- times ---- */

TEST(ticks_on_time_stream)
{
	uint64_t arrived[TICKS];

	for (size_t i = 0; i < TICKS; i++)
		arrived[i] = sent[i] + 40;
	CHECK(judge(arrived) == VERDICT_STREAMS);
	/* Measured from the one that was quickest. */
	arrived[0] += 150;
	CHECK(judge(arrived) == VERDICT_STREAMS);
	arrived[0] += 1;
	CHECK(judge(arrived) == VERDICT_BLOCKS);
	arrived[0] -= 151;
	arrived[9] += 151;
	CHECK(judge(arrived) == VERDICT_BLOCKS);
}

TEST(only_differences_count)
{
	uint64_t arrived[TICKS];

	for (size_t i = 0; i < TICKS; i++)
		arrived[i] = sent[i] + 100000;
	CHECK(judge(arrived) == VERDICT_STREAMS);
	/* Their clock may be ahead of ours. */
	CHECK(verdict_timing(arrived, sent, TICKS) == VERDICT_STREAMS);
}

TEST(all_at_once_is_held_back)
{
	uint64_t arrived[TICKS];

	for (size_t i = 0; i < TICKS; i++)
		arrived[i] = 2703;
	CHECK(judge(arrived) == VERDICT_HELD);
	/* A slow line takes its time for what comes at once. */
	arrived[9] += 539;
	CHECK(judge(arrived) == VERDICT_HELD);
	arrived[9] += 1;
	CHECK(judge(arrived) == VERDICT_BLOCKS);
}

TEST(some_at_once_are_blocks)
{
	static const uint64_t arrived[TICKS] = {
	    900, 900, 900, 900, 2101, 2101, 2101, 2101, 2700, 2700};

	CHECK(judge(arrived) == VERDICT_BLOCKS);
}

TEST(few_ticks)
{
	static const uint64_t two[] = {2700, 2700};

	CHECK(verdict_timing(sent, two, 0) == VERDICT_STREAMS);
	CHECK(verdict_timing(sent, two, 1) == VERDICT_STREAMS);
	CHECK(verdict_timing(sent, two, 2) == VERDICT_HELD);
}

/* ---- what the other side says ---- */

TEST(foreign_text_is_printable_and_short)
{
	char text[8], lines[16];

	verdict_keep(text, sizeof text, SLICE("a\x1b[\xc2\x9b\nbcd"));
	CHECK(strcmp(text, "a?[???b") == 0);
	verdict_keep(text, sizeof text, SLICE(""));
	CHECK(strcmp(text, "") == 0);
	verdict_keep_lines(lines, sizeof lines, SLICE("one\ntw\ro\n"));
	CHECK(strcmp(lines, "one\ntw?o\n") == 0);
	verdict_keep_lines(lines, sizeof lines, SLICE("123456789012345678"));
	CHECK(strcmp(lines, "12345678901234\n") == 0);
	verdict_keep_lines(lines, sizeof lines, SLICE("1234567890123\n4567"));
	CHECK(strcmp(lines, "1234567890123\n") == 0);
	verdict_keep_lines(lines, sizeof lines, SLICE(""));
	CHECK(strcmp(lines, "") == 0);
}

TEST(event_server)
{
	struct verdict found = {0};

	verdict_take_server(&found, SLICE("{\"software\":1"));
	CHECK(!found.has_server);
	verdict_take_server(&found,
	    SLICE("{\"software\":\"x/1\\u001b[0m\",\"gateway\":7,"
		  "\"advice\":{\"stream\":\"a\\nb\",\"compression\":null}}"));
	CHECK(found.has_server);
	CHECK(strcmp(found.software, "x/1?[0m") == 0);
	CHECK(strcmp(found.gateway, "") == 0);
	CHECK(strcmp(found.stream, "a\nb\n") == 0);
	CHECK(strcmp(found.compression, "") == 0);
	CHECK(strcmp(found.authorization_line, "") == 0);
}

/* ---- words ---- */

static char told[16 << 10];

static bool tell(const struct verdict *found)
{
	struct buf out;
	bool good;

	buf_init(&out, sizeof told);
	good = verdict_tell(&out, found);
	(void)snprintf(told, sizeof told, "%s", buf_text(&out));
	buf_free(&out);
	return good;
}

static bool says(const char *words)
{
	if (strstr(told, words) != NULL)
		return true;
	printf("# told: %s\n", told);
	return false;
}

/* An answer as it should be. */
static struct verdict perfect(void)
{
	struct verdict found = {
	    .http = 200,
	    .is_stream = true,
	    .has_server = true,
	    .has_id = true,
	    .done = "complete",
	    .ticks = TICKS,
	    .software = "Apache/2.4.71",
	    .gateway = "mod_fcgid",
	    .stream = "FcgidOutputBufferSize 0\n",
	    .compression = "SetEnv no-gzip 1\nSetEnv no-brotli 1\n",
	    .authorization_line = "CGIPassAuth On\n",
	    .authorization = VERDICT_ARRIVES,
	};

	for (size_t i = 0; i < TICKS; i++)
		found.sent_ms[i] = found.arrived_ms[i] = sent[i];
	return found;
}

TEST(all_is_well)
{
	struct verdict found = perfect();

	CHECK(tell(&found));
	CHECK(says("streams: ") && says("\nnot compressed\n") &&
	    says("\nAuthorization arrives\n"));
	CHECK(strstr(told, "Fcgid") == NULL && strstr(told, "CGIP") == NULL);
}

TEST(held_back)
{
	struct verdict found = perfect();

	for (size_t i = 0; i < TICKS; i++)
		found.arrived_ms[i] = 2700;
	CHECK(!tell(&found));
	CHECK(says("held back until the end: ") &&
	    says("For Apache/2.4.71 (mod_fcgid) this mends it:\n"
		 "      FcgidOutputBufferSize 0\n"));
	found.arrived_ms[0] = 0;
	found.stream[0] = '\0';
	CHECK(!tell(&found));
	CHECK(says("held in blocks: ") && says("a proxy or CDN"));
	CHECK(strstr(told, "mends") == NULL);
}

TEST(compressed)
{
	struct verdict found = perfect();

	(void)stpcpy(found.encoding, "gzip");
	CHECK(!tell(&found));
	CHECK(says("streams: ") && says("compressed (gzip)") &&
	    says("      SetEnv no-gzip 1\n      SetEnv no-brotli 1\n"));
	CHECK(strstr(told, "not compressed") == NULL);
}

TEST(authorization_alone_is_no_failure)
{
	struct verdict found = perfect();

	found.authorization = VERDICT_LOST;
	CHECK(tell(&found));
	CHECK(says("Authorization lost: a warning") &&
	    says("      CGIPassAuth On\n"));
	found.authorization = VERDICT_CHECKED;
	CHECK(tell(&found));
	CHECK(says("Authorization is checked by the web server itself"));
	found.authorization = VERDICT_UNKNOWN;
	CHECK(tell(&found) && says("Authorization: not known"));
}

TEST(cut)
{
	struct verdict found = perfect();

	(void)stpcpy(found.done, "stopped");
	CHECK(!tell(&found) && says("cut: agentcgi ended it (stopped)"));
	found.done[0] = '\0';
	found.ticks = 4;
	CHECK(!tell(&found));
	CHECK(says("cut: 4 ticks came, and then no done\n"));
	found.timed_out = true;
	CHECK(!tell(&found) && says("no done in 60 s\n"));
	/* Before it said whose it is. */
	found = (struct verdict){
	    .http = 200, .is_stream = true, .end = STATUS_UPSTREAM_CUT};
	CHECK(!tell(&found) && says("cut: 0 ticks"));
	CHECK(strstr(told, "Authorization") == NULL);
}

TEST(no_answer)
{
	struct verdict found = {.end = STATUS_UPSTREAM_UNREACHABLE};

	CHECK(!tell(&found) && says("unreachable: no answer"));
	found.end = STATUS_UPSTREAM_UNTRUSTED;
	CHECK(!tell(&found) && says("TLS failure: "));
	found = (struct verdict){.timed_out = true};
	CHECK(!tell(&found) && says("unreachable: it took too long"));
}

TEST(another_answer)
{
	static const struct {
		struct verdict found;
		const char *first, *also;
	} cases[] = {
	    {{.http = 404, .type = "text/html"},
		"base path wrong: HTTP 404 (text/html) from the web server",
		"mounted"},
	    {{.http = 200}, "base path wrong: HTTP 200 (no type)", "mounted"},
	    /* A stranger's stream. */
	    {{.http = 200, .is_stream = true, .type = "text/event-stream"},
		"base path wrong: HTTP 200 (text/event-stream)", "mounted"},
	    {{.http = 301, .location = "https://h/api/"},
		"base path wrong: HTTP 301", "redirects"},
	    {{.http = 404, .has_id = true, .code = "not_found"},
		"base path wrong: agentcgi answered 404 (not_found)", "mount"},
	    /* An id alone may be anybody's. */
	    {{.http = 404, .has_id = true}, "base path wrong: HTTP 404",
		"mounted"},
	    {{.http = 401}, "refused: HTTP 401 from the web server", "PASS"},
	    {{.http = 403, .code = "forbidden"}, "refused: HTTP 403", "rules"},
	    {{.http = 401, .has_id = true, .code = "unauthorised"},
		"refused: agentcgi answered 401 (unauthorised)",
		"require_user"},
	    {{.http = 503,
		 .has_id = true,
		 .code = "overloaded",
		 .message = "Not set up."},
		"refused: agentcgi answered 503 (overloaded): Not set up.",
		"agentcgi -t"},
	    {{.http = 502}, "unreachable: HTTP 502", "socket"},
	    {{.http = 500}, "failed: HTTP 500", "error log"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(!tell(&cases[i].found));
		CHECK(
		    strncmp(told, cases[i].first, strlen(cases[i].first)) == 0);
		CHECK(says(cases[i].also));
	}
}

TEST(an_error_object)
{
	struct verdict found = {0};

	verdict_take_error(&found, SLICE("<html>"));
	verdict_take_error(&found, SLICE("{\"error\":\"no\"}"));
	CHECK(found.code[0] == '\0');
	verdict_take_error(&found,
	    SLICE("{\"error\":{\"code\":\"overloaded\",\"message\":\"Busy.\","
		  "\"requestId\":\"r\",\"retryable\":true}}"));
	CHECK(strcmp(found.code, "overloaded") == 0);
	CHECK(strcmp(found.message, "Busy.") == 0);
}

int main(void)
{
	return tap_run();
}
