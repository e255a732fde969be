#include "../../src/credentials/profile.h"

#include "aws_files.h"

static struct profile profile;
static enum profile_method method;

static enum status load(const char *name)
{
	FILE *log;
	int saved = log_begin(&log);
	enum status status = profile_load(&profile, fake_getenv, name);

	log_end(log, saved);
	return status;
}

static void check_value(enum profile_key key, const char *wanted)
{
	CHECK_SLICE(slice_from(profile.values[key]), slice_from(wanted));
}

static void check_keys(
    const char *name, const char *id, const char *secret, const char *token)
{
	CHECK(load(name) == STATUS_OK && profile.found);
	CHECK(log_text[0] == '\0');
	check_value(PROFILE_KEY_ID, id);
	check_value(PROFILE_SECRET, secret);
	check_value(PROFILE_TOKEN, token);
}

TEST(profile_merges_the_files_key_by_key)
{
	given("[profile work]\nregion = x\naws_access_key_id = AKIACONFIG\n"
	      "aws_secret_access_key = secretconfig\n"
	      "aws_session_token = tokenconfig\n",
	    DEFAULT_KEYS WORK_KEYS);
	check_keys("work", "AKIAWORK", "secretwork", "tokenconfig");
	check_value(PROFILE_REGION, "x");
	check_keys("default", "AKIADEFAULT", "secretdefault", "");
	check_value(PROFILE_REGION, "");
}

TEST(profile_lets_the_last_of_two_values_win)
{
	given(NULL, WORK_KEYS DEFAULT_KEYS "[work]\naws_access_key_id = AK\n");
	check_keys("work", "AK", "secretwork", "");
}

TEST(profile_knows_sections_by_their_kind)
{
	given("[work]\naws_access_key_id = AKIAWRONG\n"
	      "[sso-session work]\nregion = wrong\n"
	      "[profile default]\naws_access_key_id = AKIADEF\n",
	    "[profile work]\naws_access_key_id = AKIAWRONG\n"
	    "[sso-session work]\nregion = wrong\n");
	CHECK(load("work") == STATUS_OK && !profile.found);
	check_value(PROFILE_KEY_ID, "");
	check_value(PROFILE_REGION, "");
	CHECK(load("default") == STATUS_OK && profile.found);
	check_value(PROFILE_KEY_ID, "AKIADEF");
	given("[profile empty]\n", NULL);
	CHECK(load("empty") == STATUS_OK && profile.found);
	given(NULL, NULL);
	CHECK(load("empty") == STATUS_OK && !profile.found);
}

TEST(profile_knows_all_its_keys)
{
	static const char *const names[] = {"aws_access_key_id",
	    "aws_secret_access_key", "aws_session_token", "role_arn",
	    "source_profile", "credential_source", "external_id",
	    "role_session_name", "duration_seconds", "mfa_serial",
	    "web_identity_token_file", "credential_process", "sso_session",
	    "sso_account_id", "sso_role_name", "sso_region", "sso_start_url",
	    "login_session", "region"};
	char text[2000] = "[default]\nmax_attempts = 3\n";

	for (size_t i = 0; i < PROFILE_KEY_COUNT; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "%s = %zu\n", names[i], i);
	given(text, NULL);
	CHECK(load("default") == STATUS_OK);
	CHECK(sizeof names / sizeof *names == PROFILE_KEY_COUNT);
	for (size_t i = 0; i < PROFILE_KEY_COUNT; i++) {
		char number[20];

		snprintf(number, sizeof number, "%zu", i);
		check_value((enum profile_key)i, number);
	}
}

/* "[w] credential_process = " and n bytes of c. */
static void given_value(size_t n, char c)
{
	static char text[6000];
	size_t len;

	snprintf(text, sizeof text, "[w]\ncredential_process = ");
	len = strlen(text);
	memset(text + len, c, n);
	text[len + n] = '\0';
	given(NULL, text);
}

TEST(profile_refuses_a_value_it_cannot_hold)
{
	given_value(4096, 'x');
	CHECK(load("w") == STATUS_OK);
	CHECK(strlen(profile.values[PROFILE_PROCESS]) == 4096);
	given_value(4097, 'x');
	CHECK(load("w") == STATUS_NO_CREDENTIALS);
	CHECK(logged("profile w: credential_process is too long"));
	CHECK(load("other") == STATUS_OK && log_text[0] == '\0');
	given_value(1, '\x7f');
	CHECK(load("w") == STATUS_NO_CREDENTIALS);
	CHECK(logged("credential_process is not text"));
	given_value(1, '\x1b');
	CHECK(load("w") == STATUS_NO_CREDENTIALS);
	given("[default]\nregion = a\tb\xc3\xa9\nother = \x01\n", NULL);
	CHECK(load("default") == STATUS_OK);
	check_value(PROFILE_REGION, "a\tb\xc3\xa9");
}

