#include "syntax.h"

enum {
	SOCKET_PATH_MAX = 107, /* sun_path of Linux, less its NUL */
	QUALIFIER_MAX = 128,
	AGENT_MAX = 64, /* it is part of an URL and of log lines */
	PORT_MAX = 65535,
	ID_MAX = 2048,     /* Bedrock's own limit */
	FRACTION_MAX = 18, /* as many digits as a double tells apart */
	STOP_MAX = 16      /* more is a slip; Bedrock takes 2,500 */
};

static bool one_of(char c, const char *set)
{
	struct slice all = slice_from(set);

	return slice_find(all, (struct slice){.ptr = &c, .len = 1}) < all.len;
}

static bool lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Whether text is of lower-case letters, digits and these. */
static bool lower_only(struct slice text, const char *extra)
{
	for (size_t i = 0; i < text.len; i++)
		if (!lower_alnum(text.ptr[i]) && !one_of(text.ptr[i], extra))
			return false;
	return true;
}

static bool printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e)
			return false;
	return true;
}

/* HOST:PORT, [V6]:PORT; any_host also takes :PORT. */
static bool host_port(struct slice text)
{
	size_t at = text.len;
	struct slice host;
	uint64_t port;

	while (at > 0 && text.ptr[at - 1] != ':')
		at--;
	if (at < 2 || !slice_to_number(slice_skip(text, at), PORT_MAX, &port) ||
	    port == 0)
		return false;
	host = slice_first(text, at - 1);
	return printable(host) && slice_find(host, SLICE(" ")) == host.len &&
	    (slice_find(host, SLICE(":")) == host.len ||
		(slice_starts(host, SLICE("[")) &&
		    slice_ends(host, SLICE("]"))));
}

const char *syntax_listen(struct slice text)
{
	struct slice path = slice_skip(text, 5);

	if (slice_starts(text, SLICE("unix:/")) && path.len > 1 &&
	    path.len <= SOCKET_PATH_MAX)
		return NULL;
	if (slice_starts(text, SLICE("tcp:")) && host_port(slice_skip(text, 4)))
		return NULL;
	return "unix:PATH (absolute, at most 107 bytes) or tcp:HOST:PORT";
}

const char *syntax_directory(struct slice text)
{
	return slice_starts(text, SLICE("/")) ? NULL : "an absolute path";
}

const char *syntax_file(struct slice text)
{
	if (text.len == 0 || slice_starts(text, SLICE("/")))
		return NULL;
	return "an absolute path, or nothing";
}

const char *syntax_store(struct slice text)
{
	struct slice address, base = slice_skip(text, 8);
	uint64_t number;

	if (slice_equal(text, SLICE("files")))
		return NULL;
	address = slice_cut(&base, '/');
	/* Redis numbers its databases; 16 of them unless told otherwise. */
	if (slice_starts(text, SLICE("redis://")) && host_port(address) &&
	    slice_to_number(base, 65535, &number))
		return NULL;
	return "files or redis://HOST:PORT/DB";
}

/* As a browser sends it in Origin: lower case, no path.  Schemes other than
 * http are those of apps. */
static bool is_origin(struct slice text)
{
	size_t at = slice_find(text, SLICE("://"));
	struct slice scheme = slice_first(text, at);
	struct slice rest = slice_skip(text, at + 3);
	struct slice host, port = rest;
	uint64_t number;

	if (scheme.len == 0 || !lower_only(scheme, "+.-"))
		return false;
	if (slice_starts(rest, SLICE("["))) {
		host = slice_cut(&port, ']');
		return host.len < rest.len && lower_only(host, "[:.") &&
		    (port.len == 0 ||
			(port.ptr[0] == ':' &&
			    slice_to_number(
				slice_skip(port, 1), PORT_MAX, &number)));
	}
	host = slice_cut(&port, ':');
	return host.len > 0 && lower_only(host, "-._") &&
	    (host.len == rest.len || slice_to_number(port, PORT_MAX, &number));
}

const char *syntax_origins(struct slice text)
{
	while (text.len > 0) {
		struct slice origin = slice_cut(&text, ' ');

		if (origin.len > 0 && !is_origin(origin))
			return "origins such as https://www.example.com with "
			       "blanks between: lower case, no path, no slash "
			       "at the end";
	}
	return NULL;
}

const char *syntax_mount(struct slice text)
{
	bool fine = slice_starts(text, SLICE("/")) &&
	    !slice_ends(text, SLICE("/")) && printable(text);

	for (size_t i = 0; i < text.len; i++)
		fine = fine && !one_of(text.ptr[i], " ?#%\\\"<>");
	if (text.len == 0 || fine)
		return NULL;
	return "nothing, or a path such as /api, without a slash at the end";
}

const char *syntax_qualifier(struct slice text)
{
	/* Whatever it holds is percent-encoded; the file is UTF-8 without
	 * control characters. */
	if (text.len > 0 && text.len <= QUALIFIER_MAX)
		return NULL;
	return "the name of an endpoint of the runtime, such as DEFAULT";
}

const char *syntax_service(struct slice text)
{
	if (lower_only(text, "-"))
		return NULL;
	return "an AWS service name such as execute-api";
}

/* Ids and ARNs of Bedrock. */
static bool is_id(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!lower_alnum(c) && !(c >= 'A' && c <= 'Z') &&
		    !one_of(c, ".:/_-"))
			return false;
	}
	return text.len <= ID_MAX;
}

const char *syntax_model(struct slice text)
{
	if (is_id(text))
		return NULL;
	return "the id or the ARN of a model or of an inference profile, such "
	       "as openai.gpt-oss-120b-1:0";
}

const char *syntax_guardrail(struct slice text)
{
	return is_id(text) ? NULL : "the id or the ARN of a guardrail";
}

const char *syntax_version(struct slice text)
{
	uint64_t number;

	if (slice_equal(text, SLICE("DRAFT")) ||
	    (slice_to_number(text, 99999999, &number) && text.ptr[0] != '0'))
		return NULL;
	return "DRAFT or a number";
}

const char *syntax_fraction(struct slice text)
{
	struct slice digits = text;
	struct slice whole = slice_cut(&digits, '.');
	bool one = slice_equal(whole, SLICE("1"));
	bool fine = one || slice_equal(whole, SLICE("0"));

	for (size_t i = 0; i < digits.len; i++)
		fine = fine && digits.ptr[i] >= '0' &&
		    digits.ptr[i] <= (one ? '0' : '9');
	/* JSON has no 1. without digits behind it. */
	if (text.len == 0 ||
	    (fine && !slice_ends(text, SLICE(".")) && text.len <= FRACTION_MAX))
		return NULL;
	return "a decimal from 0 to 1, such as 0.7, or nothing";
}

const char *syntax_stop(struct slice text)
{
	bool fine = !slice_ends(text, SLICE(","));
	size_t n;

	for (n = 0; text.len > 0; n++)
		fine = slice_trim(slice_cut(&text, ',')).len > 0 && fine;
	if (fine && n <= STOP_MAX)
		return NULL;
	return "up to 16 texts with commas between";
}

bool syntax_agent(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!lower_alnum(c) && !(c >= 'A' && c <= 'Z') && c != '_' &&
		    c != '-')
			return false;
	}
	return name.len > 0 && name.len <= AGENT_MAX;
}
