#include "../../src/finding.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../src/json.h"
#include "alloc.h"
#include "tap.h"

/* ---- standard output ---- */

static int saved = -1;
static FILE *taken;
static char text[20000];

static void divert(int fd)
{
	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	CHECK(saved >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
}

/* Everything that is printed from here on is taken, not shown. */
static void take(void)
{
	taken = tmpfile();
	CHECK(taken != NULL);
	divert(fileno(taken));
}

/* What has reached the file so far. */
static struct slice so_far(void)
{
	ssize_t n = pread(fileno(taken), text, sizeof text, 0);

	return (struct slice){.ptr = text, .len = n < 0 ? 0 : (size_t)n};
}

static void give_back(void)
{
	(void)fflush(stdout);
	clearerr(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
}

static struct slice end_taking(void)
{
	struct slice all;

	give_back();
	all = so_far();
	(void)fclose(taken);
	return all;
}

/* ---- for people ---- */

TEST(lines_for_people)
{
	struct findings findings;
	bool good;

	take();
	finding_begin(&findings, false);
	finding_add(&findings, FINDING_OK, "configuration",
	    SLICE("/etc/agentcgi/agentcgi.conf"), SLICE(""));
	finding_add(&findings, FINDING_WARNING, "clock", SLICE("it is late"),
	    SLICE("let NTP set it"));
	finding_add(&findings, FINDING_FAILED, "agent default: keys",
	    SLICE("there are none\nand never were\n"),
	    SLICE("get some:\n{\"a\":1}"));
	good = finding_end(&findings);
	CHECK_SLICE(end_taking(),
	    SLICE("ok       configuration: /etc/agentcgi/agentcgi.conf\n"
		  "warning  clock: it is late\n"
		  "        -> let NTP set it\n"
		  "failed   agent default: keys: there are none\n"
		  "           and never were\n"
		  "        -> get some:\n"
		  "           {\"a\":1}\n"
		  "1 failed, 1 warnings\n"));
	CHECK(!good && findings.failed == 1 && findings.warnings == 1);
}

TEST(a_warning_is_no_failure)
{
	struct findings findings;
	bool good;

	take();
	finding_begin(&findings, false);
	good = finding_end(&findings);
	CHECK_SLICE(end_taking(), SLICE("0 failed, 0 warnings\n"));
	CHECK(good);
	take();
	finding_begin(&findings, false);
	finding_add(&findings, FINDING_WARNING, "a", SLICE("b"), SLICE(""));
	finding_add(&findings, FINDING_WARNING, "a", SLICE("c"), SLICE(""));
	good = finding_end(&findings);
	CHECK_SLICE(end_taking(),
	    SLICE("warning  a: b\nwarning  a: c\n0 failed, 2 warnings\n"));
	CHECK(good);
}

/* The next may take a while. */
TEST(each_is_told_at_once)
{
	struct findings findings;
	struct slice first;

	take();
	finding_begin(&findings, false);
	finding_add(&findings, FINDING_OK, "a", SLICE("b"), SLICE(""));
	first = so_far();
	CHECK_SLICE(first, SLICE("ok       a: b\n"));
	CHECK(finding_end(&findings));
	(void)end_taking();
}

/* Memory was out while its words were made, say. */
TEST(what_has_no_words_is_told_all_the_same)
{
	struct findings findings;
	bool good;

	take();
	finding_begin(&findings, false);
	finding_add(&findings, FINDING_FAILED, "agent x", (struct slice){0},
	    (struct slice){0});
	good = finding_end(&findings);
	CHECK_SLICE(
	    end_taking(), SLICE("failed   agent x: \n1 failed, 0 warnings\n"));
	CHECK(!good);
}

TEST(a_long_topic_is_cut)
{
	struct findings findings;
	char about[400];
	struct slice all;

	memset(about, 'a', sizeof about - 1);
	about[sizeof about - 1] = '\0';
	take();
	finding_begin(&findings, false);
	finding_add(&findings, FINDING_OK, about, SLICE("b"), SLICE(""));
	CHECK(finding_end(&findings));
	all = end_taking();
	CHECK(slice_starts(all, SLICE("ok       aaaa")));
	CHECK(slice_ends(all, SLICE("b\n0 failed, 0 warnings\n")));
}

/* ---- for programs ---- */

static void check_member(
    const struct json *json, const char *name, struct slice wanted)
{
	struct slice got = {0};

	CHECK(json_string(json_get(json, name), &got));
	CHECK_SLICE(got, wanted);
}

TEST(one_object_for_programs)
{
	struct findings findings;
	struct json *json = NULL;
	const struct json *list;
	struct slice before, all;
	bool good;

	take();
	finding_begin(&findings, true);
	finding_add(&findings, FINDING_OK, "a \"b\"", SLICE("c\\d"), SLICE(""));
	finding_add(&findings, FINDING_WARNING, "e", SLICE("two\nlines"),
	    SLICE("{\"Version\":\"2012-10-17\"}"));
	finding_add(&findings, FINDING_FAILED, "f", SLICE("\xff\x01"),
	    SLICE("\xe3\x81\x93"));
	(void)fflush(stdout);
	before = so_far();
	CHECK(before.len == 0);
	good = finding_end(&findings);
	all = end_taking();
	CHECK(!good && findings.json.ptr == NULL);
	CHECK_SLICE(all,
	    SLICE("{\"ok\":false,\"findings\":["
		  "{\"level\":\"ok\",\"about\":\"a \\\"b\\\"\","
		  "\"what\":\"c\\\\d\",\"todo\":\"\"},"
		  "{\"level\":\"warning\",\"about\":\"e\","
		  "\"what\":\"two\\nlines\","
		  "\"todo\":\"{\\\"Version\\\":\\\"2012-10-17\\\"}\"},"
		  "{\"level\":\"failed\",\"about\":\"f\","
		  "\"what\":\"\xef\xbf\xbd\\u0001\","
		  "\"todo\":\"\xe3\x81\x93\"}]}\n"));
	CHECK(json_parse(all, &json) == STATUS_OK);
	list = json_get(json, "findings");
	check_member(json_at(list, 1), "level", SLICE("warning"));
	check_member(json_at(list, 1), "what", SLICE("two\nlines"));
	check_member(
	    json_at(list, 1), "todo", SLICE("{\"Version\":\"2012-10-17\"}"));
	check_member(json_at(list, 2), "todo", SLICE("\xe3\x81\x93"));
	CHECK(json_at(list, 3) == NULL);
	json_free(json);
}

TEST(an_object_without_failures)
{
	struct findings findings;
	bool good;

	take();
	finding_begin(&findings, true);
	good = finding_end(&findings);
	CHECK_SLICE(end_taking(), SLICE("{\"ok\":true,\"findings\":[]}\n"));
	CHECK(good);
	take();
	finding_begin(&findings, true);
	finding_add(&findings, FINDING_WARNING, "a", SLICE("b"), SLICE(""));
	good = finding_end(&findings);
	CHECK_SLICE(end_taking(),
	    SLICE("{\"ok\":true,\"findings\":[{\"level\":\"warning\","
		  "\"about\":\"a\",\"what\":\"b\",\"todo\":\"\"}]}\n"));
	CHECK(good);
}

/* ---- where nothing can be told ---- */

static bool tell(bool as_json)
{
	struct findings findings;

	finding_begin(&findings, as_json);
	finding_add(&findings, FINDING_OK, "a", SLICE("b"), SLICE("c"));
	return finding_end(&findings);
}

TEST(an_output_that_is_full)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	bool people, program;

	CHECK(fd >= 0);
	divert(fd);
	people = tell(false);
	give_back();
	divert(fd);
	program = tell(true);
	give_back();
	(void)close(fd);
	CHECK(!people && !program);
}

/* Half an object, or none, must not pass for a good one. */
TEST(no_memory)
{
	size_t n;
	bool good, failed;
	struct slice all;

	for (n = 0;; n++) {
		take();
		alloc_fail_at(n);
		good = tell(true);
		failed = alloc_failed();
		all = end_taking();
		if (!failed)
			break;
		CHECK(all.len == 0 ? !good : good);
	}
	CHECK(n >= 1 && good && all.len > 0);
}

TEST(more_than_fits)
{
	static char much[3 << 20];
	struct findings findings;
	struct slice all;
	bool good;

	memset(much, 'x', sizeof much);
	take();
	finding_begin(&findings, true);
	for (int i = 0; i < 2; i++)
		finding_add(&findings, FINDING_OK, "a",
		    (struct slice){.ptr = much, .len = sizeof much}, SLICE(""));
	good = finding_end(&findings);
	all = end_taking();
	CHECK(!good && all.len == 0);
}

int main(void)
{
	return tap_run();
}
