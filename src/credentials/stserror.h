/*
 * stserror: what the refusals of STS mean.  Pure.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
 */
#ifndef STSERROR_H
#define STSERROR_H

#include "errand.h"

/* The name of the error in an answer, or the empty text. */
void stserror_name(char name[static ERRAND_NAME_LEN], struct slice body);

/* Whether the same may be granted in a moment. */
bool stserror_is_passing(const struct fetch_answer *answer);

/* Whether it may be that our clock is wrong. */
bool stserror_is_of_clock(const char *name);

/* What an administrator can do, to be put behind the name, or "". */
const char *stserror_hint(const char *name);

#endif
