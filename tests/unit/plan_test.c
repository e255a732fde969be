#include "../../src/credentials/plan.h"

#include "../../src/buf.h"
#include "../../src/credentials/container.h"
#include "../../src/credentials/instance.h"
#include "alloc.h"
#include "aws_files.h"

static bool has_container, no_instance;
static struct plan plan;

/* In place of container.c. */
bool container_configured(keys_getenv *getenv)
{
	CHECK(getenv == fake_getenv);
	return has_container;
}

/* In place of instance.c. */
bool instance_disabled(keys_getenv *getenv)
{
	CHECK(getenv == fake_getenv);
	return no_instance;
}

#define ENV_KEYS                             \
	set("AWS_ACCESS_KEY_ID", "AKIAENV"); \
	set("AWS_SECRET_ACCESS_KEY", "envsec")

static enum status make(const char *profile, const char *region)
{
	struct plan_request request = {fake_getenv, profile, region};
	enum status status;
	FILE *log;
	int saved = log_begin(&log);

	plan_free(&plan);
	status = plan_make(&plan, &request);
	log_end(log, saved);
	return status;
}

/* The plan that is made for a profile, described. */
static void check_plan(
    const char *profile, enum plan_source source, const char *wanted)
{
	struct buf words;

	buf_init(&words, 1000);
	CHECK(make(profile, "") == STATUS_OK);
	CHECK(log_text[0] == '\0');
	CHECK(plan.source == source);
	plan_describe(&words, &plan);
	CHECK_SLICE(buf_slice(&words), slice_from(wanted));
	if (log_text[0] != '\0')
		printf("# log: %s\n", log_text);
	buf_free(&words);
}

static void check_keys(const char *id, const char *secret, const char *token)
{
	CHECK_SLICE(slice_from(plan.keys.id), slice_from(id));
	CHECK_SLICE(slice_from(plan.keys.secret), slice_from(secret));
	CHECK_SLICE(slice_from(plan.keys.token), slice_from(token));
}

static void check_refused(const char *profile, const char *reason)
{
	CHECK(make(profile, "") == STATUS_NO_CREDENTIALS);
	CHECK(logged(reason));
	CHECK(strchr(log_text, '\n') == log_text + strlen(log_text) - 1);
	CHECK(!logged("arn:") && !logged("AKIA"));
	CHECK(!logged("secretd") && !logged("secretw"));
	if (!logged(reason))
		printf("# log: %s\n", log_text);
}

static void check_role(const struct sts_role *role, const char *arn,
    const char *session_name, const char *external_id, unsigned duration_s)
{
	CHECK_SLICE(slice_from(role->arn), slice_from(arn));
	CHECK_SLICE(slice_from(role->session_name), slice_from(session_name));
	CHECK_SLICE(slice_from(role->external_id), slice_from(external_id));
	CHECK(role->duration_s == duration_s);
}

static void begin(const char *config, const char *credentials)
{
	given(config, credentials);
	has_container = false;
	no_instance = true;
}

TEST(plan_takes_the_sources_in_their_order)
{
	begin(NULL, DEFAULT_KEYS);
	no_instance = false;
	has_container = true;
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
	set("AWS_ROLE_ARN", "arn:web");
	set("AWS_ROLE_SESSION_NAME", "name");
	ENV_KEYS;
	check_plan(NULL, PLAN_ENVIRONMENT, "keys of the environment");
	check_keys("AKIAENV", "envsec", "");
	memset(&variables[5], 0, 2 * sizeof variables[0]);
	check_plan("", PLAN_PROFILE,
	    "profile default: keys of the shared "
	    "files");
	check_keys("AKIADEFAULT", "secretdefault", "");
	unlink(credentials_file);
	check_plan(NULL, PLAN_WEB_IDENTITY, "a web identity");
	check_role(&plan.web, "arn:web", "name", "", 0);
	CHECK_SLICE(slice_from(plan.token_file), SLICE("/token"));
	begin("[default]\nregion = eu-west-1\n", NULL);
	no_instance = false;
	has_container = true;
	check_plan(NULL, PLAN_CONTAINER, "the container's endpoint");
	has_container = false;
	check_plan(NULL, PLAN_INSTANCE, "an EC2 instance's role");
	check_keys("", "", "");
}

