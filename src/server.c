#include "server.h"

#include <stdlib.h>

#include "acceptor.h"
#include "gateway.h"
#include "loop.h"

enum {
	/* A web server connects only when it has a request to send. */
	FIRST_BYTE_MS = 10000,
	/* Between two pieces of a request that comes at the client's pace,
	 * and for the whole of it: web servers' own limits are 10 to 60 s. */
	READ_WAIT_MS = 15000,
	READ_TOTAL_MS = 120000,
	/* A request that has come in part is looked at again after this, and
	 * then ever less often. */
	LOOK_FIRST_MS = 1,
	LOOK_LAST_MS = 64,
	/* Threads that read what is too large to be looked at; service.c has
	 * libuv make as many. */
	READERS_MAX = 32,
	/* For the last bytes of an answer to a client that reads slowly. */
	LINGER_MS = 60000
};

enum phase {
	PHASE_WAITING, /* for a request's first byte */
	PHASE_PARKED,  /* the same, kept by the web server for later */
	PHASE_COMING,  /* a part has come */
	PHASE_READING, /* a thread has it */
	PHASE_SENDING  /* the answer's last bytes */
};

/* A connection, except while the handler has it. */
struct connection {
	struct connection *next, **link;
	struct server *server;
	struct gateway *gateway;
	struct loop_timer *timer;
	enum phase phase;
	uint64_t look_ms;  /* coming: until the next look */
	uint64_t until_ms; /* coming: when patience ends */
	enum status read;
	size_t max_body;
	bool interrupted;
};

struct server {
	struct loop *loop;
	struct server_handler handler;
	struct acceptor *acceptor; /* NULL: nobody is let in */
	struct connection *connections;
	size_t busy;
	size_t readers; /* connections a thread has */
	bool draining;
};

/* ---- a connection's life ---- */

static void on_ready(void *ctx, unsigned events);
static void on_timer(void *ctx);
static void look(struct connection *connection);

/* Forget the connection, not its gateway. */
static void release(struct connection *connection)
{
	struct server *server = connection->server;

	if (connection->phase != PHASE_PARKED)
		server->busy--;
	*connection->link = connection->next;
	if (connection->next != NULL)
		connection->next->link = connection->link;
	loop_timer_free(connection->timer);
	free(connection);
}

static void drop(struct connection *connection)
{
	struct server *server = connection->server;

	gateway_close(connection->gateway);
	release(connection);
	if (server->busy == 0)
		server->handler.quiet(server->handler.ctx);
}

static struct connection *adopt(
    struct server *server, struct gateway *gateway, enum phase phase)
{
	struct connection *connection = calloc(1, sizeof *connection);

	if (connection == NULL) {
		gateway_close(gateway);
		return NULL;
	}
	connection->server = server;
	connection->gateway = gateway;
	connection->phase = phase;
	connection->link = &server->connections;
	connection->next = server->connections;
	if (connection->next != NULL)
		connection->next->link = &connection->next;
	server->connections = connection;
	if (phase != PHASE_PARKED)
		server->busy++;
	return connection;
}

static bool start_timer(struct connection *connection, uint64_t after_ms)
{
	if (connection->timer == NULL)
		connection->timer = loop_timer_new(
		    connection->server->loop, on_timer, connection);
	if (connection->timer == NULL)
		return false;
	loop_timer_start(connection->timer, after_ms);
	return true;
}

static void on_timer(void *ctx)
{
	struct connection *connection = ctx;

	if (connection->phase == PHASE_READING) {
		connection->interrupted = true;
		gateway_interrupt(connection->gateway);
	} else if (connection->phase == PHASE_COMING &&
	    loop_now_ms(connection->server->loop) < connection->until_ms) {
		look(connection);
	} else {
		drop(connection);
	}
}

/* ---- reading ---- */

static void handle(
    struct server *server, struct gateway *gateway, enum status read)
{
	server->handler.handle(server->handler.ctx, gateway, read);
}

static void on_read_work(void *ctx)
{
	struct connection *connection = ctx;

	gateway_set_wait(connection->gateway, READ_WAIT_MS);
	connection->read =
	    gateway_read(connection->gateway, connection->max_body);
}

static void on_read_done(void *ctx)
{
	struct connection *connection = ctx;
	struct server *server = connection->server;
	struct gateway *gateway = connection->gateway;
	enum status read = connection->read;

	server->readers--;
	if (read == STATUS_CLIENT_GONE || connection->interrupted) {
		drop(connection);
		return;
	}
	release(connection);
	handle(server, gateway, read);
}

static void read_in_thread(struct connection *connection)
{
	struct server *server = connection->server;

	gateway_unwatch(connection->gateway);
	if (connection->phase == PHASE_PARKED)
		server->busy++;
	connection->phase = PHASE_READING;
	connection->max_body = server->handler.max_body(server->handler.ctx);
	server->readers++;
	if (start_timer(connection, READ_TOTAL_MS) &&
	    loop_work(server->loop, on_read_work, on_read_done, connection) ==
		STATUS_OK)
		return;
	server->readers--;
	drop(connection);
}

