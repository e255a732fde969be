#include "../../src/vouch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../src/config.h"
#include "../../src/credentials/credentials.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

/* ---- our keys ---- */

/* When they come: at once, or when the test says. */
static bool later;
static enum status keys_status;
static const char *key_id;

struct credentials_wait {
	credentials_done *done;
	void *ctx;
};

static struct credentials_wait wait;
static size_t waits, cancels, refusals;
static char refused[200];
static int some_credentials;

#define CREDENTIALS ((struct credentials *)(void *)&some_credentials)

static void give_keys(const struct credentials_wait *to)
{
	struct keys keys = {.secret = "keys-secret", .token = "keys-token"};

	(void)snprintf(keys.id, sizeof keys.id, "%s", key_id);
	to->done(to->ctx, keys_status, keys_status == STATUS_OK ? &keys : NULL);
}

static void check_source(const struct credentials *credentials,
    const struct credentials_source *source)
{
	CHECK(credentials == CREDENTIALS);
	CHECK_SLICE(slice_from(source->profile), SLICE("work"));
	CHECK_SLICE(slice_from(source->region), SLICE("us-west-2"));
}

struct credentials_wait *credentials_get(struct credentials *credentials,
    const struct credentials_source *source, credentials_done *done, void *ctx)
{
	check_source(credentials, source);
	waits++;
	wait = (struct credentials_wait){done, ctx};
	if (later)
		return &wait;
	give_keys(&wait);
	return NULL;
}

void credentials_cancel(struct credentials_wait *which)
{
	CHECK(which == NULL || which == &wait);
	cancels += which != NULL;
}

void credentials_refused(struct credentials *credentials,
    const struct credentials_source *source, const char *id)
{
	check_source(credentials, source);
	refusals++;
	(void)snprintf(refused, sizeof refused, "%s", id);
}

static const char *bedrock_token;

static const char *fake_getenv(const char *name)
{
	return strcmp(name, "AWS_BEARER_TOKEN_BEDROCK") == 0 ? bedrock_token
							     : NULL;
}

/* ---- one agent ---- */

static char dir[] = P_tmpdir "/vouch_test.XXXXXX";
static char path[sizeof dir + 8];
static char profile[] = "work", region[] = "us-west-2";

static struct config_agent agent;
static struct vouch vouch;

/* What was told: how often, and who vouches. */
static struct {
	size_t times;
	enum status status;
	bool voucher;
	char key_id[200], authorization[200], api_key[200];
} told;

static void keep(char *out, struct slice text)
{
	(void)snprintf(out, 200, "%.*s", SLICE_ARG(text));
}

static void on_done(
    void *ctx, enum status status, const struct voucher *voucher)
{
	CHECK(ctx == &told);
	told.times++;
	told.status = status;
	told.voucher = voucher != NULL;
	told.key_id[0] = told.authorization[0] = told.api_key[0] = '\0';
	if (voucher == NULL)
		return;
	keep(told.key_id,
	    slice_from(voucher->keys == NULL ? "" : voucher->keys->id));
	keep(told.authorization, voucher->authorization);
	keep(told.api_key, voucher->api_key);
}

static void begin(
    enum config_backend backend, enum config_auth auth, const char *token)
{
	agent = (struct config_agent){.backend = backend,
	    .auth = auth,
	    .profile = profile,
	    .region = region,
	    .api_key_file = path};
	memset(&told, 0, sizeof told);
	waits = cancels = refusals = 0;
	later = false;
	keys_status = STATUS_OK;
	key_id = "AKIAEXAMPLE";
	bedrock_token = NULL;
	log_forget();
	CHECK(vouch_init(&vouch, CREDENTIALS, fake_getenv, &agent,
		  slice_from(token)) == STATUS_OK);
	CHECK(!vouch_signed(&vouch));
}

static void check_told(
    const char *id, const char *authorization, const char *api_key)
{
	CHECK(told.times == 1 && told.status == STATUS_OK && told.voucher);
	CHECK_SLICE(slice_from(told.key_id), slice_from(id));
	CHECK_SLICE(slice_from(told.authorization), slice_from(authorization));
	CHECK_SLICE(slice_from(told.api_key), slice_from(api_key));
	CHECK(vouch_signed(&vouch) == (id[0] != '\0'));
}

static void check_failed(enum status status)
{
	CHECK(told.times == 1 && told.status == status && !told.voucher);
	CHECK(!vouch_signed(&vouch));
}

