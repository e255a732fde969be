#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1024,
	TEXT_MAX_BYTES = 768
};

static enum log_level max_level = LOG_INFO;
static bool to_journal;
static log_line *diverted;
static void *diverted_ctx;

static const struct {
	const char *name;
	int priority; /* syslog(3), as sd-daemon(3) wants it */
} levels[] = {
    [LOG_ERROR] = {"error", 3},
    [LOG_WARNING] = {"warning", 4},
    [LOG_INFO] = {"info", 6},
    [LOG_DEBUG] = {"debug", 7},
};

void log_init(enum log_level level, const char *journal_stream)
{
	max_level = level;
	to_journal = journal_stream != NULL && journal_stream[0] != '\0';
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_divert(log_line *line, void *ctx)
{
	diverted = line;
	diverted_ctx = ctx;
}

/* Copy text with control characters as \xNN; returns bytes written. */
static size_t escape(char *out, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text != '\0' && n + 5 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f && c != '\\') {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return n;
}

static size_t prefix(char *out, size_t size, enum log_level level)
{
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	int n;

	if (to_journal) {
		n = snprintf(
		    out, size, "<%d>agentcgi: ", levels[level].priority);
		return (size_t)n;
	}
	(void)gmtime_r(&now, &tm);
	(void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
	n = snprintf(out, size, "%s agentcgi: %s: ", stamp, levels[level].name);
	return (size_t)n;
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[TEXT_MAX_BYTES], line[LINE_MAX_BYTES];
	va_list args;
	size_t n;

	if (level > max_level)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	n = diverted == NULL ? prefix(line, sizeof line, level) : 0;
	n += escape(line + n, sizeof line - n - 1, text);
	if (diverted != NULL) {
		line[n] = '\0';
		diverted(diverted_ctx, line);
		return;
	}
	line[n++] = '\n';
	/* Nowhere to report that standard error is gone. */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}
