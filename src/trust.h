/*
 * trust: where the certificates of authorities are.
 */
#ifndef TRUST_H
#define TRUST_H

#include "slice.h"

struct trust {
	const char *file; /* or NULL */
	const char *dir;  /* with hashed names, or NULL */
};

/* Returns NULL for an unset variable. */
typedef const char *trust_getenv(const char *name);

/* First hit wins: ca_file (unless empty), AWS_CA_BUNDLE, SSL_CERT_FILE, the
 * system's.  Of the system's, the hashed directory if only one connection
 * will be made (29 against 10 ms per CGI request), else the bundle. */
struct trust trust_find(
    const char *ca_file, trust_getenv *getenv, bool one_connection);

#endif
