#include "../../src/credentials/sso.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../src/credentials/ssotoken.h"
#include "source_play.h"

/* sha1sum of my-sso, and of https://a.example/start. */
#define MY_SSO "/.aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json"

#define KEYS                                                          \
	"{\"roleCredentials\":{\"accessKeyId\":\"AKIASSO\","          \
	"\"secretAccessKey\":\"SECRET\",\"sessionToken\":\"TOKEN/\"," \
	"\"expiration\":1767229200000}}"

#define ASK_KEYS(access)                                               \
	"GET https://portal.sso.eu-west-1.amazonaws.com/federation/"   \
	"credentials?role_name=Power%2FUser&account_id=123456789012\n" \
	"x-amz-sso_bearer_token: " access "\n\n"
#define ASK_TOKEN                                                \
	"POST https://oidc.eu-west-1.amazonaws.com/token\n"      \
	"Content-Type: application/json\n\n"                     \
	"{\"clientId\":\"id\",\"clientSecret\":\"SECRET/\\\"\"," \
	"\"grantType\":\"refresh_token\",\"refreshToken\":\"TOKEN/r\"}"

#define FRESH \
	"\"accessToken\":\"TOKEN/a\",\"expiresAt\":\"2026-01-01T08:00:00Z\""
#define SHORT \
	"\"accessToken\":\"TOKEN/a\",\"expiresAt\":\"2026-01-01T00:05:00Z\""
#define ENDED \
	"\"accessToken\":\"TOKEN/a\",\"expiresAt\":\"2026-01-01T00:00:00Z\""
#define RENEWAL                                                   \
	",\"clientId\":\"id\",\"clientSecret\":\"SECRET/\\\"\","  \
	"\"refreshToken\":\"TOKEN/r\",\"registrationExpiresAt\":" \
	"\"2026-03-01T00:00:00Z\""

static char directory[] = P_tmpdir "/sso.XXXXXX";
static char cache[200], file[300];

static void write_cache(const char *text)
{
	FILE *to = fopen(file, "we");

	if (to == NULL || fputs(text, to) < 0 || fclose(to) != 0)
		abort();
}

static void check_cache(const char *wanted)
{
	static char text[100000];
	FILE *from = fopen(file, "re");
	size_t n;

	if (from == NULL)
		abort();
	n = fread(text, 1, sizeof text - 1, from);
	fclose(from);
	CHECK_SLICE(((struct slice){text, n}), slice_from(wanted));
}

static struct sso_profile profile(void)
{
	return (struct sso_profile){.session = "my-sso",
	    .start_url = "https://a.example/start",
	    .region = "eu-west-1",
	    .account_id = "123456789012",
	    .role_name = "Power/User"};
}

static struct sso *start(void)
{
	struct sso_profile copied = profile();
	struct sso *sso;

	begin();
	sso = sso_start(&context, &copied, on_keys, &loop);
	CHECK(sso != NULL && answers == 0 && questions == 0);
	memset(&copied, 0, sizeof copied);
	loop_pass(&loop, 0);
	return sso;
}

/* A session with this in its file. */
static void given(const char *members)
{
	char text[2000];

	forget_all();
	set("HOME", directory);
	(void)snprintf(text, sizeof text, "{%s}", members);
	write_cache(text);
}

TEST(a_session_that_lasts)
{
	given(FRESH RENEWAL);
	(void)start();
	check_asked(ASK_KEYS("TOKEN/a"));
	CHECK(asked_keys == NULL && !asked_direct);
	reply(200, KEYS);
	check_end(STATUS_OK);
	check_keys("AKIASSO", "SECRET", "TOKEN/", NOW_S + 3600);
	CHECK(log_text[0] == '\0');
	/* So does one that cannot be renewed and has a moment left. */
	given(SHORT);
	(void)start();
	check_asked(ASK_KEYS("TOKEN/a"));
	reply(200, KEYS);
	check_end(STATUS_OK);
	given("\"accessToken\":\"b\",\"expiresAt\":\"2026-01-01T00:06:00UTC\"");
	(void)start();
	check_asked(ASK_KEYS("b"));
	reply(200, KEYS);
	check_end(STATUS_OK);
}

