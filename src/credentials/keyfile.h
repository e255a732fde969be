/*
 * keyfile: keys that took time to get, kept for the next process: as CGI,
 * there is one for each request.
 *
 * A file of its own below a directory for each name, which only this user may
 * read.  What cannot be kept or trusted is as if it were not there; the keys
 * are then asked for again.  Blocks on the file system alone.
 */
#ifndef KEYFILE_H
#define KEYFILE_H

#include "keys.h"

/* Keys that last no longer than this are not worth their request. */
#define KEYFILE_LEFT_S 60

/* True if there are keys for name that last; else *out is wiped.  Refused is
 * a file that is none of our own, that others may read or write, or that
 * stands in a directory where others may put files in its place. */
MUST_CHECK bool keyfile_read(
    struct keys *out, const char *dir, struct slice name, int64_t now_s);

/* Keep keys for name in dir, which must exist, in the place of those before.
 * Nothing without an expiry, or with dir "".  Why it cannot is logged. */
void keyfile_write(const char *dir, struct slice name, const struct keys *keys);

#endif
