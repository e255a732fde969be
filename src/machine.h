/*
 * machine: whether this machine has what agents need of it: a directory for
 * state, and certificates of authorities.
 */
#ifndef MACHINE_H
#define MACHINE_H

struct config;
struct findings;

/* Look, as the user of this process, and tell. */
void machine_check(struct findings *findings, const struct config *config);

/* Warn if everybody may read the secret in the file at path. */
void machine_check_secret(
    struct findings *findings, const char *about, const char *path);

#endif
