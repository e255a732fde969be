#include "../../src/trust.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static const char *bundle, *cert_file;

static const char *env(const char *name)
{
	if (strcmp(name, "AWS_CA_BUNDLE") == 0)
		return bundle;
	if (strcmp(name, "SSL_CERT_FILE") == 0)
		return cert_file;
	return NULL;
}

/* Whether that is what was found. */
static bool is(struct trust trust, const char *file)
{
	return trust.dir == NULL && trust.file != NULL &&
	    strcmp(trust.file, file) == 0;
}

TEST(the_first_that_is_set_wins)
{
	for (int one = 0; one < 2; one++) {
		bundle = "/aws";
		cert_file = "/ssl";
		CHECK(is(trust_find("/ours", env, one), "/ours"));
		CHECK(is(trust_find("", env, one), "/aws"));
		CHECK(is(trust_find(NULL, env, one), "/aws"));
		bundle = "";
		CHECK(is(trust_find("", env, one), "/ssl"));
		bundle = NULL;
		CHECK(is(trust_find("", env, one), "/ssl"));
		cert_file = NULL;
		CHECK(!is(trust_find("", env, one), "/ssl"));
	}
}

TEST(what_the_system_has)
{
	struct trust many, single;

	bundle = cert_file = NULL;
	many = trust_find("", env, false);
	single = trust_find("", env, true);
	/* For many connections never a directory, which is slow for each. */
	CHECK(many.dir == NULL);
	CHECK(many.file == NULL || access(many.file, R_OK) == 0);
	CHECK(single.dir == NULL || single.file == NULL);
	if (single.dir != NULL)
		CHECK(access(single.dir, R_OK | X_OK) == 0);
	else
		CHECK(single.file == many.file);
}

int main(void)
{
	return tap_run();
}
