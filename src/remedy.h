/*
 * remedy: what an administrator can do about what keeps an agent from
 * answering.
 */
#ifndef REMEDY_H
#define REMEDY_H

#include "refusal.h"
#include "slice.h"
#include "status.h"

struct buf;
struct config_agent;

/* Where there was no answer, or none of use; said is what the log had to say
 * meanwhile. */
const char *remedy_of_failure(enum status status, struct slice said);

/* Where the service refused. */
const char *remedy_of_refusal(
    const struct refusal *refusal, const struct config_agent *agent);

/* Where but the cause is known, and is not REFUSAL_OTHER. */
const char *remedy_of_cause(
    enum refusal_cause cause, const struct config_agent *agent);

/* Whether the words of a refusal tell more than its cause. */
bool remedy_in_words(const struct refusal *refusal);

#define REMEDY_OWNER_OF_BEDROCK_KEY \
	"the IAM user or role that the Bedrock key belongs to"

/* Append what to do where a permission is missing: mostly to attach the
 * policy that was told before.  bedrock_key: an API key of Bedrock vouches. */
void remedy_add_permission(
    struct buf *out, const struct config_agent *agent, bool bedrock_key);

#endif