static void finish(void)
{
	CHECK(!logged("secret") && !logged("token") && !logged("AKIA"));
	vouch_free(&vouch);
	CHECK(vouch.wait == NULL && vouch.authorization.ptr == NULL);
	vouch_free(&vouch);
}

static void given(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

/* ---- by auth ---- */

TEST(nobody)
{
	begin(BACKEND_HTTP, AUTH_NONE, "Bearer of-the-caller");
	vouch_get(&vouch, on_done, &told);
	check_told("", "", "");
	CHECK(waits == 0);
	finish();
}

TEST(the_caller)
{
	char token[] = "Bearer of-the-caller";

	begin(BACKEND_AGENTCORE, AUTH_BEARER, token);
	/* It was borrowed for that call alone. */
	memset(token, 'x', sizeof token - 1);
	vouch_get(&vouch, on_done, &told);
	check_told("", "Bearer of-the-caller", "");
	/* An attempt after the first needs it again. */
	told.times = 0;
	vouch_get(&vouch, on_done, &told);
	check_told("", "Bearer of-the-caller", "");
	CHECK(waits == 0);
	finish();
}

TEST(our_keys_at_once)
{
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	vouch_get(&vouch, on_done, &told);
	check_told("AKIAEXAMPLE", "", "");
	CHECK(waits == 1 && vouch.wait == NULL);
	finish();
	CHECK(cancels == 0);
}

/* Nor does the caller's token go anywhere then. */
TEST(our_keys_later)
{
	begin(BACKEND_HTTP, AUTH_SIGV4, "Bearer of-the-caller");
	later = true;
	vouch_get(&vouch, on_done, &told);
	CHECK(told.times == 0 && waits == 1 && !vouch_signed(&vouch));
	give_keys(&wait);
	check_told("AKIAEXAMPLE", "", "");
	finish();
	CHECK(cancels == 0);
}

TEST(waiting_no_longer)
{
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	later = true;
	vouch_get(&vouch, on_done, &told);
	vouch_free(&vouch);
	CHECK(cancels == 1 && told.times == 0);
	finish();
	CHECK(cancels == 1);
}

TEST(no_keys)
{
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	keys_status = STATUS_NO_CREDENTIALS;
	vouch_get(&vouch, on_done, &told);
	check_failed(STATUS_NO_CREDENTIALS);
	finish();
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	keys_status = STATUS_NO_MEMORY;
	later = true;
	vouch_get(&vouch, on_done, &told);
	give_keys(&wait);
	check_failed(STATUS_NO_MEMORY);
	finish();
}

TEST(keys_that_are_renewed)
{
	char longest[KEYS_MAX_ID + 1];

	memset(longest, 'K', KEYS_MAX_ID);
	longest[KEYS_MAX_ID] = '\0';
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	key_id = longest;
	vouch_get(&vouch, on_done, &told);
	check_told(longest, "", "");
	vouch_renew(&vouch);
	CHECK(refusals == 1);
	CHECK_SLICE(slice_from(refused), slice_from(longest));
	/* Others, with a shorter id. */
	told.times = 0;
	key_id = "AKIAOTHER";
	vouch_get(&vouch, on_done, &told);
	check_told("AKIAOTHER", "", "");
	vouch_renew(&vouch);
	CHECK(refusals == 2);
	CHECK_SLICE(slice_from(refused), SLICE("AKIAOTHER"));
	finish();
}

TEST(a_key_of_an_api)
{
	begin(BACKEND_HTTP, AUTH_API_KEY, "Bearer of-the-caller");
	given("secret-1\n");
	vouch_get(&vouch, on_done, &told);
	check_told("", "", "secret-1");
	/* It is read each time: it may have been replaced. */
	given("secret-2");
	told.times = 0;
	vouch_get(&vouch, on_done, &told);
	check_told("", "", "secret-2");
	CHECK(waits == 0 && log_text[0] == '\0');
	finish();
}

TEST(a_key_of_bedrock)
{
	begin(BACKEND_BEDROCK, AUTH_API_KEY, "");
	given("secret-1\n");
	/* What was configured goes before what is in the environment. */
	bedrock_token = "token-2";
	vouch_get(&vouch, on_done, &told);
	check_told("", "Bearer secret-1", "");
	CHECK(waits == 0);
	finish();
}

TEST(no_key_in_the_file)
{
	static const char *const bad[] = {"", "\n", "secret\x01", "sec\nret\n"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin(BACKEND_BEDROCK, AUTH_API_KEY, "");
		given(bad[i]);
		vouch_get(&vouch, on_done, &told);
		check_failed(STATUS_NO_CREDENTIALS);
		CHECK(logged(path) && log_last == LOG_ERROR);
		finish();
	}
	begin(BACKEND_HTTP, AUTH_API_KEY, "");
	CHECK(unlink(path) == 0);
	vouch_get(&vouch, on_done, &told);
	check_failed(STATUS_NO_CREDENTIALS);
	CHECK(logged(path) && log_last == LOG_ERROR);
	finish();
}

TEST(a_key_that_is_too_long)
{
	static char much[4098];

	memset(much, 'k', 4096);
	begin(BACKEND_HTTP, AUTH_API_KEY, "");
	given(much);
	vouch_get(&vouch, on_done, &told);
	CHECK(told.times == 1 && told.status == STATUS_OK);
	finish();
	begin(BACKEND_HTTP, AUTH_API_KEY, "");
	much[4096] = 'k';
	given(much);
	vouch_get(&vouch, on_done, &told);
	check_failed(STATUS_NO_CREDENTIALS);
	CHECK(logged(path) && !logged("kkk"));
	finish();
}

TEST(bedrocks_token_in_the_environment)
{
	begin(BACKEND_BEDROCK, AUTH_SIGV4, "");
	bedrock_token = "token-1";
	vouch_get(&vouch, on_done, &told);
	check_told("", "Bearer token-1", "");
	CHECK(waits == 0);
	/* Set to nothing is not set. */
	told.times = 0;
	bedrock_token = "";
	vouch_get(&vouch, on_done, &told);
	check_told("AKIAEXAMPLE", "", "");
	/* Keys that were given before are not those of now. */
	told.times = 0;
	bedrock_token = "token-1";
	vouch_get(&vouch, on_done, &told);
	check_told("", "Bearer token-1", "");
	finish();
	/* It is good for Bedrock's models alone. */
	begin(BACKEND_AGENTCORE, AUTH_SIGV4, "");
	bedrock_token = "token-1";
	vouch_get(&vouch, on_done, &told);
	check_told("AKIAEXAMPLE", "", "");
	finish();
}

/* In a header it would be the end of one, and the beginning of another. */
TEST(a_token_in_the_environment_that_is_none)
{
	static const char *const bad[] = {
	    "token\n", "token\r\nX-Header: y", "\x01", "token\x7f"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin(BACKEND_BEDROCK, AUTH_SIGV4, "");
		bedrock_token = bad[i];
		vouch_get(&vouch, on_done, &told);
		check_failed(STATUS_NO_CREDENTIALS);
		CHECK(waits == 0 && log_last == LOG_ERROR);
		CHECK(logged("AWS_BEARER_TOKEN_BEDROCK holds a line end"));
		finish();
	}
}

/* ---- without memory ---- */

TEST(a_token_that_is_too_long)
{
	static char much[16 * 1024 + 1];

	memset(much, 't', sizeof much);
	CHECK(vouch_init(&vouch, CREDENTIALS, fake_getenv, &agent,
		  (struct slice){.ptr = much, .len = sizeof much - 1}) ==
	    STATUS_OK);
	vouch_free(&vouch);
	CHECK(
	    vouch_init(&vouch, CREDENTIALS, fake_getenv, &agent,
		(struct slice){.ptr = much, .len = sizeof much}) != STATUS_OK);
	vouch_free(&vouch);
}

TEST(no_memory)
{
	size_t n;

	for (n = 0;; n++) {
		enum status status;

		alloc_fail_at(n);
		status = vouch_init(&vouch, CREDENTIALS, fake_getenv, &agent,
		    SLICE("Bearer of-the-caller"));
		if (!alloc_failed())
			break;
		CHECK(status == STATUS_NO_MEMORY);
		vouch_free(&vouch);
	}
	CHECK(n == 1);
	vouch_free(&vouch);
	begin(BACKEND_BEDROCK, AUTH_SIGV4, "");
	bedrock_token = "token-1";
	for (n = 0;; n++) {
		told.times = 0;
		alloc_fail_at(n);
		vouch_get(&vouch, on_done, &told);
		if (!alloc_failed())
			break;
		check_failed(STATUS_NO_MEMORY);
	}
	CHECK(n >= 1);
	check_told("", "Bearer token-1", "");
	finish();
}

TEST(zeroed_memory)
{
	struct vouch none = {0};

	vouch_free(&none);
	vouch_free(&none);
	CHECK(!vouch_signed(&none));
}

int main(void)
{
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof path, "%s/key", dir);
	failed = tap_run();
	(void)unlink(path);
	(void)rmdir(dir);
	return failed;
}
