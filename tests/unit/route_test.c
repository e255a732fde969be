#include "../../src/route.h"

#include "../../src/arena.h"
#include "../../src/table.h"
#include "alloc.h"
#include "tap.h"

static struct arena arena = {.ceiling = 1 << 16};
static enum request_route route;
static struct slice name;

/* What a server says; NULL: this parameter is absent. */
struct server {
	const char *script, *info, *uri, *mount;
};

static void add(struct table *params, const char *key, const char *value)
{
	if (value != NULL)
		CHECK(table_add(params, &arena, slice_from(key),
			  slice_from(value)) == STATUS_OK);
}

static enum status find(struct server server)
{
	struct table params = {0};

	arena_free(&arena);
	add(&params, "SCRIPT_NAME", server.script);
	add(&params, "PATH_INFO", server.info);
	add(&params, "REQUEST_URI", server.uri);
	return route_find(
	    &route, &name, &params, slice_from(server.mount), &arena);
}

static enum status find_uri(const char *uri)
{
	return find((struct server){.script = uri, .uri = uri});
}

TEST(every_server_gives_the_same_route)
{
	static const struct server servers[] = {
	    /* Apache ScriptAlias, lighttpd */
	    {"/api", "/invoke/bot", "/api/invoke/bot?x=1", NULL},
	    /* nginx, mod_proxy_fcgi */
	    {"/api/invoke/bot", NULL, "/api/invoke/bot?x=1", NULL},
	    {"/api/invoke/bot", "", "/api/invoke/bot", NULL},
	    /* Caddy, with and without env SCRIPT_NAME */
	    {"", "/api/invoke/bot", "/api/invoke/bot?x=/runs/1", NULL},
	    {"/api", "/api/invoke/bot", "/api/invoke/bot", NULL},
	    /* mounted at / */
	    {"", "/invoke/bot", "/invoke/bot", NULL},
	    {"/invoke/bot", NULL, "/invoke/bot", NULL},
	    {"/", "invoke/bot", "/invoke/bot", NULL},
	    {"/", "", "/invoke/bot", NULL},
	    {"", "/invoke/bot", "/invoke/bot", "/"},
	    /* CGI, also behind a rewrite */
	    {"/cgi-bin/agentcgi", "/invoke/bot", "/cgi-bin/agentcgi/invoke/bot",
		NULL},
	    {"/cgi-bin/agentcgi", "/invoke/bot", "/chat", NULL},
	    /* mount */
	    {"/deep", "/er/path/invoke/bot", "/deep/er/path/invoke/bot?",
		"/deep/er/path"},
	    {"/deep/er/path/invoke/bot", NULL, "/deep/er/path/invoke/bot",
		"/deep/er/path/"},
	    /* neither PATH_INFO nor REQUEST_URI tells all */
	    {"/api/invoke", "/bot", NULL, NULL},
	    {"/api", "/invoke/bot", NULL, "/api"},
	    /* spellings */
	    {NULL, NULL, "//api//invoke/bot/", NULL},
	    {NULL, NULL, "/api/%69nvoke/b%6Ft", NULL},
	    {NULL, NULL, "http://host/api/invoke/bot", "/api"},
	    {"/api", "//invoke//bot/", "/api//invoke//bot/", NULL},
	};

	for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
		CHECK(find(servers[i]) == STATUS_OK);
		CHECK(route == ROUTE_INVOKE);
		CHECK_SLICE(name, SLICE("bot"));
	}
}

TEST(knows_all_routes)
{
	static const struct {
		const char *uri, *name;
		enum request_route route;
	} cases[] = {
	    {"/api/invoke", "", ROUTE_INVOKE},
	    {"/invoke/", "", ROUTE_INVOKE},
	    {"/api/runs/a_B-9", "a_B-9", ROUTE_RUN},
	    {"/api/runs/r1/stop", "r1", ROUTE_RUN_STOP},
	    {"/api/selftest", "", ROUTE_SELFTEST},
	    {"/api/health", "", ROUTE_HEALTH},
	    {"/api/metrics", "", ROUTE_METRICS},
	    {"/v1/chat/completions", "", ROUTE_COMPLETIONS},
	    {"/api/v1/models", "", ROUTE_MODELS},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CHECK(find_uri(cases[i].uri) == STATUS_OK);
		CHECK(route == cases[i].route);
		CHECK_SLICE(name, slice_from(cases[i].name));
	}
}

