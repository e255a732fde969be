/*
 * advice: which web server passes our answers on, by which of its modules,
 * and the lines of its configuration that let a stream through.  Pure.
 */
#ifndef ADVICE_H
#define ADVICE_H

#include "slice.h"

struct table;

enum advice_gateway {
	ADVICE_CGI,
	ADVICE_FASTCGI, /* also Apache's where it cannot be told which */
	ADVICE_MOD_FCGID,
	ADVICE_MOD_PROXY_FCGI
};

/* Lines of a configuration, separated by LF; NULL: nothing is needed, or
 * nothing is known. */
struct advice {
	const char *stream;        /* for a stream that is held back */
	const char *compression;   /* for one that is compressed */
	const char *authorization; /* for Authorization that gets lost */
};

/* How a request came, by the parameters it came with. */
enum advice_gateway advice_gateway_of(const struct table *params, bool cgi);

/* "CGI", "FastCGI", "mod_fcgid", "mod_proxy_fcgi". */
const char *advice_gateway_name(enum advice_gateway gateway);

/* What to write for this SERVER_SOFTWARE; constant for ever. */
const struct advice *advice_find(
    struct slice software, enum advice_gateway gateway);

#endif
