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
	/* For the last bytes of an answer to a client that reads slowly. */
	LINGER_MS = 60000
};

enum phase {
	PHASE_WAITING, /* for a request's first byte */
	PHASE_PARKED,  /* the same, kept by the web server for later */
	PHASE_COMING,  /* a part has come */
	PHASE_SENDING  /* the answer's last bytes */
};

/* A connection, except while the handler has it. */
struct connection {
	struct connection *next, **link;
	struct server *server;
	struct gateway *gateway;
	struct loop_timer *timer;
	enum phase phase;
	uint64_t until_ms; /* coming: when patience ends */
};

struct server {
	struct loop *loop;
	struct server_handler handler;
	struct acceptor *acceptor; /* NULL: nobody is let in */
	struct connection *connections;
	size_t busy;
	bool draining;
};

/* ---- a connection's life ---- */

static void on_ready(void *ctx, unsigned events);
static void on_timer(void *ctx);

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

/* ---- reading ---- */

static void hand_over(struct connection *connection, enum status read)
{
	struct server *server = connection->server;
	struct gateway *gateway = connection->gateway;

	if (read == STATUS_CLIENT_GONE) {
		drop(connection);
		return;
	}
	release(connection);
	server->handler.handle(server->handler.ctx, gateway, read);
}

static void on_timer(void *ctx)
{
	struct connection *connection = ctx;

	if (connection->phase == PHASE_COMING)
		hand_over(connection, gateway_cut(connection->gateway));
	else
		drop(connection);
}

static bool start_patience(struct connection *connection)
{
	struct server *server = connection->server;
	uint64_t now_ms = loop_now_ms(server->loop), left_ms;

	if (!gateway_begun(connection->gateway))
		return connection->phase == PHASE_PARKED ||
		    start_timer(connection, FIRST_BYTE_MS);
	if (connection->phase != PHASE_COMING) {
		if (connection->phase == PHASE_PARKED)
			server->busy++;
		connection->phase = PHASE_COMING;
		connection->until_ms = now_ms + READ_TOTAL_MS;
	}
	left_ms =
	    connection->until_ms > now_ms ? connection->until_ms - now_ms : 0;
	return start_timer(
	    connection, left_ms < READ_WAIT_MS ? left_ms : READ_WAIT_MS);
}

/* The same events as while an answer is given, so that a kept connection
 * costs no change of what is watched. */
static bool await_request(struct connection *connection)
{
	return gateway_watch(connection->gateway, on_ready, connection,
		   gateway_watch_leave(connection->gateway)) &&
	    start_patience(connection);
}

static void read_some(struct connection *connection)
{
	struct server *server = connection->server;
	enum status read = gateway_read(
	    connection->gateway, server->handler.max_body(server->handler.ctx));

	if (read != STATUS_MORE)
		hand_over(connection, read);
	else if (!await_request(connection))
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
		read_some(connection);
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
		read_some(connection);
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
	server->handler.handle(server->handler.ctx, gateway,
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
