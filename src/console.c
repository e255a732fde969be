#include "console.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "utf8.h"

enum {
	/* An invalid byte becomes U+FFFD, which has three. */
	GROWTH = 3
};

void console_init(struct console *console, int fd)
{
	*console = (struct console){.fd = fd, .terminal = isatty(fd) == 1};
}

/* ---- the text ---- */

static enum status write_all(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);
		struct pollfd room = {.fd = fd, .events = POLLOUT};

		if (n >= 0)
			bytes = slice_skip(bytes, (size_t)n);
		else if (errno == EAGAIN) /* another's doing: it is shared */
			(void)poll(&room, 1, -1);
		else if (errno != EINTR)
			return STATUS_CLIENT_GONE;
	}
	return STATUS_OK;
}

/* Drop what would steer a terminal, in place: C0 but \n and \t, DEL, and C1,
 * which is C2 80 to C2 9F in UTF-8. */
static void drop_controls(struct buf *text)
{
	size_t len = 0;

	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->ptr[i];

		if (c == 0xc2 && i + 1 < text->len &&
		    (unsigned char)text->ptr[i + 1] < 0xa0)
			i++;
		else if ((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t')
			text->ptr[len++] = (char)c;
	}
	text->len = len;
}

/* Write bytes that may all be seen. */
static enum status put(struct console *console, struct slice bytes)
{
	enum status status = write_all(console->fd, bytes);

	if (status != STATUS_OK && errno != EPIPE)
		(void)fprintf(
		    stderr, "agentcgi: cannot write: %s\n", strerror(errno));
	if (bytes.len > 0)
		console->last = bytes.ptr[bytes.len - 1];
	return status;
}

enum status console_write(struct console *console, struct slice text)
{
	struct buf clean;
	enum status status;

	if (!console->terminal)
		return put(console, text);
	buf_init(&clean, GROWTH * text.len);
	utf8_add_clean(&clean, text);
	drop_controls(&clean);
	status = buf_status(&clean);
	if (status == STATUS_OK)
		status = put(console, buf_slice(&clean));
	buf_free(&clean);
	return status;
}

enum status console_end(struct console *console)
{
	if (!console->terminal || console->last == '\0' ||
	    console->last == '\n')
		return STATUS_OK;
	return put(console, SLICE("\n"));
}

/* ---- what went wrong ---- */

/* What to do next. */
static const struct {
	enum status status;
	const char *hint;
} hints[] = {
    {STATUS_NO_PROMPT, "give it as the last argument, or - to read it"},
    {STATUS_BAD_UTF8, "the prompt must be UTF-8, without NUL"},
    {STATUS_PROMPT_TOO_LARGE, "max_prompt in the configuration limits it"},
    {STATUS_NO_TOKEN,
	"auth = bearer passes on the token of whoever asks through the web "
	"server; there, send Authorization"},
    {STATUS_UPSTREAM_DENIED,
	"do the keys allow bedrock-agentcore:InvokeAgentRuntime on this agent, "
	"and is the clock right?"},
    {STATUS_UPSTREAM_NOT_FOUND,
	"check arn and qualifier: agentcgi --dump-config shows them"},
    {STATUS_AGENT_FAILED,
	"the agent's own log tells why; log_level = debug shows its words"},
    {STATUS_UPSTREAM_ERROR, "log_level = debug shows what it said"},
    {STATUS_UPSTREAM_EMPTY, "the agent's own log may tell why"},
    {STATUS_UPSTREAM_CUT, "ask again; the agent's own log may tell why"},
    {STATUS_UPSTREAM_UNREACHABLE, "check region, endpoint, proxy and network"},
    {STATUS_UPSTREAM_UNTRUSTED,
	"check ca_file or AWS_CA_BUNDLE, and the clock"},
    {STATUS_UPSTREAM_THROTTLED, "ask again in a few seconds"},
    {STATUS_UPSTREAM_TIMEOUT,
	"connect_timeout, first_byte_timeout and idle_timeout limit it"},
    {STATUS_TIME_LIMIT, "total_timeout limits it"},
    {STATUS_NO_CREDENTIALS,
	"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile"},
};

void console_tell(enum status status)
{
	const struct status_row *row = status_row(status);

	(void)fprintf(stderr, "agentcgi: %s (%s)\n", row->words, row->code);
	for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
		if (hints[i].status == status)
			(void)fprintf(stderr, "agentcgi: %s\n", hints[i].hint);
	}
}
