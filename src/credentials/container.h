/*
 * container: keys from the endpoint that ECS, EKS Pod Identity and Greengrass
 * give their containers.
 *
 * AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (wins) is below
 * http://169.254.170.2; AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or
 * its host one of this machine or of the link: anybody else on the way could
 * read the keys.  Authorization is what AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
 * (read each time; wins) or AWS_CONTAINER_AUTHORIZATION_TOKEN says.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
#ifndef CONTAINER_H
#define CONTAINER_H

#include "source.h"

struct container;

/* Whether the environment names an endpoint. */
bool container_configured(keys_getenv *getenv);

MUST_CHECK struct container *container_start(
    const struct source_context *context, source_done *done, void *ctx);
void container_cancel(struct container *container); /* NULL is fine */

#endif
