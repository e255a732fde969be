/*
 * console: what somebody at a shell reads: an answer's text as it comes, and
 * what went wrong.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "slice.h"
#include "status.h"

struct console {
	int fd;
	bool terminal; /* fd is one */
	char last;     /* byte written; '\0': none yet */
};

void console_init(struct console *console, int fd);

/* Write text, and wait until it is written.  A terminal gets valid UTF-8
 * without control characters but \n and \t, all else the bytes as they are.
 * STATUS_CLIENT_GONE: it cannot be written; the reason is told on standard
 * error unless the reader has just left.  STATUS_NO_MEMORY. */
MUST_CHECK enum status console_write(
    struct console *console, struct slice text);

/* On a terminal, end a line that is not. */
MUST_CHECK enum status console_end(struct console *console);

/* Tell on standard error what a failure is, and what to do about it. */
void console_tell(enum status status);

#endif
