/*
 * keydoc: a JSON document with keys in it, as processes and the endpoints of
 * containers and instances give it.  Pure.
 */
#ifndef KEYDOC_H
#define KEYDOC_H

#include "keys.h"

struct json;

/* The members' names; expiration is RFC 3339, or a number of milliseconds
 * since 1970. */
struct keydoc_names {
	const char *id, *secret, *token, *expiration;
};

/* What is wrong, in words for the log, or NULL: *out is then filled.  A token
 * and an expiration may be missing; a wrong one is wrong. */
MUST_CHECK const char *keydoc_read(struct keys *out, const struct json *json,
    const struct keydoc_names *names);

#endif