TEST(profile_fails_with_its_files)
{
	given(NULL, WORK_KEYS);
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", directory);
	set("AWS_SHARED_CREDENTIALS_FILE", credentials_file);
	CHECK(load("work") == STATUS_NO_CREDENTIALS);
	CHECK(logged("cannot read"));
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", config_file);
	set("AWS_SHARED_CREDENTIALS_FILE", directory);
	CHECK(load("work") == STATUS_NO_CREDENTIALS);
	profile_wipe(&profile);
	CHECK(!profile.found);
}

/* A config file with [default] and these lines. */
static enum status decide(const char *lines, bool is_source)
{
	char text[4096];
	FILE *log;
	enum status status;
	int saved;

	snprintf(text, sizeof text, "[default]\n%s", lines);
	given(text, NULL);
	CHECK(load("default") == STATUS_OK);
	saved = log_begin(&log);
	status = profile_decide(&profile, fake_getenv, is_source, &method);
	log_end(log, saved);
	return status;
}

static void check_method(const char *lines, enum profile_method wanted)
{
	CHECK(decide(lines, false) == STATUS_OK);
	CHECK(log_text[0] == '\0');
	CHECK(method == wanted);
	if (method != wanted)
		printf("# of: %s\n", lines);
}

static void check_refused(const char *lines, const char *reason)
{
	CHECK(decide(lines, false) == STATUS_NO_CREDENTIALS);
	CHECK(logged(reason) && logged("profile default: "));
	if (!logged(reason))
		printf("# log: %s\n", log_text);
}

#define KEYS    "aws_access_key_id = AKIAX\naws_secret_access_key = s\n"
#define ROLE    "role_arn = arn\n"
#define SOURCE  "source_profile = other\n"
#define ENV     "credential_source = Environment\n"
#define WEB     "web_identity_token_file = /t\n"
#define PROCESS "credential_process = /bin/p\n"
#define LEGACY                                                    \
	"sso_start_url = https://x.awsapps.com/start\n"           \
	"sso_region = eu-west-1\nsso_account_id = 111122223333\n" \
	"sso_role_name = r\n"
#define LOGIN "login_session = arn:aws:iam::111122223333:user/x\n"

TEST(profile_decides_in_the_order_of_the_sdks)
{
	check_method("region = x\naws_session_token = t\nexternal_id = x\n",
	    PROFILE_BY_NOTHING);
	check_method(ROLE SOURCE KEYS PROCESS LEGACY LOGIN, PROFILE_BY_ROLE);
	check_method(ROLE ENV KEYS PROCESS LEGACY LOGIN, PROFILE_BY_ROLE);
	check_method(KEYS ROLE WEB PROCESS LEGACY LOGIN, PROFILE_BY_KEYS);
	check_method(KEYS SOURCE ENV, PROFILE_BY_KEYS);
	check_method("aws_access_key_id = half\n" WEB, PROFILE_BY_KEYS);
	check_method("aws_secret_access_key = half\n" WEB, PROFILE_BY_KEYS);
	check_method(ROLE WEB PROCESS LEGACY LOGIN, PROFILE_BY_WEB_IDENTITY);
	check_method(PROCESS LEGACY LOGIN, PROFILE_BY_PROCESS);
	check_method(LEGACY LOGIN, PROFILE_BY_SSO);
	CHECK(decide(ROLE SOURCE KEYS, true) == STATUS_OK);
	CHECK(method == PROFILE_BY_KEYS);
	CHECK(decide(ROLE SOURCE, true) == STATUS_OK);
	CHECK(method == PROFILE_BY_ROLE);
	CHECK(decide(ROLE SOURCE ENV KEYS, true) == STATUS_OK);
	CHECK(method == PROFILE_BY_KEYS);
}

TEST(profile_refuses_a_role_without_one_source)
{
	static const char reason[] = "role_arn needs one of";

	check_refused(ROLE, reason);
	check_refused(ROLE KEYS, reason);
	check_refused(ROLE PROCESS, reason);
	check_refused(ROLE SOURCE ENV, reason);
	check_refused(ROLE SOURCE WEB, reason);
	check_refused(ROLE ENV WEB KEYS, reason);
	check_refused(WEB, "web_identity_token_file needs a role_arn");
	check_refused(SOURCE, "need a role_arn");
	check_refused(ENV, "need a role_arn");
	check_refused(ROLE "credential_source = environment\n",
	    "credential_source is not Environment, Ec2");
	check_method(
	    ROLE "credential_source = EcsContainer\n", PROFILE_BY_ROLE);
	check_method(
	    ROLE "credential_source = Ec2InstanceMetadata\n", PROFILE_BY_ROLE);
	check_refused(ROLE SOURCE "mfa_serial = m\n", "mfa_serial asks");
	check_method(ROLE WEB "mfa_serial = m\n", PROFILE_BY_WEB_IDENTITY);
}

