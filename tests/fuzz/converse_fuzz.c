/*
 * converse: whatever a model sends, each event is one line of JSON, and the
 * same however the stream is cut.
 *
 * The first byte picks how to cut.  The rest is messages, each of a kind
 * ("e": an event, else an exception), a name up to a space and a payload up
 * to a NUL; their frames are made here.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/converse.h"
#include "../../src/json.h"
#include "../../src/log.h"
#include "../unit/eventstream_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* In place of log.c: what a model reports is no news here, but the line must
 * be sound. */
void log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	(void)level;
	va_start(args, format);
	if (vsnprintf(line, sizeof line, format, args) <= 0)
		abort();
	va_end(args);
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static enum status hear(void *ctx, const struct decode_event *event)
{
	struct slice text = event->lines, rest, name;
	struct json *json = NULL;
	char type[256];

	check(event->has_data && slice_equal(event->end, SLICE("\n")));
	check(slice_starts(text, SLICE("data: {\"event\":{\"")));
	check(slice_ends(text, SLICE("}}\n")));
	check(slice_find(text, SLICE("\n")) == text.len - 1);
	check(slice_find(text, SLICE("\r")) == text.len);
	rest = slice_skip(text, strlen("data: {\"event\":{\""));
	name = slice_cut(&rest, '"');
	check(name.len < sizeof type);
	(void)snprintf(type, sizeof type, "%.*s", SLICE_ARG(name));
	/* A payload may have all the levels, and now is two deeper. */
	if (json_parse(slice_skip(text, strlen("data: ")), &json) ==
	    STATUS_OK) {
		const struct json *payload =
		    json_get(json_get(json, "event"), type);

		check(json_is_object(payload));
		check(json_get(payload, "p") == NULL);
	}
	json_free(json);
	buf_add(ctx, event->lines);
	return STATUS_OK;
}

static void add_frames(struct buf *out, struct slice text)
{
	while (text.len > 0) {
		struct slice payload = slice_cut(&text, '\0');
		bool event = slice_starts(payload, SLICE("e"));
		struct slice name = slice_skip(payload, 1);

		name = slice_cut(&name, ' ');
		payload = slice_skip(payload, 1 + name.len + 1);
		add_message(out, event ? "event" : "exception",
		    slice_first(name, 255), payload);
	}
	check(buf_status(out) == STATUS_OK);
}

/* Cuts of changing length, from 1 byte on; step 0: in one piece. */
static enum status run(struct buf *log, struct slice rest, size_t step)
{
	struct converse converse;
	enum status status = STATUS_OK;

	buf_init(log, 64u << 20);
	converse_init(&converse, "request", hear, log);
	for (size_t n = 1; status == STATUS_OK && rest.len > 0;
	     n = step == 0 ? n : (n * 7 + step) % step + 1) {
		size_t len = step == 0 || n > rest.len ? rest.len : n;

		status = converse_feed(&converse, slice_first(rest, len));
		rest = slice_skip(rest, len);
	}
	if (status == STATUS_OK)
		status = converse_finish(&converse);
	check((status == STATUS_OK) <= converse.stopped);
	buf_add(log, buf_slice(&converse.text));
	buf_add(log, buf_slice(&converse.usage));
	converse_free(&converse);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf frames, whole, cut;
	enum status status;

	if (len < 2)
		return 0;
	buf_init(&frames, 64u << 20);
	add_frames(&frames,
	    (struct slice){.ptr = (const char *)bytes + 1, .len = len - 1});
	status = run(&whole, buf_slice(&frames), 0);
	check(
	    status == run(&cut, buf_slice(&frames), (size_t)bytes[0] % 64 + 1));
	check(slice_equal(buf_slice(&whole), buf_slice(&cut)));
	buf_free(&frames);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
