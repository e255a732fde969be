/*
 * acceptor: accepts connections on one listening socket.
 */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "slice.h"

struct acceptor;
struct loop;

/* Takes a new connection, whose descriptor is owned from then on. */
typedef void acceptor_callback(void *ctx, int fd);

/* fd is owned, also if NULL is returned: memory is out. */
MUST_CHECK struct acceptor *acceptor_new(
    struct loop *loop, int fd, acceptor_callback *callback, void *ctx);

/* Close the listening socket.  NULL is fine. */
void acceptor_free(struct acceptor *acceptor);

#endif
