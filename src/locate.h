/*
 * locate: which file has the configuration.
 */
#ifndef LOCATE_H
#define LOCATE_H

#include <stdbool.h>
#include <stddef.h>

/* Where the configuration is, if nobody says otherwise: SYSCONFDIR is where
 * the program was made for. */
#define LOCATE_SYSTEM SYSCONFDIR "/agentcgi/agentcgi.conf"

/* The first of: given, which is what --config says; AGENTCGI_CONFIG; in CGI
 * agentcgi/agentcgi.conf beside, never below, the document root, if it is
 * there; LOCATE_SYSTEM, if it is there.  NULL if none is.  The
 * result may be in found, of size bytes. */
const char *locate_config(
    const char *given, bool in_cgi, char *found, size_t size);

#endif