/* A part has come.  To watch for more would wake us at once, for what is
 * there already. */
static void look_again(struct connection *connection)
{
	if (connection->phase != PHASE_COMING) {
		if (connection->phase == PHASE_PARKED)
			connection->server->busy++;
		connection->phase = PHASE_COMING;
		connection->look_ms = LOOK_FIRST_MS;
		connection->until_ms =
		    loop_now_ms(connection->server->loop) + READ_TOTAL_MS;
		gateway_unwatch(connection->gateway);
	}
	if (!start_timer(connection, connection->look_ms))
		drop(connection);
	else if (connection->look_ms < LOOK_LAST_MS)
		connection->look_ms *= 2;
}

static void read_here(struct connection *connection)
{
	struct server *server = connection->server;
	struct gateway *gateway = connection->gateway;
	enum status read = gateway_read(
	    gateway, server->handler.max_body(server->handler.ctx));

	if (read == STATUS_CLIENT_GONE) {
		drop(connection);
		return;
	}
	release(connection);
	handle(server, gateway, read);
}

/* The same events as while an answer is given, so that a kept connection
 * costs no change of what is watched. */
static bool await_request(struct connection *connection)
{
	return gateway_watch(connection->gateway, on_ready, connection,
		   gateway_watch_leave(connection->gateway)) &&
	    (connection->phase == PHASE_PARKED ||
		start_timer(connection, FIRST_BYTE_MS));
}

/* Read if something has come, else wait for it. */
static void look(struct connection *connection)
{
	const struct server *server = connection->server;
	bool begun;
	enum status status = gateway_peek(connection->gateway, &begun);

	if (status == STATUS_OK)
		read_here(connection);
	else if (status == STATUS_MORE && !begun && await_request(connection))
		return;
	else if (status == STATUS_TOO_LARGE && server->readers < READERS_MAX)
		read_in_thread(connection);
	else if (begun && status != STATUS_CLIENT_GONE)
		look_again(connection);
	else
		drop(connection);
}

/* ---- the end of an answer ---- */

static void send_rest(struct connection *connection)
{
	struct server *server = connection->server;
	struct gateway *gateway = connection->gateway;
	enum status status = gateway_flush(gateway);

	if (status == STATUS_MORE &&
	    gateway_watch(gateway, on_ready, connection, LOOP_WRITABLE) &&
	    start_timer(connection, LINGER_MS))
		return;
	if (status != STATUS_OK || !gateway_kept(gateway) || server->draining) {
		drop(connection);
		return;
	}
	release(connection);
	connection = adopt(server, gateway, PHASE_PARKED);
	if (connection != NULL && !await_request(connection))
		drop(connection);
}

static void on_ready(void *ctx, unsigned events)
{
	struct connection *connection = ctx;

	(void)events;
	if (connection->phase == PHASE_SENDING)
		send_rest(connection);
	else
		look(connection);
}

void server_finish(struct server *server, struct gateway *gateway, bool left)
{
	struct connection *connection;

	gateway_forget(gateway);
	connection = adopt(server, gateway, PHASE_SENDING);
	if (connection == NULL)
		return;
	if (left)
		drop(connection);
	else
		send_rest(connection);
}

/* ---- accepting ---- */

static void on_connection(void *ctx, int fd)
{
	struct server *server = ctx;
	struct gateway *gateway = gateway_open(server->loop, fd);
	struct connection *connection;

	if (gateway == NULL)
		return;
	connection = adopt(server, gateway, PHASE_WAITING);
	if (connection != NULL)
		look(connection);
}

enum status server_listen(struct server *server, int fd)
{
	server->acceptor =
	    acceptor_new(server->loop, fd, on_connection, server);
	return server->acceptor == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status server_cgi(struct server *server)
{
	struct gateway *gateway = gateway_open_cgi(server->loop);

	if (gateway == NULL)
		return STATUS_NO_MEMORY;
	handle(server, gateway,
	    gateway_read(
		gateway, server->handler.max_body(server->handler.ctx)));
	return STATUS_OK;
}

/* ---- the server ---- */

struct server *server_new(
    struct loop *loop, const struct server_handler *handler)
{
	struct server *server = calloc(1, sizeof *server);

	if (server == NULL)
		return NULL;
	server->loop = loop;
	server->handler = *handler;
	return server;
}

void server_drain(struct server *server)
{
	struct connection *connection = server->connections, *next;

	server->draining = true;
	acceptor_free(server->acceptor);
	server->acceptor = NULL;
	for (; connection != NULL; connection = next) {
		next = connection->next;
		if (connection->phase == PHASE_PARKED)
			drop(connection);
	}
}

void server_free(struct server *server)
{
	if (server == NULL)
		return;
	acceptor_free(server->acceptor);
	server->acceptor = NULL;
	while (server->connections != NULL) {
		gateway_close(server->connections->gateway);
		release(server->connections);
	}
	free(server);
}

size_t server_busy(const struct server *server)
{
	return server->busy;
}
