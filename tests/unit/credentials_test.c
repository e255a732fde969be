#include "../../src/credentials/credentials.h"

#include "../../src/credentials/environment.h"
#include "aws_files.h"

TEST(environment_wants_both_keys_or_neither)
{
	struct keys keys = {0};
	FILE *file;
	int saved;

	given(NULL, NULL);
	CHECK(environment_read(&keys, fake_getenv) == STATUS_MORE);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	saved = log_begin(&file);
	CHECK(environment_read(&keys, fake_getenv) == STATUS_NO_CREDENTIALS);
	log_end(file, saved);
	CHECK(logged("AWS_SECRET_ACCESS_KEY is not"));
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	CHECK(environment_read(&keys, fake_getenv) == STATUS_OK);
	CHECK_SLICE(slice_from(keys.id), SLICE("AKIAENV"));
	CHECK_SLICE(slice_from(keys.secret), SLICE("secretenv"));
	CHECK_SLICE(slice_from(keys.token), SLICE(""));
	set("AWS_SESSION_TOKEN", "token with blanks");
	saved = log_begin(&file);
	CHECK(environment_read(&keys, fake_getenv) == STATUS_NO_CREDENTIALS);
	log_end(file, saved);
	CHECK(!logged("secretenv") && !logged("AKIAENV") &&
	    !logged("token with"));
}

/* The answer of credentials_get. */
struct answer {
	int calls;
	enum status status;
	struct keys keys;
};

static void take_answer(void *ctx, enum status status, const struct keys *keys)
{
	struct answer *answer = ctx;

	answer->calls++;
	answer->status = status;
	CHECK((status == STATUS_OK) == (keys != NULL));
	if (keys != NULL)
		answer->keys = *keys;
}

static void check_get(const char *profile, enum status wanted, const char *id)
{
	struct credentials_source source = {fake_getenv, profile};
	struct answer answer = {0};
	FILE *file;
	int saved = log_begin(&file);

	credentials_get(&source, take_answer, &answer);
	log_end(file, saved);
	CHECK(answer.calls == 1);
	CHECK(answer.status == wanted);
	CHECK_SLICE(slice_from(answer.keys.id), slice_from(id));
	CHECK(wanted == STATUS_OK || log_text[0] != '\0');
}

TEST(credentials_take_the_environment_before_the_profile)
{
	given(NULL, DEFAULT_KEYS WORK_KEYS);
	check_get(NULL, STATUS_OK, "AKIADEFAULT");
	CHECK(log_text[0] == '\0');
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	check_get(NULL, STATUS_OK, "AKIAENV");
	CHECK(log_text[0] == '\0');
	check_get("work", STATUS_OK, "AKIAWORK");
	CHECK(log_text[0] == '\0');
}

TEST(credentials_warn_once_of_a_profile_that_is_passed_over)
{
	given(NULL, DEFAULT_KEYS WORK_KEYS);
	set("AWS_PROFILE", "work");
	check_get(NULL, STATUS_OK, "AKIAWORK");
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	check_get(NULL, STATUS_OK, "AKIAENV");
	CHECK(logged("AWS_PROFILE is ignored"));
	check_get(NULL, STATUS_OK, "AKIAENV");
	CHECK(log_text[0] == '\0');
}

TEST(credentials_do_not_fall_through_a_source_that_fails)
{
	given(NULL, DEFAULT_KEYS);
	set("AWS_ACCESS_KEY_ID", "AKIAENV");
	check_get(NULL, STATUS_NO_CREDENTIALS, NULL);
	set("AWS_SECRET_ACCESS_KEY", "secretenv");
	check_get("missing", STATUS_NO_CREDENTIALS, NULL);
	CHECK(logged("profile missing is in neither"));
	given(NULL, NULL);
	check_get(NULL, STATUS_NO_CREDENTIALS, NULL);
	CHECK(logged("no AWS credentials"));
}

int main(void)
{
	return aws_files_run();
}
