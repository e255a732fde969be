/*
 * server: connections from the web server: accepted, read, handed to a
 * handler, and kept or closed when their answer is complete.
 *
 * A request is taken as it arrives and handled once it is whole, so that a
 * slow one delays nobody.  Silence is bounded by time everywhere.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

#include "slice.h"
#include "status.h"

struct gateway;
struct loop;
struct server;

struct server_handler {
	/* Answer the request that gateway_read ended with this outcome, and
	 * give the gateway back with server_finish, now or later. */
	void (*handle)(void *ctx, struct gateway *gateway, enum status read);
	/* The most bytes a body may have. */
	size_t (*max_body)(void *ctx);
	/* No connection is busy any more. */
	void (*quiet)(void *ctx);
	void *ctx;
};

/* NULL if memory is out. */
struct server *server_new(
    struct loop *loop, const struct server_handler *handler);

/* Closes everything; nothing may be busy. */
void server_free(struct server *server);

/* Accept on a listening socket, once; fd is owned from now on. */
MUST_CHECK enum status server_listen(struct server *server, int fd);

/* Read and handle the one request of a CGI process; it may block. */
MUST_CHECK enum status server_cgi(struct server *server);

/* A gateway whose answer is complete, or (left) whose client has gone. */
void server_finish(struct server *server, struct gateway *gateway, bool left);

/* Accept nothing any more, close idle connections. */
void server_drain(struct server *server);

/* Connections that are being read or still have output. */
size_t server_busy(const struct server *server);

#endif
