/*
 * policy: what IAM has to allow for an agent to be invoked.
 *
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrockagentcore.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>

struct buf;
struct config_agent;

/* Whether it is known what its service asks for. */
bool policy_knows(const struct config_agent *agent);

/* Append the smallest policy that lets keys invoke the agent, as JSON, where
 * policy_knows.  bedrock_key: the policy is for whoever an API key of Bedrock
 * belongs to. */
void policy_add(
    struct buf *out, const struct config_agent *agent, bool bedrock_key);

/* The partition of AWS that a region is in, as ARNs name it. */
const char *policy_partition(const char *region);

#endif
