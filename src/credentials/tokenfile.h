/*
 * tokenfile: small files with a token in them, read whole into memory of the
 * caller, who wipes it.
 */
#ifndef TOKENFILE_H
#define TOKENFILE_H

#include "../slice.h"
#include "../status.h"

/* Read at most size bytes; *text views them.  STATUS_NOT_FOUND if there is no
 * such file.  STATUS_NO_CREDENTIALS, logged, if it is larger, no plain file,
 * or cannot be read. */
MUST_CHECK enum status tokenfile_read(
    char *out, size_t size, const char *path, struct slice *text);

/* The same for a token: one line end behind it is left out, and what then may
 * not stand in a header is refused, as is the empty one.  what is its name in
 * the log.  STATUS_NO_CREDENTIALS, logged. */
MUST_CHECK enum status tokenfile_take(char *out, size_t size, const char *path,
    const char *what, struct slice *text);

/* Whether this may stand in a header: no control characters. */
bool tokenfile_clean(struct slice text);

#endif
