#include "../../src/locate.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char directory[] = P_tmpdir "/locate_test.XXXXXX";
static char config[128], root[128], found[256];

static bool is(const char *given, bool in_cgi, const char *wanted)
{
	const char *path = locate_config(given, in_cgi, found, sizeof found);

	return path != NULL && strcmp(path, wanted) == 0;
}

TEST(given_comes_first_then_the_environment_then_the_document_root)
{
	setenv("AGENTCGI_CONFIG", "/named", 1);
	CHECK(is("/given", true, "/given"));
	CHECK(is(NULL, true, "/named"));
	setenv("AGENTCGI_CONFIG", "", 1);
	CHECK(is(NULL, true, config));
	unsetenv("AGENTCGI_CONFIG");
	CHECK(is(NULL, true, config));
	CHECK(!is(NULL, false, config));
}

TEST(a_slash_at_the_end_of_the_document_root_changes_nothing)
{
	char with[140];

	(void)snprintf(with, sizeof with, "%s//", root);
	setenv("DOCUMENT_ROOT", with, 1);
	CHECK(is(NULL, true, config));
	setenv("DOCUMENT_ROOT", root, 1);
}

TEST(beside_and_never_below_the_document_root)
{
	setenv("DOCUMENT_ROOT", directory, 1);
	CHECK(!is(NULL, true, config));
	setenv("DOCUMENT_ROOT", "", 1);
	CHECK(!is(NULL, true, config));
	setenv("DOCUMENT_ROOT", root, 1);
}

int main(void)
{
	int fd, result;

	if (mkdtemp(directory) == NULL)
		return 1;
	(void)snprintf(root, sizeof root, "%s/www", directory);
	(void)snprintf(config, sizeof config, "%s/agentcgi", directory);
	(void)mkdir(root, 0700);
	(void)mkdir(config, 0700);
	(void)snprintf(
	    config, sizeof config, "%s/agentcgi/agentcgi.conf", directory);
	fd = open(config, O_CREAT | O_WRONLY, 0600);
	(void)close(fd);
	setenv("DOCUMENT_ROOT", root, 1);
	result = tap_run();
	(void)unlink(config);
	*strrchr(config, '/') = '\0';
	(void)rmdir(config);
	(void)rmdir(root);
	(void)rmdir(directory);
	return result;
}