TEST(plan_has_no_null_texts)
{
	begin(NULL, NULL);
	CHECK(make(NULL, NULL) == STATUS_NO_CREDENTIALS);
	CHECK(plan.command && plan.token_file && plan.profile);
	CHECK(plan.sso.session && plan.sso.start_url && plan.sso.region);
	CHECK(plan.sso.account_id && plan.sso.role_name);
	check_role(&plan.web, "", "", "", 0);
	CHECK(plan.web.region != NULL);
	for (size_t i = 0; i < PLAN_MAX_ROLES; i++) {
		check_role(&plan.roles[i], "", "", "", 0);
		CHECK(plan.roles[i].region != NULL);
	}
	plan_free(&plan);
	plan_free(&plan);
	CHECK(plan.texts == NULL && plan.command[0] == '\0');
}

TEST(plan_takes_the_configured_profile_alone)
{
	begin(NULL, DEFAULT_KEYS WORK_KEYS);
	has_container = true;
	ENV_KEYS;
	set("AWS_PROFILE", "default");
	check_plan("work", PLAN_PROFILE,
	    "profile work: keys of the shared "
	    "files");
	check_keys("AKIAWORK", "secretwork", "");
	check_refused("gone", "profile gone is in neither ");
	CHECK(logged(credentials_file) && logged(config_file));
	check_plan(NULL, PLAN_ENVIRONMENT, "keys of the environment");
	begin(NULL, DEFAULT_KEYS WORK_KEYS);
	set("AWS_PROFILE", "work");
	check_plan(NULL, PLAN_PROFILE,
	    "profile work: keys of the shared "
	    "files");
}

TEST(plan_ends_at_a_named_profile_without_keys)
{
	begin("[profile empty]\nregion = eu-west-1\n", NULL);
	has_container = true;
	check_refused("empty", "profile empty: it says nothing of");
	check_refused("default", "profile default is in neither ");
	set("AWS_PROFILE", "empty");
	check_refused(NULL, "profile empty: it says nothing of");
	begin(NULL, NULL);
	has_container = true;
	set("AWS_PROFILE", "gone");
	check_refused(NULL, "profile gone is in neither ");
	begin(NULL, NULL);
	set("AWS_PROFILE", "");
	no_instance = false;
	check_plan(NULL, PLAN_INSTANCE, "an EC2 instance's role");
}

TEST(plan_ends_at_a_source_that_is_broken)
{
	begin(NULL, DEFAULT_KEYS);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	check_refused(NULL, "AWS_SECRET_ACCESS_KEY is not");
	begin(NULL, "[default]\naws_access_key_id = AKIAHALF\n");
	has_container = true;
	check_refused(NULL, "profile default: aws_access_key_id or");
	begin(NULL,
	    "[default]\naws_access_key_id = AKIA X\n"
	    "aws_secret_access_key = secretdata\n");
	check_refused(NULL, "holds a blank");
	check_keys("", "", "");
	begin("[default]\nrole_arn = arn:a\n", DEFAULT_KEYS);
	check_refused(NULL, "role_arn needs one of");
	begin(NULL, NULL);
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", directory);
	check_refused(NULL, "cannot read");
	begin(NULL, NULL);
	has_container = true;
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
	check_refused(NULL, "AWS_ROLE_ARN is not");
	set("AWS_ROLE_ARN", "arn:x");
	set("AWS_ROLE_SESSION_NAME", "a b");
	check_refused(NULL, "AWS_ROLE_SESSION_NAME is not");
}

TEST(plan_tells_what_it_has_looked_at)
{
	char text[400];

	begin(NULL, NULL);
	check_refused(NULL, "no AWS credentials: set AWS_ACCESS_KEY_ID");
	CHECK(logged("environment: AWS_ACCESS_KEY_ID is not set; "));
	snprintf(text, sizeof text, "profile default: not in %s, %s; ",
	    credentials_file, config_file);
	CHECK(logged(text));
	CHECK(logged("web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; "
		     "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and "
		     "_FULL_URI are not set; "
		     "instance: forbidden by AWS_EC2_METADATA_DISABLED\n"));
	begin("[default]\nregion = x\n", NULL);
	check_refused(NULL, "profile default: no keys in ");
}