TEST(the_file_is_named_by_the_session_or_its_start)
{
	char path[SSOTOKEN_PATH_LEN], wanted[300], much[1100];

	forget_all();
	set("HOME", "/h");
	CHECK(ssotoken_path(path, fake_getenv, SLICE("my-sso")));
	CHECK(strcmp(path, "/h" MY_SSO) == 0);
	CHECK(
	    ssotoken_path(path, fake_getenv, SLICE("https://a.example/start")));
	(void)snprintf(wanted, sizeof wanted, "/h/.aws/sso/cache/%s.json",
	    "556613736b76cf49ce482ee536411eadde74247c");
	CHECK_SLICE(slice_from(path), slice_from(wanted));
	/* That of our user, wherever it is. */
	set("HOME", "");
	if (ssotoken_path(path, fake_getenv, SLICE("my-sso"))) {
		CHECK(path[0] == '/');
		CHECK(slice_ends(slice_from(path), SLICE(MY_SSO)));
	}
	memset(much, 'x', sizeof much - 1);
	much[sizeof much - 1] = '\0';
	set("HOME", much);
	CHECK(!ssotoken_path(path, fake_getenv, SLICE("my-sso")));
	(void)start();
	CHECK(questions == 0 && logged("set HOME"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(a_token_is_renewed)
{
	struct stat is;

	given("\"startUrl\":\"https://a.example/start\"," SHORT RENEWAL
	      ",\"long\":12345678901234567890");
	(void)start();
	check_asked(ASK_TOKEN);
	CHECK(asked_keys == NULL && !asked_direct);
	reply(200,
	    "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":28800,"
	    "\"refreshToken\":\"TOKEN/s\",\"tokenType\":\"Bearer\"}");
	check_asked(ASK_KEYS("TOKEN/b"));
	check_cache("{\"startUrl\":\"https://a.example/start\",\"clientId\":"
		    "\"id\",\"clientSecret\":\"SECRET/\\\"\","
		    "\"registrationExpiresAt\":\"2026-03-01T00:00:00Z\","
		    "\"long\":12345678901234567890,"
		    "\"accessToken\":\"TOKEN/b\","
		    "\"expiresAt\":\"2026-01-01T08:00:00Z\","
		    "\"refreshToken\":\"TOKEN/s\"}");
	CHECK(stat(file, &is) == 0 && (is.st_mode & 07777) == 0600);
	reply(200, KEYS);
	check_end(STATUS_OK);
	CHECK(log_text[0] == '\0');
	/* The next one finds it. */
	(void)start();
	check_asked(ASK_KEYS("TOKEN/b"));
	reply(200, KEYS);
	check_end(STATUS_OK);
}

TEST(the_old_means_of_renewal_stays_good)
{
	given(ENDED RENEWAL);
	(void)start();
	check_asked(ASK_TOKEN);
	reply(200, "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":60}");
	check_asked(ASK_KEYS("TOKEN/b"));
	check_cache("{\"clientId\":\"id\",\"clientSecret\":\"SECRET/\\\"\","
		    "\"registrationExpiresAt\":\"2026-03-01T00:00:00Z\","
		    "\"accessToken\":\"TOKEN/b\","
		    "\"expiresAt\":\"2026-01-01T00:01:00Z\","
		    "\"refreshToken\":\"TOKEN/r\"}");
	reply(200, KEYS);
	check_end(STATUS_OK);
}

TEST(when_it_is_renewed)
{
	given("\"accessToken\":\"TOKEN/a\",\"expiresAt\":"
	      "\"2026-01-01T00:05:01Z\"" RENEWAL);
	(void)start();
	check_asked(ASK_KEYS("TOKEN/a"));
	reply(200, KEYS);
	check_end(STATUS_OK);
	given(SHORT ",\"clientId\":\"id\",\"clientSecret\":\"SECRET/\\\"\","
		    "\"refreshToken\":\"TOKEN/r\"");
	(void)start();
	check_asked(ASK_TOKEN);
	no_reply(STATUS_UPSTREAM_ERROR);
	reply(200, KEYS);
	check_end(STATUS_OK);
}

static void check_login(const char *members, const char *why)
{
	given(members);
	(void)start();
	CHECK(questions == 0 && logged(why));
	CHECK(logged("the session my-sso ") && logged("run aws sso login"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(sessions_that_have_ended)
{
	check_login(ENDED, "has ended");
	check_login(
	    ENDED ",\"clientId\":\"id\",\"clientSecret\":\"s\"", "has ended");
	check_login(
	    ENDED ",\"clientId\":\"id\",\"refreshToken\":\"r\"", "has ended");
	check_login(ENDED ",\"clientSecret\":\"s\",\"refreshToken\":\"r\"",
	    "has ended");
	check_login(ENDED ",\"clientId\":\"id\",\"clientSecret\":\"s\","
			  "\"refreshToken\":\"r\",\"registrationExpiresAt\":"
			  "\"2026-01-01T00:00:00Z\"",
	    "has ended");
	given(FRESH);
	unlink(file);
	(void)start();
	CHECK(questions == 0);
	CHECK(logged("the session my-sso has not begun: run aws sso login"));
	check_end(STATUS_NO_CREDENTIALS);
}

static void check_file(const char *text, const char *reason)
{
	given("");
	write_cache(text);
	(void)start();
	CHECK(questions == 0 && logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(files_that_hold_no_token)
{
	static char much[SSOTOKEN_MAX_FILE + 2];

	check_file("", "holds no token: it is no JSON");
	check_file("{", "holds no token: it is no JSON");
	check_file("{}", "it has no accessToken");
	check_file("[]", "it has no accessToken");
	check_file("{\"accessToken\":1,\"expiresAt\":\"2026-01-01T08:00:00Z\"}",
	    "it has no accessToken");
	check_file("{\"accessToken\":\"a\\nb\",\"expiresAt\":"
		   "\"2026-01-01T08:00:00Z\"}",
	    "it has no accessToken");
	check_file("{\"accessToken\":\"TOKEN/\"}", "its expiresAt is no time");
	check_file("{\"accessToken\":\"TOKEN/\",\"expiresAt\":\"soon\"}",
	    "its expiresAt is no time");
	check_file("{\"accessToken\":\"TOKEN/\",\"expiresAt\":\"UTC\"}",
	    "its expiresAt is no time");
	memset(much, ' ', sizeof much - 1);
	check_file(much, "is larger than");
}

/* What renews must fit, but the token may be used all the same. */
TEST(means_of_renewal_that_cannot_be_used)
{
	char members[6000] = SHORT ",\"clientId\":\"id\",\"clientSecret\":\"";
	size_t n = strlen(members);
	char text[6100];

	memset(members + n, 'x', KEYS_MAX_TOKEN + 1);
	(void)snprintf(members + n + KEYS_MAX_TOKEN + 1, 100, "\"%s",
	    ",\"refreshToken\":\"r\"");
	given(SHORT);
	(void)snprintf(text, sizeof text, "{%s}", members);
	write_cache(text);
	(void)start();
	check_asked(ASK_KEYS("TOKEN/a"));
	reply(200, KEYS);
	check_end(STATUS_OK);
}

/* A renewal that failed: usable says whether the token still is. */
static void check_not_renewed(bool usable, unsigned http, const char *body,
    enum status status, const char *reason)
{
	given(usable ? SHORT RENEWAL : ENDED RENEWAL);
	(void)start();
	check_asked(ASK_TOKEN);
	if (http != 0)
		reply(http, body);
	else
		no_reply(status);
	run();
	CHECK(logged("the session my-sso could not be renewed: "));
	CHECK(logged(reason));
	if (usable) {
		CHECK(questions == 2);
		check_asked(ASK_KEYS("TOKEN/a"));
		check_cache("{" SHORT RENEWAL "}");
		reply(200, KEYS);
		check_end(STATUS_OK);
		return;
	}
	CHECK(questions == 1 && logged("has ended: run aws sso login"));
	check_cache("{" ENDED RENEWAL "}");
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(renewals_that_fail)
{
	static const char *const bodies[] = {"", "[]", "{\"expiresIn\":1}",
	    "{\"accessToken\":\"TOKEN/b\"}",
	    "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":\"60\"}",
	    "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":0}",
	    "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":-1}",
	    "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":1e300}",
	    "{\"accessToken\":\"\",\"expiresIn\":60}",
	    "{\"accessToken\":\"a\\nb\",\"expiresIn\":60}",
	    "{\"accessToken\":\"b\",\"expiresIn\":1,\"refreshToken\":\"\\r\"}"};

	for (int usable = 0; usable < 2; usable++) {
		check_not_renewed(
		    usable, 0, "", STATUS_UPSTREAM_TIMEOUT, "no answer");
		check_not_renewed(
		    usable, 0, "", STATUS_UPSTREAM_UNTRUSTED, "no answer");
		check_not_renewed(usable, 400, "{\"error\":\"invalid_grant\"}",
		    STATUS_OK, "400 invalid_grant");
		check_not_renewed(usable, 500, "x", STATUS_OK, "500 \n");
		for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
			check_not_renewed(usable, 200, bodies[i], STATUS_OK,
			    "the answer is no token");
	}
}

TEST(a_renewed_token_that_cannot_be_kept)
{
	if (geteuid() == 0)
		return; /* whom no mode keeps from writing */
	given(ENDED RENEWAL);
	(void)start();
	CHECK(chmod(cache, 0500) == 0);
	reply(200, "{\"accessToken\":\"TOKEN/b\",\"expiresIn\":60}");
	CHECK(chmod(cache, 0700) == 0);
	CHECK(logged("cannot keep the renewed token in "));
	check_asked(ASK_KEYS("TOKEN/b"));
	reply(200, KEYS);
	check_end(STATUS_OK);
}

/* The same for root: the name is one of a directory that is not empty. */
TEST(a_renewed_token_whose_place_is_taken)
{
	struct ssotoken token;
	enum status status;
	char beside[400];

	given("");
	unlink(file);
	CHECK(ssotoken_parse(&token, SLICE("{" ENDED RENEWAL "}"), &status) ==
	    NULL);
	CHECK(mkdir(file, 0700) == 0);
	(void)snprintf(beside, sizeof beside, "%s/x", file);
	CHECK(mkdir(beside, 0700) == 0);
	CHECK(ssotoken_write(&token, file) == STATUS_NO_CREDENTIALS);
	CHECK(logged("cannot keep the renewed token in "));
	rmdir(beside);
	rmdir(file);
	CHECK(
	    ssotoken_write(&token, "/nowhere/at/all") == STATUS_NO_CREDENTIALS);
	ssotoken_wipe(&token);
	buf_free(&asked);
}

static void check_refused(
    size_t tries, unsigned http, const char *body, const char *reason)
{
	given(FRESH);
	(void)start();
	for (size_t i = 0; i < tries; i++) {
		reply(http, body);
		run();
	}
	CHECK(questions == tries && logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(refusals)
{
	check_refused(1, 401, "{}", "is no longer accepted: run aws sso login");
	check_refused(1, 403, "{}", "answered 403: check sso_account_id");
	check_refused(1, 404, "{}", "answered 404: check sso_account_id");
	check_refused(1, 400, "{}", "answered 400\n");
	check_refused(3, 503, "{}", "answered 503\n");
	check_refused(1, 200, "x", "no keys: it is no JSON");
	check_refused(1, 200, "{}", "no keys: it is no JSON object");
	check_refused(1, 200, "{\"roleCredentials\":{}}", "no access key id");
}

TEST(no_answer)
{
	given(FRESH);
	(void)start();
	for (size_t i = 0; i < 3; i++) {
		no_reply(STATUS_UPSTREAM_UNREACHABLE);
		run();
	}
	CHECK(questions == 3 && logged("gave no answer"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(where_it_is_asked)
{
	given(SHORT RENEWAL);
	set("AWS_ENDPOINT_URL_SSO_OIDC", "http://oidc.example:81/");
	set("AWS_ENDPOINT_URL", "https://all.example/base");
	(void)start();
	CHECK(slice_starts(
	    buf_slice(&asked), SLICE("POST http://oidc.example:81/token\n")));
	reply(400, "");
	CHECK(slice_starts(buf_slice(&asked),
	    SLICE("GET https://all.example/base/federation/credentials?")));
	reply(200, KEYS);
	check_end(STATUS_OK);
	set("AWS_ENDPOINT_URL_SSO", "sso.example");
	(void)start();
	CHECK(questions == 0 && logged("AWS_ENDPOINT_URL_SSO, "));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(cancelling)
{
	struct sso *sso;

	for (size_t steps = 0; steps < 3; steps++) {
		struct sso_profile asked_for = profile();

		given(SHORT RENEWAL);
		begin();
		sso = sso_start(&context, &asked_for, on_keys, &loop);
		if (steps > 0)
			loop_pass(&loop, 0);
		if (steps > 1)
			reply(400, "");
		sso_cancel(sso);
		CHECK(cancelled == (steps > 0) && answers == 0);
		CHECK(loop_timers(&loop) == 0);
		buf_free(&asked);
	}
	sso_cancel(NULL);
}

/* Memory may also be missing where a renewal can do without. */
TEST(no_memory)
{
	size_t n = 0;

	for (;; n++) {
		struct sso_profile asked_for = profile();
		struct sso *sso;

		given(SHORT RENEWAL);
		alloc_fail_at(n);
		sso = sso_start(&context, &asked_for, on_keys, &loop);
		loop_pass(&loop, 0);
		if (waiting && questions == 1)
			reply(200,
			    "{\"accessToken\":\"TOKEN/b\","
			    "\"expiresIn\":28800}");
		if (waiting)
			reply(200, KEYS);
		if (!alloc_failed())
			break;
		if (sso == NULL) {
			CHECK(answers == 0 && loop_timers(&loop) == 0);
			buf_free(&asked);
			continue;
		}
		CHECK(answered == STATUS_OK || answered == STATUS_NO_MEMORY);
		check_end(answered);
	}
	check_end(STATUS_OK);
	CHECK(n > 8);
}

static void make(const char *below)
{
	(void)snprintf(cache, sizeof cache, "%s%s", directory, below);
	if (mkdir(cache, 0700) != 0)
		abort();
}

int main(void)
{
	static const char *const below[] = {
	    "/.aws", "/.aws/sso", "/.aws/sso/cache"};
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	for (size_t i = 0; i < 3; i++)
		make(below[i]);
	(void)snprintf(file, sizeof file, "%s%s", directory, MY_SSO);
	result = tap_run();
	unlink(file);
	for (size_t i = 3; i-- > 0;) {
		(void)snprintf(
		    cache, sizeof cache, "%s%s", directory, below[i]);
		/* Nothing was left beside the file. */
		result |= rmdir(cache);
	}
	rmdir(directory);
	return result;
}
