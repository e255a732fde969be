#include "../../src/credentials/instance.h"

#include "source_play.h"

#define ENDPOINT "AWS_EC2_METADATA_SERVICE_ENDPOINT"
#define MODE     "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"
#define TIMEOUT  "AWS_METADATA_SERVICE_TIMEOUT"
#define ATTEMPTS "AWS_METADATA_SERVICE_NUM_ATTEMPTS"

#define HOST  "http://169.254.169.254"
#define ROLES "/latest/meta-data/iam/security-credentials/"

#define ASK_TOKEN(base)                   \
	"PUT " base "/latest/api/token\n" \
	"X-aws-ec2-metadata-token-ttl-seconds: 21600\n\n"
#define ASK(base, path, token) \
	"GET " base path "\nX-aws-ec2-metadata-token: " token "\n\n"

#define KEYS                                                   \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"AKIAONE\","   \
	"\"SecretAccessKey\":\"SECRET\",\"Token\":\"TOKEN/\"," \
	"\"Expiration\":\"2026-01-01T06:00:00Z\"}"

static struct instance *start(void)
{
	struct instance *instance;

	begin();
	instance = instance_start(&context, on_keys, &loop);
	CHECK(instance != NULL && answers == 0 && questions == 0);
	loop_pass(&loop, 0);
	return instance;
}

TEST(whether_it_may_be_asked)
{
	forget_all();
	CHECK(!instance_disabled(fake_getenv));
	set("AWS_EC2_METADATA_DISABLED", "false");
	CHECK(!instance_disabled(fake_getenv));
	set("AWS_EC2_METADATA_DISABLED", "True");
	CHECK(instance_disabled(fake_getenv));
	buf_free(&asked);
}

TEST(what_is_asked)
{
	forget_all();
	(void)start();
	check_asked(ASK_TOKEN(HOST));
	CHECK(asked_direct && asked_timeout_ms == 1000);
	CHECK(asked_keys == NULL);
	reply(200, "t0");
	check_asked(ASK(HOST, ROLES, "t0"));
	CHECK(asked_direct);
	reply(200, "my-role_1+=,.@\n");
	check_asked(ASK(HOST, ROLES "my-role_1+=,.@", "t0"));
	reply(200, KEYS);
	CHECK(questions == 3 && log_text[0] == '\0');
	check_end(STATUS_OK);
	check_keys("AKIAONE", "SECRET", "TOKEN/", NOW_S + 6 * 3600);
}

/* Whoever still has better ones keeps them. */
TEST(expired_keys_are_passed_on)
{
	forget_all();
	now_s = NOW_S + 86400;
	(void)start();
	now_s = NOW_S + 86400;
	reply(200, "t0");
	reply(200, "first\r\nsecond\n");
	check_asked(ASK(HOST, ROLES "first", "t0"));
	reply(200, KEYS);
	check_end(STATUS_OK);
	check_keys("AKIAONE", "SECRET", "TOKEN/", NOW_S + 6 * 3600);
}

