/*
 * log: one line on standard error for what an operator must know.
 *
 * At the levels up to LOG_INFO, the default, a line never holds a key, an
 * ARN, an account id, a prompt or the words of an upstream; LOG_DEBUG may
 * hold ARNs and the words of an upstream, never a key or a prompt.  Untrusted
 * text goes through %s or %.*s only: all but printable ASCII is escaped before
 * the line is written.  A line is one write(2) and at most 1,024 bytes.
 *
 * Process-wide state: the level and the style.  Any thread may log.
 */
#ifndef LOG_H
#define LOG_H

enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG
};

/* journal_stream is $JOURNAL_STREAM or NULL: where the journal listens, each
 * line gets its <priority> prefix and no time of its own. */
void log_init(enum log_level level, const char *journal_stream);

void log_set_level(enum log_level level);

/* Give lines to a function instead, without time and level; NULL: no more. */
typedef void log_line(void *ctx, const char *line);
void log_divert(log_line *line, void *ctx);

__attribute__((format(printf, 2, 3))) void log_write(
    enum log_level level, const char *format, ...);

#endif
