/*
 * endpoint: names of AgentCore runtimes, and the hosts that they and other
 * services of AWS answer at.  Pure.
 *
 * The checks return what is allowed, for an administrator, or NULL if text
 * is fine.  The empty text is, too: it means not set.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "slice.h"
#include "status.h"

struct buf;

/* arn:aws[-x]:bedrock-agentcore:REGION:ACCOUNT:runtime/NAME-10ALNUM */
const char *endpoint_check_arn(struct slice text);

/* One label of a host name.  It becomes part of a host, so nothing that
 * could lead elsewhere is let through. */
const char *endpoint_check_region(struct slice text);

/* http(s)://host[:port][/base], without userinfo, query and fragment. */
const char *endpoint_check_url(struct slice text);

/* The same, with a query. */
const char *endpoint_check_target(struct slice text);

/* Whether the host of a URL that endpoint_check_target has passed tells what
 * to sign requests to it for; *service and *region (in url) are then filled. */
bool endpoint_scope(
    struct slice url, const char **service, struct slice *region);

/* The region in an ARN that endpoint_check_arn has passed. */
struct slice endpoint_region(struct slice arn);

/* Append the address that AWS gives to a service in this region; service is
 * the first label of the host, such as sts. */
void endpoint_add(struct buf *out, const char *service, struct slice region);

/* Append where to find a service, without a slash at the end: what
 * AWS_ENDPOINT_URL_VARIABLE or AWS_ENDPOINT_URL says, unless
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true, else the above.
 * STATUS_NOT_CONFIGURED if the first of them that is set is no such URL, or
 * the region is needed and none; STATUS_NO_MEMORY. */
MUST_CHECK enum status endpoint_choose(struct buf *out,
    const char *(*getenv)(const char *name), const char *service,
    const char *variable, struct slice region);

#endif