TEST(plan_takes_a_process)
{
	begin("[default]\ncredential_process = /bin/p \"a b\"\n", NULL);
	check_plan(NULL, PLAN_PROCESS, "profile default: a credential_process");
	CHECK_SLICE(slice_from(plan.command), SLICE("/bin/p \"a b\""));
}

TEST(plan_takes_a_web_identity_of_a_profile)
{
	begin("[profile w]\nrole_arn = arn:w\nregion = eu-west-1\n"
	      "web_identity_token_file = /t\nrole_session_name = me\n"
	      "duration_seconds = 900\nexternal_id = unused\n",
	    NULL);
	check_plan("w", PLAN_WEB_IDENTITY, "profile w: a web identity");
	check_role(&plan.web, "arn:w", "me", "", 900);
	CHECK_SLICE(slice_from(plan.token_file), SLICE("/t"));
	CHECK_SLICE(slice_from(plan.web.region), SLICE("eu-west-1"));
	CHECK(plan.role_count == 0);
}

TEST(plan_takes_sso)
{
	begin("[profile new]\nsso_session = s\nsso_account_id = 1\n"
	      "sso_role_name = r\n[sso-session s]\nsso_region = eu-west-1\n"
	      "sso_start_url = https://x/start\n"
	      "[profile old]\nsso_region = us-east-1\nsso_account_id = 2\n"
	      "sso_start_url = https://y/start\nsso_role_name = q\n",
	    NULL);
	check_plan(
	    "new", PLAN_SSO, "profile new: a session of IAM Identity Center");
	CHECK_SLICE(slice_from(plan.sso.session), SLICE("s"));
	CHECK_SLICE(slice_from(plan.sso.start_url), SLICE("https://x/start"));
	CHECK_SLICE(slice_from(plan.sso.region), SLICE("eu-west-1"));
	CHECK_SLICE(slice_from(plan.sso.account_id), SLICE("1"));
	CHECK_SLICE(slice_from(plan.sso.role_name), SLICE("r"));
	check_plan(
	    "old", PLAN_SSO, "profile old: a session of IAM Identity Center");
	CHECK_SLICE(slice_from(plan.sso.session), SLICE(""));
	CHECK_SLICE(slice_from(plan.sso.start_url), SLICE("https://y/start"));
}

TEST(plan_assumes_a_role_with_anothers_keys)
{
	begin("[profile a]\nrole_arn = arn:a\nsource_profile = work\n"
	      "external_id = x/1\nrole_session_name = me\n"
	      "duration_seconds = 3600\n",
	    WORK_KEYS "[a]\naws_access_key_id = AKIAOWN\n"
		      "aws_secret_access_key = own\n");
	check_plan("a", PLAN_PROFILE,
	    "profile a: role, from keys of the shared files");
	CHECK(plan.role_count == 1);
	check_role(&plan.roles[0], "arn:a", "me", "x/1", 3600);
	check_keys("AKIAWORK", "secretwork", "");
}

/* The innermost role comes first; a profile with keys is the end, whatever
 * else it says. */
TEST(plan_follows_a_chain)
{
	begin("[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
	      "[profile b]\nrole_arn = arn:b\nsource_profile = c\n"
	      "[profile c]\nrole_arn = arn:c\nsource_profile = work\n"
	      "[profile work]\nrole_arn = arn:work\nsource_profile = gone\n",
	    WORK_KEYS);
	check_plan("a", PLAN_PROFILE,
	    "profile a: 3 roles, from keys of the shared files");
	CHECK(plan.role_count == 3);
	check_role(&plan.roles[0], "arn:c", "", "", 0);
	check_role(&plan.roles[1], "arn:b", "", "", 0);
	check_role(&plan.roles[2], "arn:a", "", "", 0);
	check_keys("AKIAWORK", "secretwork", "");
	check_refused(
	    "work", "profile gone, the source_profile of work, is in neither ");
}

