/*
 * sts: keys of a role, from the Security Token Service.
 *
 * Its address: AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, else that of the
 * region.  A refusal for a wrong clock is tried again once by STS's own time.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
#ifndef STS_H
#define STS_H

#include "source.h"

struct sts;

/* Copied by sts_assume and sts_exchange. */
struct sts_role {
	const char *arn;
	const char *session_name; /* "": agentcgi-TIME */
	const char *external_id;  /* "": none */
	unsigned duration_s;      /* 0: an hour, STS's own default */
	const char *region;       /* of the STS to ask; "": us-east-1 */
};

/* AssumeRole, signed with keys (copied). */
MUST_CHECK struct sts *sts_assume(const struct source_context *context,
    const struct sts_role *role, const struct keys *keys, source_done *done,
    void *ctx);

/* AssumeRoleWithWebIdentity with the token in token_file, read now. */
MUST_CHECK struct sts *sts_exchange(const struct source_context *context,
    const struct sts_role *role, const char *token_file, source_done *done,
    void *ctx);

void sts_cancel(struct sts *sts); /* NULL is fine */

#endif
