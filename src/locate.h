/*
 * locate: which file has the configuration.
 */
#ifndef LOCATE_H
#define LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/* The first of: given, which is what --config says; AGENTCGI_CONFIG; in CGI
 * agentcgi/agentcgi.conf beside, never below, the document root, if it is
 * there; /etc/agentcgi/agentcgi.conf, if it is there.  NULL if none is.  The
 * result may be in found, of size bytes. */
const char *locate_config(
    const char *given, bool in_cgi, char *found, size_t size);

#endif
