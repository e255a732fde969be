/*
 * instance: keys of an EC2 instance's role, from its metadata service,
 * version 2 only: version 1 would hand them to whoever makes us send a GET.
 *
 * Where it is: AWS_EC2_METADATA_SERVICE_ENDPOINT, else by
 * AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (IPv4, IPv6); how long it may take:
 * AWS_METADATA_SERVICE_TIMEOUT (1 s), and how often it is asked:
 * AWS_METADATA_SERVICE_NUM_ATTEMPTS (1).
 *
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include "source.h"

struct instance;

/* Whether AWS_EC2_METADATA_DISABLED=true forbids asking. */
bool instance_disabled(keys_getenv *getenv);

MUST_CHECK struct instance *instance_start(
    const struct source_context *context, source_done *done, void *ctx);
void instance_cancel(struct instance *instance); /* NULL is fine */

#endif
