/*
 * finding: what agentcgi check has found, each told at once on standard
 * output: as a line for people, or all together as one JSON object at the end.
 */
#ifndef FINDING_H
#define FINDING_H

#include "buf.h"
#include "slice.h"

enum finding_level {
	FINDING_OK,
	FINDING_WARNING,
	FINDING_FAILED
};

struct findings {
	bool as_json;
	struct buf json; /* the array so far */
	size_t failed, warnings;
};

void finding_begin(struct findings *findings, bool as_json);

/* about is what was looked at; todo what to do about it, or "".  Either text
 * may have several lines. */
void finding_add(struct findings *findings, enum finding_level level,
    const char *about, struct slice what, struct slice todo);

/* False if anything failed, or standard output or memory did. */
bool finding_end(struct findings *findings);

#endif
