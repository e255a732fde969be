#include "../../src/credentials/profile.h"

#include "aws_files.h"

enum {
	FILE_LIMIT = 256 * 1024
};

static enum status read_profile(struct keys *keys, const char *name)
{
	FILE *file;
	int saved = log_begin(&file);
	enum status status = profile_read(keys, fake_getenv, name);

	log_end(file, saved);
	return status;
}

/* The profile called name gives these keys, or another status if id is
 * NULL. */
static void check_profile(const char *name, enum status wanted, const char *id,
    const char *secret, const char *token)
{
	struct keys keys = {0};

	CHECK(read_profile(&keys, name) == wanted);
	CHECK_SLICE(slice_from(keys.id), slice_from(id));
	CHECK_SLICE(slice_from(keys.secret), slice_from(secret));
	CHECK_SLICE(slice_from(keys.token), slice_from(token));
	CHECK((wanted == STATUS_NO_CREDENTIALS) == (log_text[0] != '\0'));
}

static void check_refused(const char *name, const char *reason)
{
	check_profile(name, STATUS_NO_CREDENTIALS, NULL, NULL, NULL);
	CHECK(logged(reason));
	if (!logged(reason))
		printf("# log: %s\n", log_text);
}

TEST(profile_reads_the_default_and_a_named_one)
{
	given(NULL, DEFAULT_KEYS WORK_KEYS);
	check_profile(NULL, STATUS_OK, "AKIADEFAULT", "secretdefault", "");
	check_profile("work", STATUS_OK, "AKIAWORK", "secretwork", "");
	set("AWS_PROFILE", "work");
	check_profile(NULL, STATUS_OK, "AKIAWORK", "secretwork", "");
	check_profile("default", STATUS_OK, "AKIADEFAULT", "secretdefault", "");
}

TEST(profile_merges_the_files_key_by_key)
{
	given("[profile work]\nregion = x\naws_access_key_id = AKIACONFIG\n"
	      "aws_secret_access_key = secretconfig\n"
	      "aws_session_token = tokenconfig\n",
	    "[work]\naws_access_key_id = AKIAWORK\n"
	    "aws_secret_access_key = secretwork\n");
	check_profile(
	    "work", STATUS_OK, "AKIAWORK", "secretwork", "tokenconfig");
}

TEST(profile_takes_config_sections_by_their_prefix)
{
	given("[work]\naws_access_key_id = AKIAWRONG\n"
	      "[sso-session work]\naws_access_key_id = AKIAWRONG\n"
	      "[profilework]\naws_access_key_id = AKIAWRONG\n"
	      "[ profile \t'work' ] # ours\naws_access_key_id = AKIAWORK\n"
	      "aws_secret_access_key = s\n"
	      "[profile \"two words\"]\naws_access_key_id = AKIATWO\n"
	      "aws_secret_access_key = s\n"
	      "[profile default]\naws_access_key_id = AKIADEF\n"
	      "aws_secret_access_key = s\n",
	    "[profile work]\naws_access_key_id = AKIAWRONG\n");
	check_profile("work", STATUS_OK, "AKIAWORK", "s", "");
	check_profile("two words", STATUS_OK, "AKIATWO", "s", "");
	check_profile(NULL, STATUS_OK, "AKIADEF", "s", "");
}

TEST(profile_reads_comments_blanks_and_line_ends)
{
	given(NULL,
	    "# aws_access_key_id = AKIANO\r\n; so\r\n\r\n"
	    "[default] ; comment\r\n"
	    "aws_access_key_id=AKIAX#1;2 # not this\r\n"
	    "  aws_secret_access_key\t=\ta=b==\t; nor this\r\n"
	    "no equals sign\r\n#aws_session_token = no\r\n"
	    "aws_session_token = t");
	check_profile(NULL, STATUS_OK, "AKIAX#1;2", "a=b==", "t");
}

TEST(profile_ignores_nested_blocks)
{
	given("[default]\ns3 =\n  aws_access_key_id = AKIANESTED\n\n"
	      "\taws_session_token = nested\nservices = \n"
	      "  x =\n    aws_secret_access_key = nested\n"
	      "aws_access_key_id = AKIAX\n  aws_secret_access_key = s\n",
	    NULL);
	check_profile(NULL, STATUS_OK, "AKIAX", "s", "");
}

TEST(profile_ends_a_section_at_a_broken_header)
{
	given(NULL,
	    WORK_KEYS "[other\naws_access_key_id = AKIAOTHER\n"
		      "[]\naws_secret_access_key = other\n[");
	check_profile("work", STATUS_OK, "AKIAWORK", "secretwork", "");
}

