#include "../../src/credentials/sts.h"

#include <sys/stat.h>
#include <unistd.h>

#include "source_play.h"

#define CREDENTIALS                                        \
	"<Credentials><AccessKeyId>AKIAROLE</AccessKeyId>" \
	"<SecretAccessKey>SECRET/+</SecretAccessKey>"      \
	"<SessionToken>TOKEN/&amp;</SessionToken>"         \
	"<Expiration>2026-01-01T01:00:00Z</Expiration></Credentials>"
#define ASSUMED                                                      \
	"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/" \
	"2011-06-15/\">\n <AssumeRoleResult>" CREDENTIALS            \
	"</AssumeRoleResult></AssumeRoleResponse>"
#define EXCHANGED                                       \
	"<AssumeRoleWithWebIdentityResponse>"           \
	"<AssumeRoleWithWebIdentityResult>" CREDENTIALS \
	"</AssumeRoleWithWebIdentityResult>"            \
	"</AssumeRoleWithWebIdentityResponse>"
#define REFUSAL(code)                                                \
	"<ErrorResponse><Error><Type>Sender</Type><Code>" code       \
	"</Code><Message>User: arn:aws:iam::123456789012:user/u is " \
	"not</Message></Error></ErrorResponse>"

#define FORM                                                   \
	"/\nContent-Type: application/x-www-form-urlencoded; " \
	"charset=utf-8\n"
#define EAST        "POST https://sts.us-east-1.amazonaws.com" FORM
#define WEST        "POST https://sts.eu-west-1.amazonaws.com" FORM
#define ARN         "arn:aws:iam::123456789012:role/r"
#define ENCODED_ARN "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr"

#define ASSUME "Action=AssumeRole&Version=2011-06-15&RoleArn=" ENCODED_ARN
#define EXCHANGE                                               \
	"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&" \
	"RoleArn=" ENCODED_ARN

static char token_file[] = P_tmpdir "/sts.XXXXXX";

static struct sts_role role;
static struct keys keys;

static void begin_role(void)
{
	begin();
	role = (struct sts_role){.arn = ARN,
	    .session_name = "s",
	    .external_id = "",
	    .region = "us-east-1"};
	CHECK(keys_set(
	    &keys, SLICE("AKIASOURCE"), SLICE("SECRET"), SLICE("TOKEN/")));
}

static void start_assume(void)
{
	struct sts *sts = sts_assume(&context, &role, &keys, on_keys, &loop);

	CHECK(sts != NULL && answers == 0 && questions == 0);
	/* They were copied. */
	keys_wipe(&keys);
	role = (struct sts_role){.arn = NULL};
	loop_pass(&loop, 0);
}

static void start_exchange(void)
{
	struct sts *sts =
	    sts_exchange(&context, &role, token_file, on_keys, &loop);

	CHECK(sts != NULL && answers == 0 && questions == 0);
	role = (struct sts_role){.arn = NULL};
	loop_pass(&loop, 0);
}

