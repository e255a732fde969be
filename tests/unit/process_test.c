#include "../../src/credentials/process.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/clock.h"
#include "../../src/loop.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

enum {
	GUARD_MS = 25000, /* before PROCESS_TIMEOUT_MS */
	NOW_S = 1700000000
};

/* The time, in place of clock.c. */
uint64_t clock_mono_ms(void)
{
	return 0;
}

int64_t clock_unix_s(void)
{
	return NOW_S;
}

static struct loop *loop;
static struct loop_timer *guard;
static char directory[] = P_tmpdir "/process_test.XXXXXX";
static char program[128];

/* The answer to the last process. */
static unsigned answers;
static enum status answer;
static struct keys answer_keys;

static void on_answer(void *ctx, enum status status, const struct keys *keys)
{
	CHECK(ctx == &answers);
	CHECK((status == STATUS_OK) == (keys != NULL));
	answers++;
	answer = status;
	if (keys != NULL)
		answer_keys = *keys;
	loop_stop(loop);
}

static void on_guard(void *ctx)
{
	bool in_time = ctx != NULL;

	CHECK(in_time);
	loop_stop(loop);
}

static void begin(void)
{
	answers = 0;
	answer = STATUS_OK;
	memset(&answer_keys, 0, sizeof answer_keys);
	log_forget();
	loop = loop_new();
	guard = loop == NULL ? NULL : loop_timer_new(loop, on_guard, NULL);
	if (guard == NULL)
		abort();
	loop_timer_start(guard, GUARD_MS);
}

static struct process *start(const char *command)
{
	struct source_context context = {.loop = loop};
	char *copy = strdup(command);
	struct process *process =
	    process_start(&context, copy, on_answer, &answers);

	CHECK(answers == 0);
	/* Nobody has to keep it. */
	memset(copy, 'x', strlen(copy));
	free(copy);
	return process;
}

static enum status run_command(const char *command)
{
	begin();
	if (start(command) == NULL)
		abort();
	loop_run(loop);
	CHECK(answers == 1);
	loop_free(loop);
	return answer;
}

/* Run the program, whose text this is, by a path with a blank in it. */
static enum status run_script(const char *text)
{
	char command[160];
	FILE *to = fopen(program, "we");

	if (to == NULL || fprintf(to, "#!/bin/sh\n%s\n", text) < 0 ||
	    fclose(to) != 0 || chmod(program, 0700) != 0)
		abort();
	(void)snprintf(command, sizeof command, "'%s' 'a b' c", program);
	return run_command(command);
}

#define KEYS                                                \
	"\"AccessKeyId\": \"ASIAX\", \"SecretAccessKey\": " \
	"\"secretsecret\""

static enum status print(const char *json)
{
	char text[1024];

	(void)snprintf(text, sizeof text, "cat <<'EOF'\n%s\nEOF", json);
	return run_script(text);
}

/* The one line of the log has this in it, and nothing of the output. */
static void check_refused(enum status status, const char *words)
{
	CHECK(status == STATUS_NO_CREDENTIALS);
	CHECK(logged("credential_process: ") && logged(words));
	CHECK(strchr(log_text, '\n') == strrchr(log_text, '\n'));
	CHECK(log_last == LOG_ERROR);
	CHECK(!logged("ASIAX") && !logged("secretsecret"));
	if (!logged(words))
		printf("# log: %s\n", log_text);
}

TEST(takes_keys_from_a_program)
{
	CHECK(print("{\"Version\": 1, " KEYS "}") == STATUS_OK);
	CHECK_SLICE(slice_from(answer_keys.id), SLICE("ASIAX"));
	CHECK_SLICE(slice_from(answer_keys.secret), SLICE("secretsecret"));
	CHECK_SLICE(slice_from(answer_keys.token), SLICE(""));
	CHECK(answer_keys.expires_s == 0);
	CHECK(log_text[0] == '\0');
}

TEST(takes_a_token_and_an_expiration)
{
	CHECK(print("{\"Version\":1," KEYS ",\"SessionToken\":\"token\","
		    "\"Expiration\":\"2023-11-14T22:13:21Z\","
		    "\"AccountId\":\"123456789012\"}") == STATUS_OK);
	CHECK_SLICE(slice_from(answer_keys.token), SLICE("token"));
	CHECK(answer_keys.expires_s == NOW_S + 1);
	CHECK(log_text[0] == '\0');
}

TEST(the_command_is_split_into_words)
{
	CHECK(run_script("test $# = 2 && test \"$1\" = 'a b' && "
			 "test \"$2\" = c && exit 5") == STATUS_NO_CREDENTIALS);
	CHECK(logged("exit status 5:"));
}

TEST(refuses_expired_keys)
{
	check_refused(print("{\"Version\":1," KEYS
			    ",\"Expiration\":\"2023-11-14T22:13:20Z\"}"),
	    "expired");
	check_refused(print("{\"Version\":1," KEYS
			    ",\"Expiration\":\"1970-01-01T00:00:01Z\"}"),
	    "expired");
}

