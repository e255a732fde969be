#include "endpoint.h"

#include <stdio.h>

#include "buf.h"

enum {
	ACCOUNT_DIGITS = 12,
	REGION_MAX = 63, /* a DNS label */
	ARN_MAX = 256,   /* the longest of today has about 150 bytes */
	URL_MAX = 1024
};

/* Region prefixes of the partitions; all others are of partition aws, as the
 * SDKs take it (botocore, partitions.json). */
static const struct {
	const char *prefix, *suffix;
} partitions[] = {{"us-gov-", "amazonaws.com"}, {"cn-", "amazonaws.com.cn"},
    {"eusc-", "amazonaws.eu"}, {"us-iso-", "c2s.ic.gov"},
    {"us-isob-", "sc2s.sgov.gov"}, {"eu-isoe-", "cloud.adc-e.uk"},
    {"us-isof-", "csp.hci.ic.gov"}};

/* isalnum follows the locale; this does not. */
static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

static bool only(struct slice text, const char *extra)
{
	for (size_t i = 0; i < text.len; i++) {
		struct slice c = {.ptr = text.ptr + i, .len = 1};
		struct slice allowed = slice_from(extra);

		if (!alnum(text.ptr[i]) &&
		    slice_find(allowed, c) == allowed.len)
			return false;
	}
	return true;
}

static bool is_region(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
			return false;
	return text.len > 0 && text.len <= REGION_MAX && only(text, "-") &&
	    !slice_starts(text, SLICE("-")) && !slice_ends(text, SLICE("-"));
}

static bool is_partition(struct slice text)
{
	if (!slice_starts(text, SLICE("aws")))
		return false;
	text = slice_skip(text, 3);
	return text.len == 0 ||
	    (slice_starts(text, SLICE("-")) && text.len > 1 && only(text, "-"));
}

static bool is_account(struct slice text)
{
	uint64_t number;

	return text.len == ACCOUNT_DIGITS &&
	    slice_to_number(text, UINT64_MAX, &number);
}

const char *endpoint_check_arn(struct slice text)
{
	struct slice rest = text;
	bool fine;

	if (text.len == 0)
		return NULL;
	fine = text.len <= ARN_MAX &&
	    slice_equal(slice_cut(&rest, ':'), SLICE("arn")) &&
	    is_partition(slice_cut(&rest, ':')) &&
	    slice_equal(slice_cut(&rest, ':'), SLICE("bedrock-agentcore")) &&
	    is_region(slice_cut(&rest, ':')) &&
	    is_account(slice_cut(&rest, ':')) &&
	    slice_starts(rest, SLICE("runtime/"));
	rest = slice_skip(rest, 8);
	if (fine && rest.len > 0 && only(rest, "_/-"))
		return NULL;
	return "the ARN of an AgentCore runtime, arn:aws:bedrock-agentcore:"
	       "REGION:ACCOUNT:runtime/NAME-ID";
}

const char *endpoint_check_region(struct slice text)
{
	if (text.len == 0 || is_region(text))
		return NULL;
	return "a region such as us-west-2";
}

/* host, host:port or [v6]:port; true if it could be resolved. */
static bool is_authority(struct slice text)
{
	struct slice host, port;
	uint64_t number;

	if (slice_starts(text, SLICE("["))) {
		port = text;
		host = slice_cut(&port, ']');
		if (host.len == text.len || host.len < 3 ||
		    !only(slice_skip(host, 1), ":."))
			return false;
		if (port.len == 0)
			return true;
		if (port.ptr[0] != ':')
			return false;
		port = slice_skip(port, 1);
	} else {
		port = text;
		host = slice_cut(&port, ':');
		if (host.len == 0 || !only(host, "-._"))
			return false;
		if (host.len == text.len)
			return true;
	}
	return slice_to_number(port, 65535, &number) && number > 0;
}