TEST(plan_takes_any_source_at_the_end_of_a_chain)
{
	begin("[profile a]\nrole_arn = arn:a\nsource_profile = w\n"
	      "[profile w]\nrole_arn = arn:w\nweb_identity_token_file = /t\n"
	      "[profile b]\nrole_arn = arn:b\nsource_profile = p\n"
	      "[profile p]\ncredential_process = p\n"
	      "[profile c]\nrole_arn = arn:c\nsource_profile = empty\n"
	      "[profile empty]\nregion = x\n"
	      "[profile d]\nrole_arn = arn:d\nsource_profile = l\n"
	      "[profile l]\nlogin_session = x\n",
	    NULL);
	check_plan(
	    "a", PLAN_WEB_IDENTITY, "profile a: role, from a web identity");
	check_role(&plan.web, "arn:w", "", "", 0);
	check_role(&plan.roles[0], "arn:a", "", "", 0);
	check_plan(
	    "b", PLAN_PROCESS, "profile b: role, from a credential_process");
	check_refused("c", "profile empty: it says nothing of credentials");
	check_refused("d", "profile l: login_session is not supported");
}

TEST(plan_refuses_a_circle)
{
	begin("[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
	      "[profile b]\nrole_arn = arn:b\nsource_profile = a\n"
	      "[profile self]\nrole_arn = arn:s\nsource_profile = self\n"
	      "[profile keyed]\nrole_arn = arn:k\nsource_profile = keyed\n"
	      "[profile c]\nrole_arn = arn:c\nsource_profile = d\n"
	      "[profile d]\nrole_arn = arn:d\nsource_profile = c\n",
	    "[keyed]\naws_access_key_id = AKIAK\n"
	    "aws_secret_access_key = ksec\n"
	    "[c]\naws_access_key_id = AKIAC\naws_secret_access_key = csec\n");
	check_refused("a", "profile b: source_profile = a leads round");
	check_refused("self", "profile self: source_profile = self leads");
	check_refused("c", "profile d: source_profile = c leads round");
	check_plan("keyed", PLAN_PROFILE,
	    "profile keyed: role, from keys of the shared files");
	check_role(&plan.roles[0], "arn:k", "", "", 0);
	check_keys("AKIAK", "ksec", "");
}

TEST(plan_assumes_five_roles_at_most)
{
	char text[1000] = "";

	for (char c = 'a'; c <= 'f'; c++)
		snprintf(text + strlen(text), sizeof text - strlen(text),
		    "[profile %c]\nrole_arn = arn:%c\nsource_profile = %c\n", c,
		    c, c + 1);
	begin(text,
	    "[g]\naws_access_key_id = AKIAG\n"
	    "aws_secret_access_key = gsec\n");
	check_plan("b", PLAN_PROFILE,
	    "profile b: 5 roles, from keys of the shared files");
	check_role(&plan.roles[0], "arn:f", "", "", 0);
	check_role(&plan.roles[4], "arn:b", "", "", 0);
	check_refused("a", "profile f: source_profile has led here through 5");
}

TEST(plan_assumes_a_role_with_a_credential_source)
{
	begin("[profile e]\nrole_arn = arn:e\n"
	      "credential_source = Environment\n"
	      "[profile c]\nrole_arn = arn:c\n"
	      "credential_source = EcsContainer\n"
	      "[profile i]\nrole_arn = arn:i\n"
	      "credential_source = Ec2InstanceMetadata\n",
	    NULL);
	check_refused("e", "Environment, but AWS_ACCESS_KEY_ID and");
	check_refused("c", "EcsContainer, but AWS_CONTAINER_CREDENTIALS_");
	check_refused("i", "but AWS_EC2_METADATA_DISABLED forbids");
	has_container = true;
	no_instance = false;
	check_plan("c", PLAN_CONTAINER,
	    "profile c: role, from the container's endpoint");
	check_role(&plan.roles[0], "arn:c", "", "", 0);
	check_plan(
	    "i", PLAN_INSTANCE, "profile i: role, from an EC2 instance's role");
	ENV_KEYS;
	set("AWS_CREDENTIAL_EXPIRATION", "2030-01-01T00:00:00Z");
	check_plan("e", PLAN_ENVIRONMENT,
	    "profile e: role, from keys of the environment");
	check_keys("AKIAENV", "envsec", "");
	CHECK(plan.keys.expires_s == 1893456000);
	begin("[profile e]\nrole_arn = arn:e\n"
	      "credential_source = Environment\n",
	    NULL);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	check_refused("e", "AWS_SECRET_ACCESS_KEY is not");
}

static void check_region(const char *region, const char *wanted)
{
	CHECK(make("a", region) == STATUS_OK);
	CHECK(plan.role_count == 2);
	for (size_t i = 0; i < 2; i++)
		CHECK_SLICE(
		    slice_from(plan.roles[i].region), slice_from(wanted));
}

