#include "reading.h"

#include <string.h>

#include "agent.h"
#include "header.h"
#include "log.h"

void reading_free(struct reading *reading)
{
	prelude_free(&reading->prelude);
	if (reading->by == READING_DECODE)
		decode_free(&reading->decode);
	if (reading->by == READING_CONVERSE)
		converse_free(&reading->converse);
	reading->by = READING_NOTHING;
}

static enum status begin_decode(
    struct reading *reading, struct slice content_type)
{
	enum decode_format format;
	enum status status = decode_format_of(content_type, &format);

	if (status != STATUS_OK)
		return status;
	reading->by = READING_DECODE;
	decode_init(
	    &reading->decode, format, reading->callbacks->event, reading->ctx);
	reading->callbacks->began(reading->ctx, format == DECODE_JSON);
	return STATUS_OK;
}

static bool is_type(struct slice content_type, struct slice wanted)
{
	return slice_equal_nocase(header_main(content_type), wanted);
}

static bool is_lambdas(struct slice content_type)
{
	return is_type(content_type,
	    SLICE("application/vnd.awslambda.http-integration-response"));
}

/* Lambda's own type for it, and what it says where a function says nothing. */
static bool may_have_prelude(struct slice content_type)
{
	return content_type.len == 0 || is_lambdas(content_type) ||
	    is_type(content_type, SLICE("application/octet-stream"));
}

static void keep_type(struct reading *reading, struct slice content_type)
{
	/* Lambda's own type says nothing of what it wraps. */
	if (is_lambdas(content_type))
		content_type.len = 0;
	/* One that does not fit is none that we know. */
	if (content_type.len >= sizeof reading->content_type)
		content_type = SLICE("unknown/unknown");
	if (content_type.len > 0)
		memcpy(
		    reading->content_type, content_type.ptr, content_type.len);
	reading->content_type[content_type.len] = '\0';
}

enum status reading_begin(struct reading *reading,
    const struct config_agent *agent, struct slice content_type,
    const char *request_id)
{
	bool frames =
	    is_type(content_type, SLICE("application/vnd.amazon.eventstream"));

	if (agent->backend == BACKEND_BEDROCK) {
		if (!frames)
			return STATUS_UPSTREAM_ERROR;
		reading->by = READING_CONVERSE;
		converse_init(&reading->converse, request_id,
		    reading->callbacks->event, reading->ctx);
		reading->callbacks->began(reading->ctx, false);
		return STATUS_OK;
	}
	if (agent->backend == BACKEND_AGENTCORE ||
	    !may_have_prelude(content_type))
		return begin_decode(reading, content_type);
	keep_type(reading, content_type);
	reading->request_id = request_id;
	reading->by = READING_PRELUDE;
	prelude_init(&reading->prelude);
	return STATUS_OK;
}

/* The prelude, if there was one, is over: what comes now is the body. */
static enum status leave_prelude(struct reading *reading, struct slice bytes)
{
	const struct prelude *prelude = &reading->prelude;
	struct slice type = slice_from(reading->content_type);
	enum status status;

	if (prelude->state == PRELUDE_FOUND) {
		if (prelude->status < 200 || prelude->status > 299) {
			log_write(LOG_WARNING,
			    "request=%s upstream's function answered %u",
			    reading->request_id, prelude->status);
			return STATUS_UPSTREAM_ERROR;
		}
		if (prelude->content_type[0] != '\0')
			type = slice_from(prelude->content_type);
	}
	status = begin_decode(reading, type);
	if (status != STATUS_OK)
		log_write(LOG_WARNING,
		    "request=%s upstream's content type is not an agent's",
		    reading->request_id);
	if (status == STATUS_OK && bytes.len > 0)
		status = decode_feed(&reading->decode, bytes);
	return status;
}

enum status reading_feed(struct reading *reading, struct slice bytes)
{
	struct slice out;
	enum status status;

	switch (reading->by) {
	case READING_DECODE:
		return decode_feed(&reading->decode, bytes);
	case READING_CONVERSE:
		return converse_feed(&reading->converse, bytes);
	case READING_NOTHING:
	case READING_PRELUDE:
		break;
	}
	status = prelude_feed(&reading->prelude, bytes, &out);
	if (status != STATUS_OK || reading->prelude.state == PRELUDE_LOOKING)
		return status;
	return leave_prelude(reading, out);
}

enum status reading_finish(struct reading *reading)
{
	enum status status = STATUS_OK;

	if (reading->by == READING_CONVERSE)
		return converse_finish(&reading->converse);
	if (reading->by == READING_PRELUDE)
		status =
		    leave_prelude(reading, prelude_finish(&reading->prelude));
	return status == STATUS_OK ? decode_finish(&reading->decode) : status;
}

struct slice reading_text(const struct reading *reading)
{
	if (reading->by != READING_CONVERSE ||
	    buf_status(&reading->converse.text) != STATUS_OK)
		return (struct slice){0};
	return buf_slice(&reading->converse.text);
}

struct slice reading_usage(const struct reading *reading)
{
	if (reading->by != READING_CONVERSE)
		return (struct slice){0};
	return buf_slice(&reading->converse.usage);
}
