/*
 * listen: listening sockets: opened by an address, or handed over by whoever
 * started us.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>

/* Open "unix:PATH" or "tcp:HOST:PORT".  -1, logged, if that fails.  A stale
 * socket file is replaced, a live one never.  Its mode is 0660, or 0666 if we
 * are root: no web server's workers are. */
int listen_open(const char *address);

/* Whether a descriptor is a listening socket. */
bool listen_inherited(int fd);

/* Set what we want of a socket, whoever opened it. */
void listen_prepare(int fd);

#endif