TEST(profile_keeps_to_the_limits_of_sts)
{
	char text[1400];

	check_method(ROLE SOURCE "duration_seconds = 900\n", PROFILE_BY_ROLE);
	check_method(
	    ROLE WEB "duration_seconds = 43200\n", PROFILE_BY_WEB_IDENTITY);
	check_refused(ROLE SOURCE "duration_seconds = 899\n", "900 to 43200");
	check_refused(ROLE WEB "duration_seconds = 43201\n", "900 to 43200");
	check_refused(ROLE SOURCE "duration_seconds = 1h\n", "900 to 43200");
	check_refused(
	    ROLE SOURCE "role_session_name = x\n", "role_session_name is");
	check_refused(
	    ROLE WEB "role_session_name = a b\n", "role_session_name is");
	check_refused(ROLE SOURCE "external_id = x\n", "external_id is not");
	check_method(ROLE SOURCE "external_id = xx\n", PROFILE_BY_ROLE);
	memset(text, 'x', sizeof text);
	memcpy(text,
	    ROLE SOURCE "external_id = ", strlen(ROLE SOURCE "external_id = "));
	text[strlen(ROLE SOURCE "external_id = ") + 1224] = '\0';
	check_method(text, PROFILE_BY_ROLE);
	text[strlen(text)] = 'x';
	text[strlen(ROLE SOURCE "external_id = ") + 1225] = '\0';
	check_refused(text, "external_id is not");
}

TEST(profile_checks_session_names)
{
	char name[66];

	CHECK(profile_valid_session_name(""));
	CHECK(!profile_valid_session_name("a"));
	CHECK(profile_valid_session_name("aZ09_+=,.@-"));
	CHECK(!profile_valid_session_name("a/b"));
	CHECK(!profile_valid_session_name("a\xc3\xa9"));
	memset(name, 'x', sizeof name);
	name[64] = '\0';
	CHECK(profile_valid_session_name(name));
	name[64] = 'x';
	name[65] = '\0';
	CHECK(!profile_valid_session_name(name));
}

#define SESSION                                          \
	"[sso-session my-sso]\nsso_region = us-east-2\n" \
	"sso_start_url = https://y/start\n"
#define IN_SESSION \
	"sso_session = my-sso\nsso_account_id = 1\nsso_role_name = r\n"

TEST(profile_joins_its_sso_session)
{
	check_method(IN_SESSION SESSION, PROFILE_BY_SSO);
	check_value(PROFILE_SSO_REGION, "us-east-2");
	check_value(PROFILE_SSO_URL, "https://y/start");
	check_value(PROFILE_SSO_ROLE, "r");
	check_method(IN_SESSION "sso_region = us-east-2\n"
				"sso_start_url = https://y/start\n" SESSION,
	    PROFILE_BY_SSO);
	check_refused(IN_SESSION "sso_region = us-east-1\n" SESSION,
	    "sso_region is not that of [sso-session my-sso]");
	check_refused(IN_SESSION "sso_start_url = https://x\n" SESSION,
	    "sso_start_url is not that of");
	check_refused(IN_SESSION "[sso-session other]\nsso_region = x\n",
	    "there is no [sso-session my-sso]");
	check_refused(IN_SESSION "[sso-session my-sso]\nsso_region = x\n",
	    "sso_start_url is missing");
	check_refused("sso_session = my-sso\nsso_role_name = r\n" SESSION,
	    "sso_account_id is missing");
}

TEST(profile_checks_the_legacy_form_of_sso)
{
	check_method(LEGACY, PROFILE_BY_SSO);
	check_refused("sso_region = us-east-1\n", "sso_start_url is missing");
	check_refused("sso_start_url = https://x\n", "sso_region is missing");
	check_refused("sso_account_id = 1\n", "sso_start_url is missing");
	check_refused("sso_start_url = u\nsso_region = us-east-1\n"
		      "sso_account_id = 1\n",
	    "sso_role_name is missing");
	check_refused(LEGACY "sso_region = evil.example/\n",
	    "sso_region is not a region");
	CHECK(!logged("111122223333"));
}

TEST(profile_says_what_to_do_about_a_login)
{
	check_refused(LOGIN,
	    "credential_process = aws configure export-credentials --profile "
	    "default --format process");
	CHECK(!logged("arn:"));
}

TEST(profile_tells_of_an_empty_one)
{
	FILE *log;
	int saved;

	given("[profile empty]\nregion = x\n", NULL);
	CHECK(load("empty") == STATUS_OK);
	saved = log_begin(&log);
	CHECK(profile_refuse_empty(&profile, fake_getenv, NULL) ==
	    STATUS_NO_CREDENTIALS);
	log_end(log, saved);
	CHECK(logged("profile empty: it says nothing of credentials"));
	CHECK(load("gone") == STATUS_OK);
	saved = log_begin(&log);
	CHECK(profile_refuse_empty(&profile, fake_getenv, "work") ==
	    STATUS_NO_CREDENTIALS);
	log_end(log, saved);
	CHECK(logged("profile gone, the source_profile of work, is in "
		     "neither "));
	CHECK(logged(config_file) && logged(credentials_file));
}

int main(void)
{
	return aws_files_run();
}
