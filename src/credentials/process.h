/*
 * process: keys that a program prints: credential_process.
 *
 * The command is split into words as a shell would (quotes, backslash), but
 * no shell runs it.  It gets /dev/null to read, our environment, no descriptor
 * of ours, and PROCESS_TIMEOUT_MS; what it writes to standard error goes to
 * the log.  Its output: {"Version":1,"AccessKeyId":...,"SecretAccessKey":...,
 * "SessionToken":...?,"Expiration":RFC 3339?}.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "source.h"

/* IAM Roles Anywhere's helper needs under a second; aws sso, a few. */
#define PROCESS_TIMEOUT_MS 30000

struct process;

/* command is copied. */
MUST_CHECK struct process *process_start(const struct source_context *context,
    const char *command, source_done *done, void *ctx);
void process_cancel(struct process *process); /* NULL is fine */

#endif
