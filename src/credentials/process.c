#include "process.h"

#include <stdlib.h>

#include "../clock.h"
#include "../json.h"
#include "../log.h"
#include "../loop.h"
#include "../spawn.h"
#include "../words.h"
#include "keydoc.h"

enum {
	MAX_OUT = 64 * 1024, /* ten times the longest token */
	MAX_ERR = 4096       /* what a failure needs in the log */
};

struct process {
	struct spawn *spawn;
	struct loop_timer *timer; /* instead, if the command is bad */
	source_done *done;
	void *ctx;
};

static void answer(
    struct process *process, enum status status, const struct keys *keys)
{
	source_done *done = process->done;
	void *ctx = process->ctx;

	loop_timer_free(process->timer);
	free(process);
	done(ctx, status, keys);
}

static void on_bad_command(void *ctx)
{
	log_write(LOG_ERROR,
	    "credential_process: the command has no word, a quote without its "
	    "end, or more than %d words: write it as for a shell",
	    WORDS_MAX);
	answer(ctx, STATUS_NO_CREDENTIALS, NULL);
}

static void log_lines(struct slice text)
{
	while (text.len > 0) {
		struct slice line = slice_cut(&text, '\n');

		if (slice_ends(line, SLICE("\r")))
			line.len--;
		line = slice_trim(line);
		if (line.len > 0)
			log_write(LOG_WARNING, "credential_process: %.*s",
			    SLICE_ARG(line));
	}
}

/* True if it ended well. */
static bool check_end(const struct spawn_result *result)
{
	switch (result->how) {
	case SPAWN_EXITED:
		if (result->code == 0)
			return true;
		log_write(LOG_ERROR,
		    "credential_process: exit status %d%s: run the command by "
		    "hand, as the user of this process",
		    result->code,
		    result->code == 127       ? " (no such program)"
			: result->code == 126 ? " (it cannot be run; "
						"under systemd, ExecPaths "
						"must name it)"
					      : "");
		return false;
	case SPAWN_KILLED:
		log_write(LOG_ERROR,
		    "credential_process: ended by signal %d: run the command "
		    "by hand, as the user of this process",
		    result->code);
		return false;
	case SPAWN_TIMED_OUT:
		log_write(LOG_ERROR,
		    "credential_process: killed, as it had not ended after "
		    "%d s: check what it waits for",
		    PROCESS_TIMEOUT_MS / 1000);
		return false;
	case SPAWN_TOO_MUCH:
		log_write(LOG_ERROR,
		    "credential_process: killed, as it wrote more than %d "
		    "bytes: it is to print one JSON object",
		    MAX_OUT);
		return false;
	}
	return false;
}

/* What is wrong, or NULL. */
static const char *read_document(struct keys *keys, const struct json *json)
{
	static const struct keydoc_names names = {
	    .id = "AccessKeyId",
	    .secret = "SecretAccessKey",
	    .token = "SessionToken",
	    .expiration = "Expiration",
	};
	const char *wrong;
	double version;

	if (!json_is_object(json))
		return "it is no JSON object";
	if (!json_number(json_get(json, "Version"), &version) || version < 1 ||
	    version > 1)
		return "its Version is not 1";
	wrong = keydoc_read(keys, json, &names);
	if (wrong == NULL && keys->expires_s != 0 &&
	    keys->expires_s <= clock_unix_s())
		return "its keys have expired";
	return wrong;
}

static enum status read_keys(struct keys *keys, struct slice text)
{
	struct json *json;
	enum status status = json_parse(text, &json);
	const char *wrong;

	if (status == STATUS_NO_MEMORY)
		return status;
	wrong = read_document(keys, json);
	json_wipe(json);
	if (wrong == NULL)
		return STATUS_OK;
	log_write(LOG_ERROR,
	    "credential_process: the program's output cannot be used: %s",
	    wrong);
	return STATUS_NO_CREDENTIALS;
}

static void on_end(void *ctx, const struct spawn_result *result)
{
	struct process *process = ctx;
	enum status status = STATUS_NO_CREDENTIALS;
	struct keys keys = {0};

	log_lines(result->err);
	if (check_end(result))
		status = read_keys(&keys, result->out);
	answer(process, status, status == STATUS_OK ? &keys : NULL);
	keys_wipe(&keys);
}

/* False if memory or the like is out. */
static bool start(
    struct process *process, struct loop *loop, const char *command)
{
	char *argv[WORDS_MAX + 1], *copy;
	struct spawn_options options = {
	    .argv = argv,
	    .timeout_ms = PROCESS_TIMEOUT_MS,
	    .max_out = MAX_OUT,
	    .max_err = MAX_ERR,
	};
	enum status status = words_split(argv, &copy, slice_from(command));

	if (status == STATUS_NO_MEMORY)
		return false;
	if (status != STATUS_OK) {
		process->timer = loop_timer_new(loop, on_bad_command, process);
		if (process->timer == NULL)
			return false;
		loop_timer_start(process->timer, 0);
		return true;
	}
	process->spawn = spawn_start(loop, &options, on_end, process);
	free(copy);
	return process->spawn != NULL;
}

struct process *process_start(const struct source_context *context,
    const char *command, source_done *done, void *ctx)
{
	struct process *process = malloc(sizeof *process);

	if (process == NULL)
		return NULL;
	*process = (struct process){.done = done, .ctx = ctx};
	if (start(process, context->loop, command))
		return process;
	log_write(LOG_ERROR,
	    "credential_process: cannot start it: no memory, descriptors or "
	    "processes are left");
	free(process);
	return NULL;
}

void process_cancel(struct process *process)
{
	if (process == NULL)
		return;
	spawn_cancel(process->spawn);
	loop_timer_free(process->timer);
	free(process);
}
