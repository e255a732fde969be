/*
 * policy: what IAM has to allow for an agent to be invoked.
 *
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrockagentcore.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 */
#ifndef POLICY_H
#define POLICY_H

struct buf;
struct config_agent;

/* Append the smallest policy that lets keys invoke the agent, as JSON. */
void policy_add(struct buf *out, const struct config_agent *agent);

/* The partition of AWS that a region is in, as ARNs name it. */
const char *policy_partition(const char *region);

#endif