TEST(refuses_another_version)
{
	static const char *const versions[] = {
	    "2", "0", "1.5", "-1", "\"1\"", "null", "[1]"};
	char text[256];

	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		(void)snprintf(text, sizeof text, "{\"Version\":%s," KEYS "}",
		    versions[i]);
		check_refused(print(text), "Version");
	}
	check_refused(print("{" KEYS "}"), "Version");
}

TEST(refuses_other_output)
{
	check_refused(run_script(""), "object");
	check_refused(print("ASIAX secretsecret"), "object");
	check_refused(print("[{\"Version\":1," KEYS "}]"), "object");
	check_refused(print("{\"Version\":1," KEYS "} ASIAX"), "object");
	check_refused(print("{\"Version\":1," KEYS), "object");
	check_refused(print("{\"Version\":1,\"AccessKeyId\":\"ASIAX\"}"),
	    "secret access key");
	check_refused(print("{\"Version\":1," KEYS ",\"Expiration\":\"soon\"}"),
	    "expiration");
}

TEST(refuses_the_output_of_a_program_that_fails)
{
	check_refused(run_script("echo '{\"Version\":1," KEYS "}'; exit 1"),
	    "exit status 1:");
	check_refused(run_script("kill -9 $$"), "signal 9");
	check_refused(run_script("exec head -c 70000 /dev/zero"),
	    "more than 65536 bytes");
}

TEST(says_what_hinders_the_start)
{
	check_refused(run_command("/nonexistent/x"), "no such program");
	check_refused(run_command("process-test-nonexistent"),
	    "exit status 127 (no such program)");
	check_refused(run_command("/"),
	    "exit status 126 (it cannot be run; "
	    "under systemd, ExecPaths must name it)");
}

TEST(a_bad_command_is_answered_later)
{
	check_refused(run_command(""), "no word");
	check_refused(run_command(" \t"), "no word");
	check_refused(run_command("'/bin/true"), "quote");
	check_refused(run_command("/bin/true \\"), "quote");
}

TEST(standard_error_goes_to_the_log_line_by_line)
{
	CHECK(
	    run_script("printf '\\n  one\\r\\n\\n \\n%%s two\\t\\nthree' >&2\n"
		       "echo '{\"Version\":1," KEYS "}'") == STATUS_OK);
	CHECK(log_last == LOG_WARNING);
	CHECK_SLICE(slice_from(log_text),
	    SLICE("credential_process: one\n"
		  "credential_process: %s two\n"
		  "credential_process: three\n"));
	CHECK(run_script("echo why >&2; exit 2") == STATUS_NO_CREDENTIALS);
	CHECK(logged("credential_process: why\ncredential_process: exit"));
}

TEST(so_much_of_standard_error_is_enough)
{
	CHECK(run_script("for i in 1 2 3 4 5 6 7 8 9; do "
			 "printf '%01023d\\n' $i; done >&2; exit 1") ==
	    STATUS_NO_CREDENTIALS);
	CHECK(logged("0004\n") && !logged("0005\n"));
}

static void on_cancel(void *ctx)
{
	process_cancel(ctx);
	loop_stop(loop);
}

static void check_cancel(const char *command, bool at_once)
{
	struct loop_timer *timer;
	struct process *process;

	begin();
	process = start(command);
	CHECK(process != NULL);
	if (at_once) {
		process_cancel(process);
		timer = loop_timer_new(loop, on_cancel, NULL);
	} else {
		timer = loop_timer_new(loop, on_cancel, process);
	}
	loop_timer_start(timer, 100);
	loop_run(loop);
	CHECK(answers == 0 && log_text[0] == '\0');
	loop_free(loop);
}

TEST(cancelled_it_says_nothing)
{
	process_cancel(NULL);
	check_cancel("sleep 100", false);
	check_cancel("sleep 100", true);
	check_cancel("'", true);
}

static void check_memory(const char *command, size_t at_least)
{
	struct process *process = NULL;
	size_t n;

	begin();
	for (n = 0; process == NULL && n < 100; n++) {
		struct source_context context = {.loop = loop};

		alloc_fail_at(n);
		process = process_start(&context, command, on_answer, &answers);
		CHECK(alloc_failed() == (process == NULL));
		CHECK(answers == 0);
	}
	CHECK(n > at_least);
	loop_run(loop);
	CHECK(answers == 1);
	loop_free(loop);
}

TEST(survives_lack_of_memory)
{
	check_memory("/bin/true", 7);
	check_memory("'", 2);
}

int main(void)
{
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	(void)snprintf(program, sizeof program, "%s/a program", directory);
	result = tap_run();
	unlink(program);
	rmdir(directory);
	return result;
}
