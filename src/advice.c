#include "advice.h"

#include "table.h"

enum {
	ANY = -1
};

#define APACHE_NO_COMPRESSION "SetEnv no-gzip 1\nSetEnv no-brotli 1"
#define APACHE_AUTHORIZATION  "CGIPassAuth On"
#define FCGID_STREAM          "FcgidOutputBufferSize 0"
#define PROXY_FCGI_STREAM                                        \
	"ProxyPass \"/api/\" "                                   \
	"\"unix:/run/agentcgi/agentcgi.sock|fcgi://agentcgi/\" " \
	"flushpackets=on timeout=3700"

/* The first row that fits counts. */
static const struct {
	const char *software; /* beginning of SERVER_SOFTWARE */
	int gateway;          /* enum advice_gateway, or ANY */
	struct advice advice;
} rows[] = {
    {"Apache", ADVICE_MOD_PROXY_FCGI,
	{PROXY_FCGI_STREAM, APACHE_NO_COMPRESSION, APACHE_AUTHORIZATION}},
    {"Apache", ADVICE_MOD_FCGID,
	{FCGID_STREAM, APACHE_NO_COMPRESSION, APACHE_AUTHORIZATION}},
    {"Apache", ADVICE_FASTCGI,
	{"# mod_proxy_fcgi:\n" PROXY_FCGI_STREAM
	 "\n# mod_fcgid:\n" FCGID_STREAM,
	    APACHE_NO_COMPRESSION, APACHE_AUTHORIZATION}},
    /* Only its compression holds a CGI program's output back. */
    {"Apache", ADVICE_CGI,
	{APACHE_NO_COMPRESSION, APACHE_NO_COMPRESSION, APACHE_AUTHORIZATION}},
    /* What it streams it does not compress. */
    {"lighttpd", ANY,
	{"server.stream-response-body = 2", "server.stream-response-body = 2",
	    NULL}},
    /* CGI is fcgiwrap's there, which collects what it passes on. */
    {"nginx", ADVICE_CGI,
	{"fastcgi_pass unix:/run/agentcgi/agentcgi.sock;\n"
	 "fastcgi_buffering off;",
	    "gzip off;", NULL}},
    {"nginx", ANY, {"fastcgi_buffering off;", "gzip off;", NULL}},
    {"Caddy", ANY,
	{"flush_interval -1", "@other not path /api/*\nencode @other zstd gzip",
	    NULL}},
    {"h2o", ANY, {NULL, "compress: OFF", NULL}},
    {"LiteSpeed", ADVICE_CGI, {NULL, "enableDynGzipCompress 0", NULL}},
    {"LiteSpeed", ANY, {"respBuffer 0", "enableDynGzipCompress 0", NULL}},
    {"", ANY, {NULL, NULL, NULL}},
};

/* mod_proxy_fcgi marks SCRIPT_FILENAME, unless ProxyFCGIBackendType is
 * GENERIC.  mod_fcgid, whatever the client sent, passes on "Connection:
 * close", and its 2.3.9 a length also where there is no body. */
static enum advice_gateway apache_module(const struct table *params)
{
	struct slice file = table_get(params, "SCRIPT_FILENAME");
	struct slice connection = table_get(params, "HTTP_CONNECTION");

	if (slice_starts(file, SLICE("proxy:")) ||
	    !slice_equal(connection, SLICE("close")))
		return ADVICE_MOD_PROXY_FCGI;
	return table_get(params, "CONTENT_LENGTH").len > 0 ? ADVICE_MOD_FCGID
							   : ADVICE_FASTCGI;
}

static bool is_software(struct slice software, const char *name)
{
	struct slice wanted = slice_from(name);

	return slice_equal_nocase(slice_first(software, wanted.len), wanted);
}

enum advice_gateway advice_gateway_of(const struct table *params, bool cgi)
{
	if (cgi)
		return ADVICE_CGI;
	if (is_software(table_get(params, "SERVER_SOFTWARE"), "Apache"))
		return apache_module(params);
	return ADVICE_FASTCGI;
}

const char *advice_gateway_name(enum advice_gateway gateway)
{
	static const char *const names[] = {
	    [ADVICE_CGI] = "CGI",
	    [ADVICE_FASTCGI] = "FastCGI",
	    [ADVICE_MOD_FCGID] = "mod_fcgid",
	    [ADVICE_MOD_PROXY_FCGI] = "mod_proxy_fcgi",
	};

	return names[gateway];
}

const struct advice *advice_find(
    struct slice software, enum advice_gateway gateway)
{
	size_t i = 0;

	while (!is_software(software, rows[i].software) ||
	    (rows[i].gateway != ANY && rows[i].gateway != (int)gateway))
		i++;
	return &rows[i].advice;
}
