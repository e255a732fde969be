#include "../../src/credentials/environment.h"

#include "aws_files.h"

static void check(struct keys *keys, enum status wanted, const char *reason)
{
	FILE *log;
	int saved = log_begin(&log);
	enum status status = environment_read(keys, fake_getenv);

	log_end(log, saved);
	CHECK(status == wanted);
	CHECK(reason == NULL ? log_text[0] == '\0' : logged(reason));
}

TEST(environment_wants_both_keys_or_neither)
{
	struct keys keys = {0};

	given(NULL, NULL);
	check(&keys, STATUS_MORE, NULL);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	check(&keys, STATUS_NO_CREDENTIALS, "AWS_SECRET_ACCESS_KEY is not");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	check(&keys, STATUS_OK, NULL);
	CHECK_SLICE(slice_from(keys.id), SLICE("AKIAENV"));
	CHECK_SLICE(slice_from(keys.secret), SLICE("secretenv"));
	CHECK_SLICE(slice_from(keys.token), SLICE(""));
	given(NULL, NULL);
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	set("AWS_ACCESS_KEY_ID", "");
	check(&keys, STATUS_NO_CREDENTIALS, "AWS_ACCESS_KEY_ID is not");
	CHECK(!logged("secretenv"));
}

TEST(environment_names_no_key_it_refuses)
{
	struct keys keys;

	given(NULL, NULL);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	set("AWS_SESSION_TOKEN", "token with blanks");
	check(&keys, STATUS_NO_CREDENTIALS, "holds a blank");
	CHECK(!logged("secretenv") && !logged("AKIAENV") &&
	    !logged("token with"));
}

TEST(environment_reads_the_expiration)
{
	struct keys keys;

	given(NULL, NULL);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	set("AWS_SESSION_TOKEN", "token");
	memset(&keys, 0xff, sizeof keys);
	check(&keys, STATUS_OK, NULL);
	CHECK(keys.expires_s == 0);
	set("AWS_CREDENTIAL_EXPIRATION", "2030-01-01T00:00:00Z");
	check(&keys, STATUS_OK, NULL);
	CHECK(keys.expires_s == 1893456000);
	CHECK_SLICE(slice_from(keys.token), SLICE("token"));
	given(NULL, NULL);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	set("AWS_CREDENTIAL_EXPIRATION", "soon");
	check(&keys, STATUS_NO_CREDENTIALS, "AWS_CREDENTIAL_EXPIRATION is no");
	CHECK(keys.id[0] == '\0' && keys.secret[0] == '\0');
	CHECK(keys.expires_s == 0);
	given(NULL, NULL);
	set("AWS_CREDENTIAL_EXPIRATION", "soon");
	check(&keys, STATUS_MORE, NULL);
}

static enum status read_web(struct environment_web *web)
{
	FILE *log;
	int saved = log_begin(&log);
	enum status status = environment_web(web, fake_getenv);

	log_end(log, saved);
	return status;
}

TEST(environment_wants_a_token_file_with_its_role)
{
	struct environment_web web;

	given(NULL, NULL);
	set("AWS_ROLE_SESSION_NAME", "name");
	CHECK(read_web(&web) == STATUS_MORE && log_text[0] == '\0');
	set("AWS_ROLE_ARN", "arn");
	/* It is often there for other programs. */
	CHECK(read_web(&web) == STATUS_MORE && log_text[0] == '\0');
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
	CHECK(read_web(&web) == STATUS_OK && log_text[0] == '\0');
	CHECK_SLICE(slice_from(web.arn), SLICE("arn"));
	CHECK_SLICE(slice_from(web.token_file), SLICE("/t"));
	CHECK_SLICE(slice_from(web.session_name), SLICE("name"));
	given(NULL, NULL);
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
	set("AWS_ROLE_ARN", "");
	CHECK(read_web(&web) == STATUS_NO_CREDENTIALS);
	CHECK(logged("AWS_ROLE_ARN is not: "));
	given(NULL, NULL);
	set("AWS_WEB_IDENTITY_TOKEN_FILE", "/t");
	set("AWS_ROLE_ARN", "arn");
	CHECK(read_web(&web) == STATUS_OK && web.session_name[0] == '\0');
}

int main(void)
{
	return aws_files_run();
}
