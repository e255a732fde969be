#include "route.h"

#include <string.h>

#include "arena.h"
#include "percent.h"
#include "table.h"
#include "utf8.h"

enum {
	MAX_SEGMENTS = 32, /* deeper than anybody mounts a program */
	MAX_PATTERN = 3,   /* segments of the longest route */
	MAX_NAME = 64
};

struct path {
	struct slice segments[MAX_SEGMENTS];
	size_t len;
};

/* The segments of a route; "*" is a name. */
struct pattern {
	enum request_route route;
	const char *segments[MAX_PATTERN];
};

static const struct pattern patterns[] = {
    {ROUTE_INVOKE, {"invoke"}},
    {ROUTE_INVOKE, {"invoke", "*"}},
    {ROUTE_RUN, {"runs", "*"}},
    {ROUTE_RUN_STOP, {"runs", "*", "stop"}},
    {ROUTE_SELFTEST, {"selftest"}},
    {ROUTE_HEALTH, {"health"}},
    {ROUTE_METRICS, {"metrics"}},
    {ROUTE_COMPLETIONS, {"v1", "chat", "completions"}},
    {ROUTE_MODELS, {"v1", "models"}},
    {ROUTE_INVOCATIONS, {"invocations"}},
    {ROUTE_PING, {"ping"}},
};

/* Split text; with encoded, each segment is percent-decoded after that, so
 * that %2F is part of one. */
static enum status split(
    struct path *path, struct arena *arena, struct slice text, bool encoded)
{
	char *copy = arena_alloc(arena, text.len + 1);

	path->len = 0;
	if (copy == NULL)
		return STATUS_TOO_LARGE;
	while (text.len > 0) {
		struct slice segment = slice_cut(&text, '/');

		if (segment.len == 0)
			continue;
		if (path->len == MAX_SEGMENTS)
			return STATUS_NOT_FOUND;
		memcpy(copy, segment.ptr, segment.len);
		segment.ptr = copy;
		if (encoded)
			segment = percent_decode(copy, segment.len, false);
		copy += segment.len;
		if (!utf8_valid(segment))
			return STATUS_BAD_UTF8;
		path->segments[path->len++] = segment;
	}
	return STATUS_OK;
}

/* Split the path that the client asked for.  All servers agree on
 * REQUEST_URI, but CGI itself (RFC 3875) does not know it. */
static enum status split_uri(
    struct path *path, const struct table *params, struct arena *arena)
{
	struct slice uri = table_get(params, "REQUEST_URI");
	struct slice text = slice_cut(&uri, '?');
	struct slice script = table_get(params, "SCRIPT_NAME");
	struct slice info = table_get(params, "PATH_INFO");
	size_t scheme = slice_find(text, SLICE("://"));
	char *joined;

	if (text.len > 0) {
		/* "GET http://host/path" is passed on as it came. */
		if (text.ptr[0] != '/' && scheme < text.len) {
			text = slice_skip(text, scheme + 3);
			(void)slice_cut(&text, '/');
		}
		return split(path, arena, text, true);
	}
	joined = arena_alloc(arena, script.len + 1 + info.len);
	if (joined == NULL)
		return STATUS_TOO_LARGE;
	if (script.len > 0)
		memcpy(joined, script.ptr, script.len);
	joined[script.len] = '/';
	if (info.len > 0)
		memcpy(joined + script.len + 1, info.ptr, info.len);
	text.ptr = joined;
	text.len = script.len + 1 + info.len;
	return split(path, arena, text, false);
}

static bool is_name(struct slice s)
{
	struct slice alphabet = SLICE("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789_-");

	for (size_t i = 0; i < s.len; i++) {
		struct slice c = {.ptr = s.ptr + i, .len = 1};

		if (slice_find(alphabet, c) == alphabet.len)
			return false;
	}
	return s.len > 0 && s.len <= MAX_NAME;
}

/* Whether the path's segments from this one on are the pattern's. */
static bool fits(const struct pattern *pattern, const struct path *path,
    size_t from, struct slice *name)
{
	size_t len = path->len - from;

	*name = (struct slice){0};
	for (size_t i = 0; i < MAX_PATTERN; i++) {
		struct slice wanted = slice_from(pattern->segments[i]);
		struct slice segment;

		if (wanted.len == 0 || i == len)
			return wanted.len == 0 && i == len;
		segment = path->segments[from + i];
		/* Literal segments are names too, and no name is "*". */
		if (!is_name(segment))
			return false;
		if (slice_equal(wanted, SLICE("*")))
			*name = segment;
		else if (!slice_equal(wanted, segment))
			return false;
	}
	return len == MAX_PATTERN;
}

/* Find the route that is the whole path from this segment on.  root: there
 * is no doubt that we are mounted right before it. */
static bool match(enum request_route *route, struct slice *name,
    const struct path *path, size_t from, bool root)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		if (!fits(&patterns[i], path, from, name) ||
		    (patterns[i].route >= ROUTE_INVOCATIONS && !root))
			continue;
		*route = patterns[i].route;
		return true;
	}
	*name = (struct slice){0};
	return false;
}

static bool begins(const struct path *path, const struct path *prefix)
{
	if (prefix->len > path->len)
		return false;
	for (size_t i = 0; i < prefix->len; i++) {
		if (!slice_equal(path->segments[i], prefix->segments[i]))
			return false;
	}
	return true;
}

/* The route below a configured mount point. */
static enum status find_below(enum request_route *route, struct slice *name,
    const struct table *params, struct slice mount, struct arena *arena)
{
	struct path path, prefix;
	enum status status = split_uri(&path, params, arena);

	if (status != STATUS_OK)
		return status;
	status = split(&prefix, arena, mount, false);
	if (status != STATUS_OK)
		return status;
	if (begins(&path, &prefix) &&
	    match(route, name, &path, prefix.len, true))
		return STATUS_OK;
	return STATUS_NOT_FOUND;
}

enum status route_find(enum request_route *route, struct slice *name,
    const struct table *params, struct slice mount, struct arena *arena)
{
	struct path path;
	enum status status;

	*route = ROUTE_NONE;
	*name = (struct slice){0};
	if (mount.len > 0)
		return find_below(route, name, params, mount, arena);
	status = split(&path, arena, table_get(params, "PATH_INFO"), false);
	if (status != STATUS_OK)
		return status;
	if (match(route, name, &path, 0, false))
		return STATUS_OK;
	status = split_uri(&path, params, arena);
	if (status != STATUS_OK)
		return status;
	for (size_t from = 0; from < path.len; from++) {
		if (match(route, name, &path, from, from == 0))
			return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}