/* What AgentCore asks its containers for. */
TEST(an_agents_own_routes_are_at_the_root)
{
	static const struct server roots[] = {
	    {"/invocations", NULL, "/invocations", NULL},
	    {"", "/invocations", "/invocations", NULL},
	    {"/", "invocations", "/invocations?x=1", NULL},
	    {NULL, NULL, "http://host/invocations", NULL},
	    {"", "/invocations", "//%69nvocations/", NULL},
	    {"", "/invocations", "/invocations", "/"},
	    {"/agents", "/a/invocations", "/agents/a/invocations", "/agents/a"},
	    {"/agents/a/invocations", NULL, "/agents/a/invocations",
		"/agents/a/"},
	};
	static const struct server elsewhere[] = {
	    {"/api", "/invocations", "/api/invocations", NULL},
	    {"/api/invocations", NULL, "/api/invocations", NULL},
	    {"", "/api/invocations", "/api/invocations", NULL},
	    /* A rewrite: nobody knows where the root is. */
	    {"/cgi-bin/agentcgi", "/invocations", "/chat", NULL},
	    {"/cgi-bin/agentcgi", "/invocations", NULL, NULL},
	    {"/cgi-bin/agentcgi", "/invocations",
		"/cgi-bin/agentcgi/invocations", NULL},
	    {"", "/invocations", "/api/invocations", "/"},
	    {"", "/invocations", "/invocations", "/api"},
	    {"", "/api/x/invocations", "/api/x/invocations", "/api"},
	    {"", "/invocations/x", "/invocations/x", NULL},
	    {"", "/Invocations", "/Invocations", NULL},
	};

	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		CHECK(find(roots[i]) == STATUS_OK);
		CHECK(route == ROUTE_INVOCATIONS && name.len == 0);
	}
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		CHECK(find(elsewhere[i]) == STATUS_NOT_FOUND);
		CHECK(route == ROUTE_NONE);
	}
	CHECK(find_uri("/ping") == STATUS_OK && route == ROUTE_PING);
	CHECK(find_uri("/api/ping") == STATUS_NOT_FOUND);
	CHECK(find((struct server){.uri = "/api/ping", .mount = "/api"}) ==
	    STATUS_OK);
	CHECK(route == ROUTE_PING);
	/* An agent may be called so. */
	CHECK(find_uri("/invoke/ping") == STATUS_OK && route == ROUTE_INVOKE);
	CHECK(find_uri("/runs/invocations") == STATUS_OK);
	CHECK(route == ROUTE_RUN);
}

TEST(the_longest_ending_wins)
{
	CHECK(find_uri("/x/invoke/y") == STATUS_OK);
	CHECK_SLICE(name, SLICE("y"));
	CHECK(find_uri("/invoke/invoke") == STATUS_OK);
	CHECK(route == ROUTE_INVOKE);
	CHECK_SLICE(name, SLICE("invoke"));
	CHECK(find_uri("/api/invoke/health") == STATUS_OK);
	CHECK(route == ROUTE_INVOKE);
	CHECK(find_uri("/api/runs/metrics") == STATUS_OK);
	CHECK(route == ROUTE_RUN);
	CHECK(find((struct server){
		  .uri = "/invoke/invoke", .mount = "/invoke"}) == STATUS_OK);
	CHECK(name.len == 0);
}

TEST(not_found_leaves_no_route)
{
	static const char *const uris[] = {"", "/", "/api", "/api/",
	    "/api/invoked", "/api/xinvoke", "/api/INVOKE", "/api/invoke/a.b",
	    "/api/invoke/a/b", "/api/invoke/*", "/api/invoke/a%2Fb",
	    "/api/invoke/%00", "/api/invoke/..", "/api/runs", "/api/runs/",
	    "/api/runs/x/start", "/api/*/x", "/v1/chat", "/api?/invoke", "*",
	    "/api/invoke/"
	    "01234567890123456789012345678901234567890123456789012345678901234",
	    "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"
	    "invoke"};

	for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
		CHECK(find_uri(uris[i]) == STATUS_NOT_FOUND);
		CHECK(route == ROUTE_NONE && name.len == 0);
	}
	CHECK(find((struct server){0}) == STATUS_NOT_FOUND);
}

TEST(names_have_up_to_64_characters)
{
	CHECK(find_uri("/invoke/0123456789012345678901234567890123456789"
		       "012345678901234567890123") == STATUS_OK);
	CHECK(name.len == 64);
}

TEST(mount_ends_at_a_segment)
{
	struct server server = {.mount = "/api"};

	server.uri = "/apix/invoke";
	CHECK(find(server) == STATUS_NOT_FOUND);
	server.uri = "/other/invoke";
	CHECK(find(server) == STATUS_NOT_FOUND);
	server.uri = "/api/x/invoke";
	CHECK(find(server) == STATUS_NOT_FOUND);
	server.uri = "/api";
	CHECK(find(server) == STATUS_NOT_FOUND);
	/* What PATH_INFO says does not help. */
	server.uri = "/other/invoke";
	server.info = "/invoke";
	CHECK(find(server) == STATUS_NOT_FOUND);
}

TEST(paths_are_utf8)
{
	CHECK(find_uri("/%c3%a4/invoke") == STATUS_OK);
	CHECK(find_uri("/%ff/invoke") == STATUS_BAD_UTF8);
	CHECK(find((struct server){.info = "/\xff"}) == STATUS_BAD_UTF8);
	/* PATH_INFO comes decoded. */
	CHECK(find((struct server){.info = "/invoke/%41"}) == STATUS_NOT_FOUND);
}

TEST(survives_lack_of_memory)
{
	struct table params = {0};
	struct arena small;

	arena_init(&small, 16);
	CHECK(route_find(&route, &name, &params, SLICE("/a-long-mount-point"),
		  &small) == STATUS_TOO_LARGE);
	arena_free(&small);
	alloc_fail_at(0);
	CHECK(route_find(&route, &name, &params, SLICE("/api"), &small) ==
	    STATUS_TOO_LARGE);
	CHECK(alloc_failed() && route == ROUTE_NONE);
	arena_free(&small);
}

int main(void)
{
	int result = tap_run();

	arena_free(&arena);
	return result;
}
