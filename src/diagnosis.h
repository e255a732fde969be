/*
 * diagnosis: what an agent's settings, a look at its service or a question to
 * it mean, and what to do.
 */
#ifndef DIAGNOSIS_H
#define DIAGNOSIS_H

#include <stdint.h>

#include "slice.h"
#include "status.h"

struct config_agent;
struct findings;
struct refusal;

/* One request that spends nothing: an empty conversation with a model, the
 * stop of a session that nobody has, OPTIONS. */
struct diagnosis_look {
	const struct config_agent *agent;
	const char *about;             /* for the findings */
	enum status error;             /* of the transfer */
	unsigned http;                 /* status of the answer; 0: none */
	const struct refusal *refusal; /* if http is no success */
	int64_t date_s;                /* the service's time; -1: not said */
	int64_t now_s;
	struct slice said; /* what the log had to say meanwhile */
	bool bedrock_key;  /* an API key of Bedrock vouches */
	bool asks;         /* a question follows */
	const char *limit; /* the key of the time that was up; NULL: none */
};

/* Where requests go, and what they need to be allowed there: of look, agent
 * and about count, and of the second bedrock_key. */
void diagnosis_of_target(
    struct findings *findings, const struct diagnosis_look *look);
void diagnosis_of_policy(
    struct findings *findings, const struct diagnosis_look *look);

void diagnosis_of_look(
    struct findings *findings, const struct diagnosis_look *look);

/* The same of a question to the agent that failed: of look, agent, about,
 * error, said, bedrock_key and limit count. */
void diagnosis_of_answer(
    struct findings *findings, const struct diagnosis_look *look);

#endif
