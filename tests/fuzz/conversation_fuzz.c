/*
 * Any bytes as the file of a conversation: what is read of it is pairs of
 * JSON objects with commas between, and a turn that is kept comes last.
 */
#include "../../src/conversation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../src/buf.h"
#include "../../src/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* SHA-256 of "a", NUL, "s". */
#define NAME \
	"654100f28cc2af3986ad5f353948c814050bb93b302a408569ad74f14f310a0f.jsonl"
#define TURN "{\"a\":\"\"},{}"

static char state_dir[64], dir[96], file[192];

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void clean(void)
{
	(void)unlink(file);
	(void)rmdir(dir);
	(void)rmdir(state_dir);
}

static void make_dir(void)
{
	(void)snprintf(
	    state_dir, sizeof state_dir, P_tmpdir "/conversation.XXXXXX");
	check(mkdtemp(state_dir) != NULL);
	(void)snprintf(dir, sizeof dir, "%s/conversations", state_dir);
	(void)snprintf(file, sizeof file, "%s/%s", dir, NAME);
	check(mkdir(dir, 0700) == 0 && atexit(clean) == 0);
}

static void write_file(const uint8_t *data, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	check(close(fd) == 0);
}

/* What a process finds that has nothing in memory. */
static void read_file(const struct conversation_id *id, struct buf *out)
{
	struct conversations *all = conversation_all_new();

	check(all != NULL);
	buf_init(out, CONVERSATION_MAX + 2);
	buf_add_char(out, '[');
	check(conversation_add(all, id, time(NULL), out) == STATUS_OK);
	buf_add_char(out, ']');
	check(buf_status(out) == STATUS_OK);
	conversation_all_free(all);
}

static void check_objects(struct slice array)
{
	struct json *json;
	size_t n = 0;

	check(json_parse(array, &json) == STATUS_OK);
	while (json_at(json, n) != NULL)
		check(json_is_object(json_at(json, n++)));
	check(n % 2 == 0);
	json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conversation_id id = {
	    .state_dir = state_dir, .agent = "a", .session = "s"};
	struct conversations *all = conversation_all_new();
	struct buf first, second;

	if (state_dir[0] == '\0')
		make_dir();
	write_file(data, size);
	read_file(&id, &first);
	check_objects(buf_slice(&first));
	check(all != NULL);
	conversation_keep(all, &id, time(NULL), SLICE(TURN));
	conversation_all_free(all);
	read_file(&id, &second);
	check_objects(buf_slice(&second));
	check(slice_ends(buf_slice(&second), SLICE(TURN "]")));
	buf_free(&first);
	buf_free(&second);
	return 0;
}