#define CHAIN(one, two)                                           \
	"[profile a]\nrole_arn = arn:a\nsource_profile = b\n" one \
	"[profile b]\nrole_arn = arn:b\nsource_profile = work\n" two

TEST(plan_finds_the_region_of_the_sts)
{
	begin(CHAIN("", ""), WORK_KEYS);
	check_region(NULL, "");
	check_region("ap-east-1", "ap-east-1");
	begin(CHAIN("", ""), WORK_KEYS "region = ca-west-1\n");
	check_region("ap-east-1", "ca-west-1");
	begin(CHAIN("", "region = eu-west-2\n"),
	    WORK_KEYS "region = ca-west-1\n");
	check_region("ap-east-1", "eu-west-2");
	begin(CHAIN("region = eu-west-1\n", "region = eu-west-2\n"), WORK_KEYS);
	check_region("ap-east-1", "eu-west-1");
	set("AWS_DEFAULT_REGION", "us-east-2");
	check_region("ap-east-1", "us-east-2");
	set("AWS_REGION", "us-west-2");
	check_region("ap-east-1", "us-west-2");
}

TEST(plan_refuses_a_region_that_is_none)
{
	begin(CHAIN("region = evil.example/\n", ""), WORK_KEYS);
	check_refused("a", "region of the profile is not a region such as");
	check_plan(
	    "work", PLAN_PROFILE, "profile work: keys of the shared files");
	set("AWS_REGION", "evil.example#");
	check_refused("a", "AWS_REGION is not a region such as");
	begin(NULL, NULL);
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
	set("AWS_ROLE_ARN", "arn:x");
	CHECK(make(NULL, "not/one") == STATUS_NO_CREDENTIALS);
	CHECK(logged("region of the configuration is not a region"));
	CHECK(make(NULL, "us-east-1") == STATUS_OK);
	CHECK_SLICE(slice_from(plan.web.region), SLICE("us-east-1"));
}

/* Texts of the largest size, in the longest chain. */
TEST(plan_holds_the_longest_texts)
{
	static char text[200000], value[4097];
	size_t len = 0;

	memset(value, 'v', sizeof value - 1);
	for (int i = 0; i < 6; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "[profile %d]\nrole_arn = %s\nsource_profile = %d\n"
		    "sso_role_name = %s\nsso_region = %s\nsso_start_url = "
		    "%s\nlogin_session = %s\ncredential_process = %s\n",
		    i, value, i + 1, value, value, value, value, value);
	begin(text, "[5]\naws_access_key_id = i\naws_secret_access_key = s\n");
	check_plan("0", PLAN_PROFILE,
	    "profile 0: 5 roles, from keys of the shared files");
	CHECK(strlen(plan.roles[4].arn) == 4096);
}

TEST(plan_tells_when_memory_is_out)
{
	struct plan_request request = {fake_getenv, "a", "us-east-1"};
	enum status status = STATUS_NO_MEMORY;
	size_t n = 0;

	begin("[profile a]\nrole_arn = arn:a\nsource_profile = b\n"
	      "external_id = a-rather-long-one\n[profile b]\n"
	      "credential_process = p\n",
	    NULL);
	for (bool failed = true; failed; n++) {
		plan_free(&plan);
		alloc_fail_at(n);
		status = plan_make(&plan, &request);
		failed = alloc_failed();
		CHECK(status == (failed ? STATUS_NO_MEMORY : STATUS_OK));
	}
	CHECK(n == 3);
}

TEST(plan_tells_when_its_texts_are_too_long)
{
	static char region[1 << 20];

	memset(region, 'r', sizeof region - 1);
	begin(NULL, DEFAULT_KEYS);
	CHECK(make(NULL, region) == STATUS_NO_MEMORY);
	set("AWS_REGION", region);
	CHECK(make(NULL, NULL) == STATUS_NO_MEMORY);
}

TEST(plan_wipes_its_keys)
{
	begin(NULL, DEFAULT_KEYS);
	CHECK(make(NULL, NULL) == STATUS_OK);
	plan_free(&plan);
	check_keys("", "", "");
}

int main(void)
{
	int result = aws_files_run();

	plan_free(&plan);
	return result;
}
