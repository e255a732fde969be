#include "../../src/env.h"

#include <stdlib.h>

#include "alloc.h"
#include "tap.h"

static bool has(char *const *list, const char *variable)
{
	while (*list != NULL && strcmp(*list, variable) != 0)
		list++;
	return *list != NULL;
}

TEST(a_program_gets_our_environment)
{
	char **list;

	setenv("AWS_REGION", "eu-west-1", 1);
	list = env_for_program();
	CHECK(has(list, "AWS_REGION=eu-west-1"));
	free(list);
}

TEST(but_nothing_that_a_client_or_systemd_has_put_there)
{
	static const char *const names[] = {"HTTP_PROXY", "QUERY_STRING",
	    "CONTENT_TYPE", "REMOTE_USER", "NOTIFY_SOCKET", "WATCHDOG_USEC",
	    "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
	char variable[64];
	char **list;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		setenv(names[i], "x", 1);
	list = env_for_program();
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(variable, sizeof variable, "%s=x", names[i]);
		CHECK(!has(list, variable));
		unsetenv(names[i]);
	}
	free(list);
}

TEST(no_memory)
{
	alloc_fail_at(0);
	CHECK(env_for_program() == NULL);
	CHECK(alloc_failed());
}

int main(void)
{
	return tap_run();
}
