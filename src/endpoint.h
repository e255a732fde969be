/*
 * endpoint: names of AgentCore runtimes, and the hosts they answer at.  Pure.
 *
 * The checks return what is allowed, for an administrator, or NULL if text
 * is fine.  The empty text is, too: it means not set.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "slice.h"

struct buf;

/* arn:aws[-x]:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-10ALNUM */
const char *endpoint_check_arn(struct slice text);

/* One label of a host name.  It becomes part of a host, so nothing that
 * could lead elsewhere is let through. */
const char *endpoint_check_region(struct slice text);

/* http(s)://host[:port][/base], without userinfo, query and fragment. */
const char *endpoint_check_url(struct slice text);

/* The region in an ARN that endpoint_check_arn has passed. */
struct slice endpoint_region(struct slice arn);

/* Append the address that AWS gives to AgentCore in this region. */
void endpoint_add(struct buf *out, struct slice region);

#endif
