/* process with a fake spawn: the ends that take long or are rare. */
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "../../src/credentials/process.h"
#include "../../src/loop.h"
#include "../../src/spawn.h"
#include "alloc.h"
#include "fake_log.h"
#include "tap.h"

static struct loop *loop;
static spawn_done *end;
static void *end_ctx;
static bool out_of_processes;
static unsigned answers, cancels;
static enum status answer;

/* Stands for the spawn; nobody looks into it. */
static char fake;

struct spawn *spawn_start(struct loop *where,
    const struct spawn_options *options, spawn_done *done, void *ctx)
{
	CHECK(where == loop);
	CHECK_SLICE(slice_from(options->argv[0]), SLICE("program"));
	CHECK_SLICE(slice_from(options->argv[1]), SLICE("a b"));
	CHECK(options->argv[2] == NULL);
	CHECK(options->timeout_ms == 30000);
	CHECK(options->max_out == 65536 && options->max_err == 4096);
	end = done;
	end_ctx = ctx;
	return out_of_processes ? NULL : (struct spawn *)&fake;
}

void spawn_cancel(struct spawn *spawn)
{
	CHECK(spawn == (struct spawn *)&fake);
	cancels++;
}

static void on_answer(void *ctx, enum status status, const struct keys *keys)
{
	(void)ctx;
	CHECK((status == STATUS_OK) == (keys != NULL));
	answers++;
	answer = status;
}

static struct process *start(void)
{
	struct source_context context;

	loop = loop_new();
	if (loop == NULL)
		abort();
	context = (struct source_context){.loop = loop};
	answers = cancels = 0;
	log_forget();
	return process_start(&context, "program 'a b'", on_answer, NULL);
}

static enum status run_to(const struct spawn_result *result)
{
	CHECK(start() != NULL && answers == 0);
	end(end_ctx, result);
	CHECK(answers == 1 && cancels == 0);
	loop_free(loop);
	return answer;
}

#define KEYS                                    \
	"{\"Version\":1,\"AccessKeyId\":\"A\"," \
	"\"SecretAccessKey\":\"s\"}"

/* Whatever it has written until then does not count. */
static void check_end(enum spawn_how how, int code, const char *words)
{
	struct spawn_result result = {
	    .how = how, .code = code, .out = SLICE(KEYS)};

	CHECK(run_to(&result) == STATUS_NO_CREDENTIALS);
	CHECK(logged(words) && log_last == LOG_ERROR);
}

TEST(tells_how_a_program_ended)
{
	struct spawn_result well = {.out = SLICE(KEYS)};

	CHECK(run_to(&well) == STATUS_OK && log_text[0] == '\0');
	check_end(SPAWN_TIMED_OUT, 9, "not ended after 30 s");
	check_end(SPAWN_TOO_MUCH, 9, "more than 65536 bytes");
	check_end(SPAWN_KILLED, 15, "signal 15");
	check_end(SPAWN_EXITED, 255, "exit status 255:");
	check_end(SPAWN_EXITED, 126,
	    "exit status 126 (it cannot be run; "
	    "under systemd, ExecPaths must name it):");
	check_end(SPAWN_EXITED, 127, "exit status 127 (no such program):");
}

TEST(control_characters_of_a_program_are_left_to_the_log)
{
	struct spawn_result result = {.out = SLICE(KEYS),
	    .err = SLICE("\x1b[1mbold\x1b[0m\n\r\n\n \r\n")};

	CHECK(run_to(&result) == STATUS_OK);
	CHECK_SLICE(slice_from(log_text),
	    SLICE("credential_process: \x1b[1mbold\x1b[0m\n"));
}

TEST(cancels_what_it_started)
{
	process_cancel(start());
	CHECK(cancels == 1 && answers == 0);
	loop_free(loop);
}

TEST(says_if_nothing_can_be_started)
{
	out_of_processes = true;
	CHECK(start() == NULL);
	CHECK(answers == 0 && logged("processes"));
	loop_free(loop);
	out_of_processes = false;
}

/* cJSON lives in a library, which --wrap does not reach. */
TEST(says_if_there_is_no_memory_for_the_document)
{
	cJSON_Hooks ours = {.malloc_fn = malloc, .free_fn = free};
	struct spawn_result result = {.out = SLICE(KEYS)};
	bool failed = true;
	size_t n = 0;

	cJSON_InitHooks(&ours);
	for (; failed; n++) {
		CHECK(start() != NULL);
		alloc_fail_at(n);
		end(end_ctx, &result);
		failed = alloc_failed();
		CHECK(answers == 1);
		CHECK(answer == (failed ? STATUS_NO_MEMORY : STATUS_OK));
		loop_free(loop);
	}
	CHECK(n > 5);
	cJSON_InitHooks(NULL);
}

int main(void)
{
	return tap_run();
}