TEST(profile_lets_the_last_of_two_values_win)
{
	given(NULL,
	    WORK_KEYS DEFAULT_KEYS "[work]\naws_access_key_id = AKIALAST\n");
	check_profile("work", STATUS_OK, "AKIALAST", "secretwork", "");
}

TEST(profile_asks_on_if_nothing_was_named)
{
	given(NULL, NULL);
	check_profile(NULL, STATUS_MORE, NULL, NULL, NULL);
	given("[default]\nregion = us-east-1\n", WORK_KEYS);
	check_profile(NULL, STATUS_MORE, NULL, NULL, NULL);
	set("AWS_PROFILE", "");
	check_profile(NULL, STATUS_MORE, NULL, NULL, NULL);
	check_profile("", STATUS_MORE, NULL, NULL, NULL);
}

TEST(profile_says_why_a_named_one_has_no_keys)
{
	given("[profile empty]\nregion = us-east-1\n"
	      "[profile role]\nrole_arn = arn\nsource_profile = work\n"
	      "[profile sso]\nsso_session = x\n"
	      "[profile half]\naws_access_key_id = AKIAHALF\n"
	      "[profile blank]\naws_access_key_id = AKIA X\n"
	      "aws_secret_access_key = hidden\n",
	    WORK_KEYS);
	check_refused("none", "profile none is in neither");
	check_refused("empty", "profile empty has no static keys");
	check_refused("role", "role_arn, which is not supported yet");
	check_refused("sso", "sso_session, which is not supported yet");
	check_refused("half", "profile half lacks");
	check_refused("blank", "profile blank lacks");
	CHECK(!logged("hidden") && !logged("AKIA"));
	set("AWS_PROFILE", "gone");
	check_refused(NULL, "profile gone is in neither");
}

/* Keys beside a role to assume are not those the profile stands for. */
TEST(profile_prefers_an_assumed_role_to_its_own_keys)
{
	given("[default]\nrole_arn = arn\ncredential_source = Environment\n",
	    DEFAULT_KEYS);
	check_refused(NULL, "role_arn, which is not supported yet");
	given("[default]\nrole_arn = arn\nsso_session = x\n", DEFAULT_KEYS);
	check_profile(NULL, STATUS_OK, "AKIADEFAULT", "secretdefault", "");
}

TEST(profile_expands_home)
{
	given(NULL, NULL);
	memset(variables, 0, sizeof variables);
	check_profile(NULL, STATUS_MORE, NULL, NULL, NULL);
	set("HOME", directory);
	write_file(home_file, DEFAULT_KEYS);
	check_profile(NULL, STATUS_OK, "AKIADEFAULT", "secretdefault", "");
	set("AWS_SHARED_CREDENTIALS_FILE", "~/credentials");
	write_file(credentials_file, WORK_KEYS);
	check_profile(NULL, STATUS_MORE, NULL, NULL, NULL);
	check_profile("work", STATUS_OK, "AKIAWORK", "secretwork", "");
	unlink(home_file);
}

/* A file of n comment bytes, then keys. */
static void write_long(size_t n)
{
	FILE *file = fopen(credentials_file, "we");

	if (file == NULL)
		abort();
	putc('#', file);
	for (size_t i = 2; i < n; i++)
		putc('x', file);
	fputs("\n" DEFAULT_KEYS, file);
	fclose(file);
}

TEST(profile_reads_a_file_up_to_its_limit)
{
	given(NULL, NULL);
	write_long(FILE_LIMIT - strlen(DEFAULT_KEYS));
	check_profile(NULL, STATUS_OK, "AKIADEFAULT", "secretdefault", "");
	write_long(FILE_LIMIT + 1 - strlen(DEFAULT_KEYS));
	check_refused(NULL, "is larger than");
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", "/dev/zero");
	check_refused(NULL, "/dev/zero is larger than");
}

TEST(profile_refuses_a_value_that_is_cut_off)
{
	char text[20000] = DEFAULT_KEYS "aws_session_token = ";
	size_t len = strlen(text);

	memset(text + len, 'x', sizeof text - len - 1);
	given(NULL, text);
	check_refused(NULL, "too long");
}

TEST(profile_cannot_read_a_directory)
{
	given(NULL, NULL);
	memset(variables, 0, sizeof variables);
	set("AWS_CONFIG_FILE", directory);
	check_refused(NULL, "cannot read");
}

int main(void)
{
	return aws_files_run();
}
