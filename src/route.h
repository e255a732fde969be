/*
 * route: which of our addresses a request means, whatever the web server
 * made of it.
 *
 * The route is what follows the mount point: `mount` if configured; else
 * PATH_INFO if that is a route; else the known ending of REQUEST_URI (nginx
 * and mod_proxy_fcgi put the whole path into SCRIPT_NAME and give no
 * PATH_INFO, Caddy puts it into PATH_INFO).  Of several known endings it is
 * the longest, so that /invoke/health is the agent "health" on every server;
 * a mount point that itself ends in /invoke or /runs needs `mount`.
 *
 * What AgentCore asks its containers for, /invocations and /ping, is ours at
 * the root of a host, or right below `mount`: anywhere else these are names
 * that somebody may use.
 *
 * Empty segments are left out: /a//b/ is the same as /a/b.  Pure.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "slice.h"
#include "status.h"

struct arena;
struct table;

enum request_route {
	ROUTE_NONE,
	ROUTE_INVOKE,      /* /invoke, /invoke/NAME */
	ROUTE_RUN,         /* /runs/ID */
	ROUTE_RUN_STOP,    /* /runs/ID/stop */
	ROUTE_SELFTEST,    /* /selftest */
	ROUTE_HEALTH,      /* /health */
	ROUTE_METRICS,     /* /metrics */
	ROUTE_COMPLETIONS, /* /v1/chat/completions */
	ROUTE_MODELS,      /* /v1/models */
	ROUTE_INVOCATIONS, /* /invocations, at the root of a host alone */
	ROUTE_PING         /* /ping, likewise */
};

/* Find the route and the agent or run in it, decoded and in the arena, of
 * [A-Za-z0-9_-]{1,64}; empty if there is none.  mount is a URL prefix, taken
 * by whole segments, or empty.  STATUS_NOT_FOUND (*route is ROUTE_NONE),
 * STATUS_BAD_UTF8, STATUS_TOO_LARGE. */
MUST_CHECK enum status route_find(enum request_route *route, struct slice *name,
    const struct table *params, struct slice mount, struct arena *arena);

#endif
