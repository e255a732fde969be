#include "../../src/endpoint.h"

#include <stdlib.h>

#include "../../src/buf.h"
#include "alloc.h"
#include "tap.h"

static const char *own, *all, *ignore;

static const char *fake_getenv(const char *name)
{
	if (strcmp(name, "AWS_ENDPOINT_URL_SSO_OIDC") == 0)
		return own;
	if (strcmp(name, "AWS_ENDPOINT_URL") == 0)
		return all;
	if (strcmp(name, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == 0)
		return ignore;
	return NULL;
}

static void check_added(
    const char *service, const char *region, const char *wanted)
{
	struct buf out;

	buf_init(&out, 300);
	endpoint_add(&out, service, slice_from(region));
	CHECK_SLICE(buf_slice(&out), slice_from(wanted));
	buf_free(&out);
}

TEST(each_partition_has_its_suffix)
{
	check_added("sts", "us-east-1", "https://sts.us-east-1.amazonaws.com");
	check_added(
	    "sts", "cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn");
	check_added("bedrock-runtime", "us-gov-west-1",
	    "https://bedrock-runtime.us-gov-west-1.amazonaws.com");
	check_added("oidc", "eusc-de-east-1",
	    "https://oidc.eusc-de-east-1.amazonaws.eu");
	check_added("portal.sso", "us-iso-east-1",
	    "https://portal.sso.us-iso-east-1.c2s.ic.gov");
	check_added("sts", "us-isob-east-1",
	    "https://sts.us-isob-east-1.sc2s.sgov.gov");
	check_added("bedrock-agentcore", "xx-new-1",
	    "https://bedrock-agentcore.xx-new-1.amazonaws.com");
}

static enum status choose(struct buf *out, const char *region)
{
	return endpoint_choose(
	    out, fake_getenv, "oidc", "SSO_OIDC", slice_from(region));
}

static void check_chosen(enum status status, const char *wanted)
{
	struct buf out;

	buf_init(&out, 2000);
	CHECK(choose(&out, "eu-west-1") == status);
	CHECK_SLICE(buf_slice(&out), slice_from(wanted));
	buf_free(&out);
}

TEST(the_first_that_says_is_taken)
{
	check_chosen(STATUS_OK, "https://oidc.eu-west-1.amazonaws.com");
	all = "http://all:81/base//";
	check_chosen(STATUS_OK, "http://all:81/base");
	own = "https://own/";
	check_chosen(STATUS_OK, "https://own");
	own = "";
	check_chosen(STATUS_OK, "http://all:81/base");
	ignore = "True";
	check_chosen(STATUS_OK, "https://oidc.eu-west-1.amazonaws.com");
	ignore = "false";
	check_chosen(STATUS_OK, "http://all:81/base");
	own = "own.example";
	check_chosen(STATUS_NOT_CONFIGURED, "");
	own = "https://user@own/";
	check_chosen(STATUS_NOT_CONFIGURED, "");
	own = "https://own/?q";
	check_chosen(STATUS_NOT_CONFIGURED, "");
	own = NULL;
	all = "ftp://all/";
	check_chosen(STATUS_NOT_CONFIGURED, "");
	ignore = "TRUE";
	check_chosen(STATUS_OK, "https://oidc.eu-west-1.amazonaws.com");
	own = all = ignore = NULL;
}

TEST(a_region_is_needed_where_nothing_else_says)
{
	static const char *const regions[] = {
	    "", "evil.example/", "US-EAST-1", "-a", "a-", "a b"};
	struct buf out;

	buf_init(&out, 2000);
	for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
		CHECK(choose(&out, regions[i]) == STATUS_NOT_CONFIGURED);
	CHECK(out.len == 0);
	own = "http://own";
	CHECK(choose(&out, "") == STATUS_OK);
	CHECK_SLICE(buf_slice(&out), SLICE("http://own"));
	own = NULL;
	buf_free(&out);
}

TEST(no_memory)
{
	struct buf out;

	buf_init(&out, 2000);
	alloc_fail_at(0);
	CHECK(choose(&out, "eu-west-1") == STATUS_NO_MEMORY);
	CHECK(alloc_failed());
	buf_free(&out);
	own = "http://own";
	alloc_fail_at(0);
	CHECK(choose(&out, "eu-west-1") == STATUS_NO_MEMORY);
	CHECK(alloc_failed());
	own = NULL;
	buf_free(&out);
}

int main(void)
{
	return tap_run();
}