static void write_token(const char *text)
{
	FILE *file = fopen(token_file, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

TEST(a_role_is_assumed)
{
	forget_all();
	begin_role();
	start_assume();
	check_asked(EAST "signed for us-east-1/sts\n\n" ASSUME
			 "&RoleSessionName=s&DurationSeconds=3600");
	CHECK(asked_keys != NULL && asked_now_s == NOW_S && !asked_direct);
	CHECK_SLICE(slice_from(asked_keys->id), SLICE("AKIASOURCE"));
	CHECK_SLICE(slice_from(asked_keys->token), SLICE("TOKEN/"));
	reply(200, ASSUMED);
	check_end(STATUS_OK);
	check_keys("AKIAROLE", "SECRET/+", "TOKEN/&", NOW_S + 3600);
	CHECK(log_text[0] == '\0');
}

TEST(a_role_with_all_there_is)
{
	forget_all();
	begin_role();
	role.session_name = "";
	role.external_id = "e/1";
	role.duration_s = 900;
	role.region = "eu-west-1";
	start_assume();
	check_asked(
	    WEST "signed for eu-west-1/sts\n\n" ASSUME
		 "&RoleSessionName=agentcgi-1767225600&DurationSeconds=900"
		 "&ExternalId=e%2F1");
	reply(200, ASSUMED);
	check_end(STATUS_OK);
}

TEST(a_web_identity)
{
	forget_all();
	begin_role();
	write_token("aaa.b-b_b.ccc=\n");
	start_exchange();
	check_asked(EAST "\n" EXCHANGE "&RoleSessionName=s&WebIdentityToken="
			 "aaa.b-b_b.ccc%3D");
	CHECK(asked_keys == NULL);
	reply(200, EXCHANGED);
	check_end(STATUS_OK);
	check_keys("AKIAROLE", "SECRET/+", "TOKEN/&", NOW_S + 3600);
	begin_role();
	role.duration_s = 43200;
	role.region = "";
	start_exchange();
	check_asked(EAST "\n" EXCHANGE "&RoleSessionName=s&WebIdentityToken="
			 "aaa.b-b_b.ccc%3D&DurationSeconds=43200");
	/* The answer to another question. */
	reply(200, ASSUMED);
	CHECK(logged("AssumeRoleWithWebIdentity with no keys"));
	check_end(STATUS_NO_CREDENTIALS);
}

static void check_no_token(const char *reason)
{
	begin_role();
	start_exchange();
	CHECK(questions == 0 && logged(reason));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(tokens_that_are_none)
{
	static char much[20002];

	forget_all();
	write_token("");
	check_no_token("is empty or holds");
	write_token("a\nb\n");
	check_no_token("is empty or holds");
	memset(much, '/', 20001);
	write_token(much);
	check_no_token("is longer than the 20000 characters");
	much[20000] = '\n';
	write_token(much);
	begin_role();
	start_exchange();
	CHECK(waiting && asked.len > 60000);
	reply(200, EXCHANGED);
	check_end(STATUS_OK);
	unlink(token_file);
	check_no_token("the web identity's token, is not there");
}

static void check_address(const char *wanted)
{
	struct slice got_url;

	begin_role();
	start_assume();
	got_url = buf_slice(&asked);
	CHECK_SLICE(slice_cut(&got_url, '\n'), slice_from(wanted));
	reply(200, ASSUMED);
	check_end(STATUS_OK);
}

TEST(where_it_is_asked)
{
	forget_all();
	set("AWS_ENDPOINT_URL", "http://all.example/base/");
	check_address("POST http://all.example/base/");
	set("AWS_ENDPOINT_URL_STS", "https://sts.example");
	check_address("POST https://sts.example/");
	set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
	check_address("POST https://sts.us-east-1.amazonaws.com/");
	set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "");
	set("AWS_ENDPOINT_URL_STS", "sts.example");
	begin_role();
	start_assume();
	CHECK(questions == 0 && logged("AWS_ENDPOINT_URL_STS"));
	check_end(STATUS_NO_CREDENTIALS);
	forget_all();
	begin_role();
	role.region = "evil.example/";
	start_assume();
	CHECK(questions == 0 && logged("the region must be one"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(asking_again)
{
	forget_all();
	begin_role();
	start_assume();
	no_reply(STATUS_UPSTREAM_UNREACHABLE);
	loop_pass(&loop, 249);
	CHECK(questions == 1);
	loop_pass(&loop, 1);
	CHECK(questions == 2);
	reply(400, REFUSAL("Throttling"));
	loop_pass(&loop, 499);
	CHECK(questions == 2);
	loop_pass(&loop, 1);
	CHECK(questions == 3);
	reply(200, ASSUMED);
	check_end(STATUS_OK);
}

static void check_refused(
    size_t tries, unsigned http, const char *body, const char *reason)
{
	forget_all();
	begin_role();
	start_assume();
	for (size_t i = 0; i < tries; i++) {
		reply(http, body);
		run();
	}
	CHECK(questions == tries && logged(reason));
	if (!logged(reason))
		printf("# logged %s\n", log_text);
	CHECK(log_last == LOG_DEBUG);
	*strstr(log_text, "\nsts: ") = '\0';
	CHECK(!logged("123456789012") && !logged("arn:"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(refusals)
{
	check_refused(3, 500, "", "STS answered AssumeRole with 500 \n");
	check_refused(
	    3, 503, REFUSAL("ServiceUnavailable"), "503 ServiceUnavailable");
	check_refused(3, 429, "", "429 ");
	check_refused(3, 400, REFUSAL("IDPCommunicationError"),
	    "400 IDPCommunicationError");
	check_refused(1, 403, REFUSAL("AccessDenied"),
	    "403 AccessDenied: the trust policy of the role");
	check_refused(1, 403, REFUSAL("ExpiredToken"),
	    "403 ExpiredToken: the keys it was asked with have expired");
	check_refused(1, 400, REFUSAL("ExpiredTokenException"),
	    "400 ExpiredTokenException: the keys or the token");
	check_refused(1, 400, REFUSAL("InvalidIdentityToken"),
	    "400 InvalidIdentityToken: the token is not of a provider");
	check_refused(1, 403, REFUSAL("IDPRejectedClaim"), "no longer valid");
	check_refused(1, 403, REFUSAL("InvalidClientTokenId"), "not known");
	check_refused(1, 403, REFUSAL("RegionDisabledException"),
	    "403 RegionDisabledException: STS is off in this region");
	check_refused(1, 400, REFUSAL("ValidationError"), "check role_arn");
	check_refused(1, 403, REFUSAL("SignatureDoesNotMatch"),
	    "check the secret key, and the clock");
	check_refused(1, 400, REFUSAL("123456789012"), "with 400 \n");
	check_refused(1, 400, "<html>", "with 400 \n");
	check_refused(1, 302, "", "with 302 \n");
}

#define LATER "Thu, 01 Jan 2026 00:04:00 GMT"
#define SOON  "Thu, 01 Jan 2026 00:03:59 GMT"
#define PAST  "Wed, 31 Dec 2025 23:56:00 GMT"

TEST(a_wrong_clock)
{
	static const char *const codes[] = {REFUSAL("SignatureDoesNotMatch"),
	    REFUSAL("RequestExpired"), REFUSAL("RequestInTheFuture"),
	    REFUSAL("AccessDeniedException"), REFUSAL("AuthFailure"),
	    REFUSAL("InvalidSignatureException"),
	    REFUSAL("RequestTimeTooSkewed")};

	forget_all();
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		begin_role();
		start_assume();
		reply_at(i % 2 == 0 ? 403 : 400, codes[i],
		    i % 2 == 0 ? LATER : PAST);
		CHECK(questions == 2);
		CHECK(asked_now_s == NOW_S + (i % 2 == 0 ? 240 : -240));
		CHECK(logged("is off by") && log_last == LOG_WARNING);
		reply(200, ASSUMED);
		check_end(STATUS_OK);
	}
}

static void check_no_correction(
    unsigned http, const char *body, const char *date)
{
	begin_role();
	start_assume();
	reply_at(http, body, date);
	CHECK(questions == 1 && !logged("is off by"));
	check_end(STATUS_NO_CREDENTIALS);
}

TEST(a_clock_that_is_not_to_blame)
{
	forget_all();
	check_no_correction(403, REFUSAL("SignatureDoesNotMatch"), SOON);
	check_no_correction(403, REFUSAL("SignatureDoesNotMatch"), "");
	check_no_correction(403, REFUSAL("SignatureDoesNotMatch"), "soon");
	check_no_correction(403, REFUSAL("AccessDenied"), LATER);
	check_no_correction(404, REFUSAL("SignatureDoesNotMatch"), LATER);
	/* Only once. */
	begin_role();
	start_assume();
	reply_at(403, REFUSAL("SignatureDoesNotMatch"), LATER);
	reply_at(403, REFUSAL("SignatureDoesNotMatch"), LATER);
	CHECK(questions == 2);
	check_end(STATUS_NO_CREDENTIALS);
	/* Nor where nothing is signed. */
	write_token("t");
	begin_role();
	start_exchange();
	reply_at(403, REFUSAL("AccessDeniedException"), LATER);
	CHECK(questions == 1);
	check_end(STATUS_NO_CREDENTIALS);
}

static void check_no_answer(size_t tries, enum status status)
{
	forget_all();
	begin_role();
	start_assume();
	for (size_t i = 0; i < tries; i++) {
		no_reply(status);
		run();
	}
	CHECK(questions == tries && logged("STS gave no answer"));
	check_end(status == STATUS_NO_MEMORY ? status : STATUS_NO_CREDENTIALS);
}

TEST(no_answer)
{
	check_no_answer(3, STATUS_UPSTREAM_TIMEOUT);
	check_no_answer(3, STATUS_UPSTREAM_UNREACHABLE);
	check_no_answer(3, STATUS_UPSTREAM_CUT);
	check_no_answer(1, STATUS_UPSTREAM_UNTRUSTED);
	check_no_answer(1, STATUS_TOO_LARGE);
	check_no_answer(1, STATUS_NO_MEMORY);
}

#define MEMBERS(id, secret, token, expiration)                                \
	"<AssumeRoleResponse><AssumeRoleResult><Credentials>" id secret token \
	    expiration "</Credentials></AssumeRoleResult>"                    \
	"</AssumeRoleResponse>"
#define ID     "<AccessKeyId>AKIAROLE</AccessKeyId>"
#define HIDDEN "<SecretAccessKey>SECRET</SecretAccessKey>"
#define GIVEN  "<SessionToken>TOKEN/</SessionToken>"
#define UNTIL  "<Expiration>2026-01-01T01:00:00Z</Expiration>"

TEST(answers_without_keys)
{
	static const char *const bodies[] = {"", "{}", "<html></html>",
	    MEMBERS("", HIDDEN, GIVEN, UNTIL), MEMBERS(ID, "", GIVEN, UNTIL),
	    MEMBERS(ID, HIDDEN, "", UNTIL), MEMBERS(ID, HIDDEN, GIVEN, ""),
	    MEMBERS(ID, HIDDEN, GIVEN, "<Expiration>soon</Expiration>"),
	    MEMBERS("<AccessKeyId>A B</AccessKeyId>", HIDDEN, GIVEN, UNTIL)};

	forget_all();
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		begin_role();
		start_assume();
		reply(200, bodies[i]);
		CHECK(questions == 1 && logged("AssumeRole with no keys"));
		check_end(STATUS_NO_CREDENTIALS);
	}
	begin_role();
	start_assume();
	reply(200, MEMBERS(ID, HIDDEN, GIVEN, UNTIL));
	check_end(STATUS_OK);
}

TEST(cancelling)
{
	struct sts *sts;

	forget_all();
	for (size_t steps = 0; steps < 3; steps++) {
		begin_role();
		sts = sts_assume(&context, &role, &keys, on_keys, &loop);
		if (steps > 0)
			loop_pass(&loop, 0);
		if (steps > 1)
			no_reply(STATUS_UPSTREAM_TIMEOUT);
		sts_cancel(sts);
		CHECK(cancelled == (steps == 1) && answers == 0);
		CHECK(loop_timers(&loop) == 0);
	}
	sts_cancel(NULL);
	buf_free(&asked);
}

/* From its start to its answer. */
static bool check_no_memory(size_t n, bool exchange)
{
	struct sts *sts;

	begin_role();
	alloc_fail_at(n);
	sts = exchange
	    ? sts_exchange(&context, &role, token_file, on_keys, &loop)
	    : sts_assume(&context, &role, &keys, on_keys, &loop);
	loop_pass(&loop, 0);
	if (waiting)
		reply(200, exchange ? EXCHANGED : ASSUMED);
	if (!alloc_failed()) {
		check_end(STATUS_OK);
		return false;
	}
	if (sts != NULL) {
		check_end(STATUS_NO_MEMORY);
	} else {
		CHECK(answers == 0 && loop_timers(&loop) == 0);
		buf_free(&asked);
	}
	return true;
}

TEST(no_memory)
{
	size_t n = 0, m = 0;

	forget_all();
	write_token("t");
	while (check_no_memory(n, false))
		n++;
	while (check_no_memory(m, true))
		m++;
	CHECK(n > 5 && m > 5);
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
