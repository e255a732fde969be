#include "env.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *env_get(const char *name)
{
	return getenv(name);
}

struct slice env_home(
    const char *(*get)(const char *name), char room[static ENV_HOME_SIZE])
{
	struct slice home = slice_from(get("HOME"));
#ifndef STATIC
	struct passwd user, *found = NULL;

	if (home.len == 0 &&
	    getpwuid_r(geteuid(), &user, room, ENV_HOME_SIZE, &found) == 0 &&
	    found != NULL)
		home = slice_from(found->pw_dir);
#else
	/* The C library would load what the host's nsswitch.conf names, made
	 * for another C library. */
	(void)room;
#endif
	return home;
}

/* RFC 3875, and what Apache adds; and what systemd has told us alone. */
static const char *const private[] = {"AUTH_TYPE=", "CONTENT_",
    "DOCUMENT_URI=", "GATEWAY_INTERFACE=", "HTTP_",
    "PATH_INFO=", "PATH_TRANSLATED=", "QUERY_STRING=", "REDIRECT_", "REMOTE_",
    "REQUEST_", "SCRIPT_", "SERVER_", "LISTEN_", "NOTIFY_SOCKET=", "WATCHDOG_"};

static bool is_private(const char *variable)
{
	for (size_t i = 0; i < sizeof private / sizeof private[0]; i++) {
		if (strncmp(variable, private[i], strlen(private[i])) == 0)
			return true;
	}
	return false;
}

char **env_for_program(void)
{
	extern char **environ;
	size_t count = 0, kept = 0;
	char **list;

	while (environ[count] != NULL)
		count++;
	list = calloc(count + 1, sizeof *list);
	for (size_t i = 0; list != NULL && i < count; i++) {
		if (!is_private(environ[i]))
			list[kept++] = environ[i];
	}
	return list;
}