static void check_base(const char *wanted)
{
	(void)start();
	check_asked(wanted);
	no_reply(STATUS_UPSTREAM_ERROR);
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(where_it_is)
{
	forget_all();
	set(MODE, "IPv4");
	check_base(ASK_TOKEN(HOST));
	set(MODE, "ipv6");
	check_base(ASK_TOKEN("http://[fd00:ec2::254]"));
	set(ENDPOINT, "http://127.0.0.1:9911/");
	check_base(ASK_TOKEN("http://127.0.0.1:9911"));
	set(ENDPOINT, "http://127.0.0.1:9911/base//");
	check_base(ASK_TOKEN("http://127.0.0.1:9911/base"));
}

static void check_refused(
    const char *name, const char *value, const char *reason)
{
	forget_all();
	set(name, value);
	(void)start();
	CHECK(questions == 0 && logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(variables_that_are_wrong)
{
	check_refused(MODE, "IPv5", MODE " must be IPv4 or IPv6");
	check_refused(ENDPOINT, "127.0.0.1", ENDPOINT " must be http");
	check_refused(ENDPOINT, "http://u@h/", ENDPOINT " must be http");
	check_refused(TIMEOUT, "0",
	    TIMEOUT " must be a whole number from 1 to "
		    "60");
	check_refused(TIMEOUT, "61", TIMEOUT " must be");
	check_refused(TIMEOUT, "1.5", TIMEOUT " must be");
	check_refused(ATTEMPTS, "0",
	    ATTEMPTS " must be a whole number from 1 "
		     "to 10");
	check_refused(ATTEMPTS, "11", ATTEMPTS " must be");
	check_refused(ATTEMPTS, "-1", ATTEMPTS " must be");
}

TEST(how_long_and_how_often)
{
	forget_all();
	set(TIMEOUT, "60");
	set(ATTEMPTS, "3");
	(void)start();
	CHECK(asked_timeout_ms == 60000);
	no_reply(STATUS_UPSTREAM_TIMEOUT);
	run();
	CHECK(questions == 2);
	reply(500, "");
	run();
	reply(200, "t0");
	CHECK(questions == 4);
	/* Each question has its own. */
	for (size_t i = 0; i < 2; i++) {
		no_reply(STATUS_UPSTREAM_CUT);
		run();
	}
	CHECK(questions == 6 && answers == 0);
	no_reply(STATUS_UPSTREAM_CUT);
	CHECK(logged("it stopped answering"));
	check_end(STATUS_NO_CREDENTIALS);
}

static void check_no_token(
    unsigned http, enum status status, const char *reason)
{
	forget_all();
	(void)start();
	if (http != 0)
		reply(http, "");
	else
		no_reply(status);
	CHECK(questions == 1);
	CHECK(logged("no keys from the instance's metadata: "));
	CHECK(logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

/* Version 1 is never asked. */
TEST(no_token)
{
	check_no_token(0, STATUS_UPSTREAM_TIMEOUT, "hop limit is 1");
	check_no_token(0, STATUS_UPSTREAM_UNREACHABLE, "cannot be reached");
	check_no_token(0, STATUS_UPSTREAM_ERROR, "cannot be reached");
	check_no_token(403, STATUS_OK, "it is switched off");
	check_no_token(404, STATUS_OK, "does not speak IMDSv2");
	check_no_token(405, STATUS_OK, "does not speak IMDSv2");
	check_no_token(400, STATUS_OK, "it gives no token");
	check_no_token(401, STATUS_OK, "it gives no token");
	check_no_token(500, STATUS_OK, "it gives no token");
	check_no_token(200, STATUS_OK, "what it gives is no token");
}

static void check_bad_token(const char *token)
{
	forget_all();
	(void)start();
	reply(200, token);
	CHECK(logged("what it gives is no token"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(tokens_that_are_none)
{
	static char much[1026];

	check_bad_token(" \t");
	check_bad_token("a\r\nX: b");
	memset(much, 'x', 1025);
	check_bad_token(much);
	much[1024] = '\0';
	forget_all();
	(void)start();
	reply(200, much);
	CHECK(waiting);
	reply(404, "");
	check_end(STATUS_NO_CREDENTIALS);
}

static void check_no_role(unsigned http, const char *body, const char *reason)
{
	forget_all();
	(void)start();
	reply(200, "t0");
	reply(http, body);
	CHECK(questions == 2 && logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(no_role)
{
	static char much[130];

	check_no_role(404, "", "no role is attached");
	check_no_role(403, "", "does not tell the name of its role");
	check_no_role(500, "", "does not tell the name of its role");
	check_no_role(200, "", "is no role's name");
	check_no_role(200, "\nrole", "is no role's name");
	check_no_role(200, "../../user-data", "is no role's name");
	check_no_role(200, "a b", "is no role's name");
	check_no_role(200, "<html>", "is no role's name");
	check_no_role(200, "r?x", "is no role's name");
	check_no_role(200, "r\xc3\xa9", "is no role's name");
	memset(much, 'x', 129);
	check_no_role(200, much, "is no role's name");
}

static void check_no_keys(unsigned http, const char *body, const char *reason)
{
	forget_all();
	(void)start();
	reply(200, "t0");
	reply(200, "role");
	reply(http, body);
	CHECK(questions == 3 && logged(reason));
	if (!logged(reason))
		printf("# logged %s\n", log_text);
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(no_keys)
{
	check_no_keys(404, "", "answered 404 for its role's keys");
	check_no_keys(500, "", "answered 500 for its role's keys");
	check_no_keys(200, "", "the answer is no JSON");
	check_no_keys(200, "[]", "it is no JSON object");
	check_no_keys(200, "{\"Code\":\"Success\"}", "no access key id");
	check_no_keys(200,
	    "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"w\","
	    "\"AccessKeyId\":\"AKIAONE\",\"SecretAccessKey\":\"SECRET\"}",
	    "says AssumeRoleUnauthorizedAccess of its role");
	check_no_keys(200, "{\"Code\":\"x 123456789012\"}", "says  of its");
}

TEST(no_code_is_no_failure)
{
	forget_all();
	(void)start();
	reply(200, "t0");
	reply(200, "role");
	reply(200,
	    "{\"AccessKeyId\":\"AKIAONE\","
	    "\"SecretAccessKey\":\"SECRET\"}");
	check_end(STATUS_OK);
	check_keys("AKIAONE", "SECRET", "", 0);
}

TEST(a_token_gone_stale_is_renewed_once)
{
	forget_all();
	(void)start();
	reply(200, "t0");
	reply(200, "role");
	reply(401, "");
	check_asked(ASK_TOKEN(HOST));
	reply(200, "t1");
	/* The role is known. */
	check_asked(ASK(HOST, ROLES "role", "t1"));
	reply(200, KEYS);
	check_end(STATUS_OK);
	(void)start();
	reply(200, "t0");
	reply(401, "");
	reply(200, "t1");
	check_asked(ASK(HOST, ROLES, "t1"));
	reply(200, "role");
	reply(401, "");
	CHECK(logged("answered 401 for its role's keys"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(cancelling)
{
	for (size_t steps = 0; steps < 4; steps++) {
		struct instance *instance;

		forget_all();
		if (steps == 0) {
			begin();
			instance = instance_start(&context, on_keys, &loop);
		} else {
			instance = start();
		}
		if (steps > 1)
			reply(200, "t0");
		if (steps > 2)
			reply(200, "role");
		instance_cancel(instance);
		CHECK(cancelled == (steps > 0));
		CHECK(loop_timers(&loop) == 0 && answers == 0);
		buf_free(&asked);
	}
	instance_cancel(NULL);
}

TEST(no_memory)
{
	struct instance *instance;
	size_t n = 0;

	for (;; n++) {
		forget_all();
		alloc_fail_at(n);
		instance = instance_start(&context, on_keys, &loop);
		if (!alloc_failed())
			break;
		CHECK(instance == NULL && loop_timers(&loop) == 0);
	}
	CHECK(n == 2);
	instance_cancel(instance);
	for (size_t steps = 0; steps < 3; steps++) {
		(void)start();
		if (steps > 0)
			reply(200, "t0");
		if (steps > 1)
			reply(200, "role");
		no_reply(STATUS_NO_MEMORY);
		check_end(STATUS_NO_MEMORY);
	}
}

int main(void)
{
	return tap_run();
}
