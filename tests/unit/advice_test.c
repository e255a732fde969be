#include "../../src/advice.h"

#include "../../src/arena.h"
#include "../../src/table.h"
#include "tap.h"

/* How a request with these "NAME=value" came; SERVER_SOFTWARE is Apache's
 * unless given. */
static enum advice_gateway came(bool cgi, char *const pairs[])
{
	struct table params = {0};
	enum advice_gateway gateway;
	struct arena arena;

	arena_init(&arena, 10000);
	CHECK(table_add(&params, &arena, SLICE("SERVER_SOFTWARE"),
		  SLICE("Apache/2.4.71 (Debian)")) == STATUS_OK);
	CHECK(table_add_pairs(&params, &arena, pairs) == STATUS_OK);
	gateway = advice_gateway_of(&params, cgi);
	arena_free(&arena);
	return gateway;
}

static char by_proxy[] = "SCRIPT_FILENAME=proxy:fcgi://agentcgi/selftest";
static char generic[] = "SCRIPT_FILENAME=//selftest";
static char script[] = "SCRIPT_FILENAME=/usr/lib/agentcgi/agentcgi.cgi";
static char closing[] = "HTTP_CONNECTION=close";
static char keeping[] = "HTTP_CONNECTION=keep-alive";
static char no_body[] = "CONTENT_LENGTH=0";
static char nginx[] = "SERVER_SOFTWARE=nginx/1.22.1";

#define CAME(...) came(false, (char *[]){__VA_ARGS__, NULL})

/* As dumped under Apache 2.4.71 and mod_fcgid 2.3.9. */
TEST(which_of_apaches_modules)
{
	CHECK(CAME(by_proxy) == ADVICE_MOD_PROXY_FCGI);
	CHECK(CAME(by_proxy, closing, no_body) == ADVICE_MOD_PROXY_FCGI);
	CHECK(CAME(script, closing, no_body) == ADVICE_MOD_FCGID);
	/* ProxyFCGIBackendType GENERIC */
	CHECK(CAME(generic) == ADVICE_MOD_PROXY_FCGI);
	CHECK(CAME(generic, keeping) == ADVICE_MOD_PROXY_FCGI);
}

TEST(what_cannot_be_told_is_not_guessed)
{
	CHECK(CAME(generic, closing) == ADVICE_FASTCGI);
}

TEST(other_ways)
{
	CHECK(came(true, (char *[]){script, NULL}) == ADVICE_CGI);
	CHECK(came(true, (char *[]){nginx, NULL}) == ADVICE_CGI);
	CHECK(CAME(nginx, closing, no_body) == ADVICE_FASTCGI);
}

TEST(names)
{
	static const char *const names[] = {
	    "CGI", "FastCGI", "mod_fcgid", "mod_proxy_fcgi"};

	for (int i = ADVICE_CGI; i <= ADVICE_MOD_PROXY_FCGI; i++)
		CHECK(strcmp(advice_gateway_name((enum advice_gateway)i),
			  names[i]) == 0);
}

static bool same(const char *got, const char *wanted)
{
	if (got == NULL || wanted == NULL)
		return got == wanted;
	return strcmp(got, wanted) == 0;
}

TEST(lines)
{
	static const struct {
		const char *software;
		enum advice_gateway gateway;
		const char *stream, *authorization;
	} cases[] = {
	    {"Apache", ADVICE_MOD_FCGID, "FcgidOutputBufferSize 0",
		"CGIPassAuth On"},
	    {"Apache/2.4.71 (Debian)", ADVICE_CGI,
		"SetEnv no-gzip 1\nSetEnv no-brotli 1", "CGIPassAuth On"},
	    {"lighttpd/1.4.69", ADVICE_CGI, "server.stream-response-body = 2",
		NULL},
	    {"lighttpd/1.4.69", ADVICE_FASTCGI,
		"server.stream-response-body = 2", NULL},
	    {"nginx/1.22.1", ADVICE_FASTCGI, "fastcgi_buffering off;", NULL},
	    {"Caddy/2.6.2", ADVICE_FASTCGI, "flush_interval -1", NULL},
	    {"h2o/2.2.5", ADVICE_FASTCGI, NULL, NULL},
	    {"LiteSpeed", ADVICE_FASTCGI, "respBuffer 0", NULL},
	    {"LiteSpeed", ADVICE_CGI, NULL, NULL},
	    {"", ADVICE_FASTCGI, NULL, NULL},
	    {"Hiawatha", ADVICE_CGI, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct advice *advice = advice_find(
		    slice_from(cases[i].software), cases[i].gateway);

		CHECK(same(advice->stream, cases[i].stream));
		CHECK(same(advice->authorization, cases[i].authorization));
	}
}

TEST(apache_gets_both_lines_where_it_cannot_be_told)
{
	const struct advice *advice =
	    advice_find(SLICE("Apache/2.4.71"), ADVICE_FASTCGI);
	const struct advice *proxy =
	    advice_find(SLICE("Apache/2.4.71"), ADVICE_MOD_PROXY_FCGI);

	CHECK(strstr(proxy->stream, "flushpackets=on") != NULL);
	CHECK(strstr(advice->stream, proxy->stream) != NULL);
	CHECK(strstr(advice->stream, "FcgidOutputBufferSize 0") != NULL);
}

int main(void)
{
	return tap_run();
}
