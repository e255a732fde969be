/*
 * fake_gateway: collects what is written to a web server.
 *
 * Takes the place of gateway.c at link time.  Sends as much as room allows.
 * It does not frame, read requests, or close anything.
 */
#ifndef FAKE_GATEWAY_H
#define FAKE_GATEWAY_H

#include "../../src/buf.h"
#include "../../src/gateway.h"

struct gateway {
	struct buf out;
	size_t sent;
	size_t room; /* bytes that the peer still takes */
	size_t flushes;
	bool cgi, ended, left, gone, unwatchable;
	unsigned watched; /* enum loop_events */
	loop_watch_callback *callback;
	void *ctx;
};

__attribute__((unused)) static void fake_gateway_init(struct gateway *gateway)
{
	*gateway = (struct gateway){.room = SIZE_MAX};
	buf_init(&gateway->out, 64u << 20);
}

__attribute__((unused)) static void fake_gateway_free(struct gateway *gateway)
{
	buf_free(&gateway->out);
}

void gateway_write(struct gateway *gateway, struct slice bytes)
{
	buf_add(&gateway->out, bytes);
}

enum status gateway_flush(struct gateway *gateway)
{
	size_t n = gateway->out.len - gateway->sent;

	gateway->flushes++;
	if (gateway->gone)
		return STATUS_CLIENT_GONE;
	if (n > gateway->room)
		n = gateway->room;
	gateway->sent += n;
	gateway->room -= n;
	return gateway->sent < gateway->out.len ? STATUS_MORE : STATUS_OK;
}

size_t gateway_pending(const struct gateway *gateway)
{
	return gateway->out.len - gateway->sent;
}

void gateway_end(struct gateway *gateway)
{
	gateway->ended = true;
}

bool gateway_is_cgi(const struct gateway *gateway)
{
	return gateway->cgi;
}

bool gateway_watch(struct gateway *gateway, loop_watch_callback *callback,
    void *ctx, unsigned events)
{
	gateway->callback = callback;
	gateway->ctx = ctx;
	gateway->watched = events;
	return !gateway->unwatchable;
}

void gateway_watch_set(struct gateway *gateway, unsigned events)
{
	gateway->watched = events;
}

unsigned gateway_watch_leave(const struct gateway *gateway)
{
	(void)gateway;
	return LOOP_HANGUP;
}

bool gateway_has_left(struct gateway *gateway)
{
	return gateway->left;
}

#endif
