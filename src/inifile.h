/*
 * inifile: lines of an INI file, through inih, with what inih leaves out.
 *
 * inih (https://github.com/benhoyt/inih) reads 200 bytes of a line, cuts
 * titles at 49, takes an indented key as more of the value above it, and does
 * not count lines for its caller.  Here a line may be long, keys may be
 * indented, and whatever is not understood is an error with its line.
 * Comments are lines that begin with ; or #, and what follows a blank and a
 * semicolon.  Holds nothing after the call; allocates nothing.
 */
#ifndef INIFILE_H
#define INIFILE_H

#include "slice.h"
#include "status.h"

/* The slices live as long as the call; a status other than STATUS_OK stops
 * the reading. */
struct inifile {
	enum status (*section)(void *user, struct slice title);
	enum status (*pair)(void *user, struct slice name, struct slice value);
	void *user;
	unsigned line;     /* the one at work, from 1, also in the calls */
	const char *wrong; /* with that line; NULL if a call has refused it */
};

/* STATUS_NOT_CONFIGURED with file->wrong, or what a call has returned. */
MUST_CHECK enum status inifile_parse(struct inifile *file, struct slice text);

#endif