static bool is_url(struct slice text)
{
	struct slice rest = text;
	struct slice authority;

	if (slice_starts(text, SLICE("https://")))
		rest = slice_skip(text, 8);
	else if (slice_starts(text, SLICE("http://")))
		rest = slice_skip(text, 7);
	else
		return false;
	authority = slice_cut(&rest, '/');
	/* What RFC 3986 allows in a path, and thus no ? # or blank. */
	return text.len <= URL_MAX && is_authority(authority) &&
	    only(rest, "/-._~!$&'()*+,;=:@%");
}

const char *endpoint_check_url(struct slice text)
{
	if (text.len == 0 || is_url(text))
		return NULL;
	return "http://HOST[:PORT][/BASE] or the same with https, without "
	       "user, query and fragment";
}

const char *endpoint_check_target(struct slice text)
{
	struct slice query = text;
	struct slice base = slice_cut(&query, '?');

	if (text.len == 0 ||
	    (text.len <= URL_MAX && is_url(base) &&
		only(query, "/-._~!$&'()*+,;=:@%?")))
		return NULL;
	return "http://HOST[:PORT][/PATH][?QUERY] or the same with https, "
	       "without user and fragment";
}

struct slice endpoint_region(struct slice arn)
{
	for (int i = 0; i < 3; i++)
		(void)slice_cut(&arn, ':');
	return slice_cut(&arn, ':');
}

static const char *suffix_of(struct slice region)
{
	const char *suffix = "amazonaws.com";

	for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
		if (slice_starts(region, slice_from(partitions[i].prefix)))
			suffix = partitions[i].suffix;
	return suffix;
}

bool endpoint_scope(
    struct slice url, const char **service, struct slice *region)
{
	/* What stands before the region in a host, what in place of the
	 * suffix of all others, and whether it is how the host begins. */
	static const struct {
		const char *before, *service, *suffix;
		bool first;
	} hosts[] = {{".execute-api.", "execute-api", NULL, false},
	    {".lambda-url.", "lambda", "on.aws", false},
	    {".gateway.bedrock-agentcore.", "bedrock-agentcore", NULL, false},
	    {"bedrock-agentcore.", "bedrock-agentcore", NULL, true}};
	struct slice host = slice_skip(url, slice_find(url, SLICE("//")) + 2);

	host = slice_cut(&host, '?');
	host = slice_cut(&host, '/');
	host = slice_cut(&host, ':');
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		struct slice before = slice_from(hosts[i].before);
		size_t at = slice_find(host, before);
		struct slice rest = slice_skip(host, at + before.len);
		const char *suffix = hosts[i].suffix;

		*region = slice_cut(&rest, '.');
		*service = hosts[i].service;
		if (suffix == NULL)
			suffix = suffix_of(*region);
		if ((at == 0) == hosts[i].first && is_region(*region) &&
		    slice_equal(rest, slice_from(suffix)))
			return true;
	}
	return false;
}

void endpoint_add(struct buf *out, const char *service, struct slice region)
{
	buf_addf(out, "https://%s.%.*s.%s", service, SLICE_ARG(region),
	    suffix_of(region));
}

enum status endpoint_choose(struct buf *out,
    const char *(*getenv)(const char *name), const char *service,
    const char *variable, struct slice region)
{
	struct slice ignore =
	    slice_from(getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"));
	struct slice url = {0};
	char own[64];

	(void)snprintf(own, sizeof own, "AWS_ENDPOINT_URL_%s", variable);
	if (!slice_equal_nocase(ignore, SLICE("true"))) {
		url = slice_from(getenv(own));
		if (url.len == 0)
			url = slice_from(getenv("AWS_ENDPOINT_URL"));
	}
	if (url.len == 0) {
		if (!is_region(region))
			return STATUS_NOT_CONFIGURED;
		endpoint_add(out, service, region);
		return buf_status(out);
	}
	if (!is_url(url))
		return STATUS_NOT_CONFIGURED;
	while (slice_ends(url, SLICE("/")))
		url.len--;
	buf_add(out, url);
	return buf_status(out);
}
