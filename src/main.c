#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "buf.h"
#include "check.h"
#include "config.h"
#include "demo.h"
#include "env.h"
#include "http.h"
#include "invoke.h"
#include "listen.h"
#include "locate.h"
#include "options.h"
#include "probe.h"
#include "service.h"

static int print(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED
							      : EXIT_DONE;
}

static int wrong_use(const char *what)
{
	(void)fprintf(stderr,
	    "agentcgi: %s: not understood; agentcgi --help tells the rest\n",
	    what);
	return EXIT_WRONG_USE;
}

/* Words that are no options of invoke are most likely of its prompt. */
static int wrong_arguments(const struct options *options, const char *wrong)
{
	if (options->command != COMMAND_INVOKE || options->prompt == NULL ||
	    wrong[0] == '-')
		return wrong_use(wrong);
	(void)fprintf(stderr,
	    "agentcgi: invoke takes one PROMPT: put quotes around all of it\n");
	return EXIT_WRONG_USE;
}

/* -t and --dump-config. */
static int show_config(const struct options *options)
{
	char found[4096];
	const char *path =
	    locate_config(options->config, false, found, sizeof found);
	struct config *config = NULL;
	struct config_error error;
	struct buf text;
	int result = EXIT_DONE;

	if (config_load(path, env_get, &config, &error) != STATUS_OK) {
		(void)fprintf(stderr, "agentcgi: %s\n", error.text);
		return EXIT_BAD_CONFIG;
	}
	buf_init(&text, 1 << 20);
	if (options->command == COMMAND_TEST) {
		(void)fprintf(stderr, "agentcgi: configuration %s is good\n",
		    path == NULL ? "(the environment alone)" : path);
	} else {
		config_dump(config, &text);
		result =
		    buf_text(&text) == NULL ? EXIT_FAILED : print(text.ptr);
	}
	buf_free(&text);
	config_unref(config);
	return result;
}

static int invoke(const struct options *options)
{
	char found[4096];
	struct invoke_options wanted = {
	    .config =
		locate_config(options->config, false, found, sizeof found),
	    .agent = options->agent,
	    .session_id = options->session,
	    .prompt = options->prompt,
	    .in = STDIN_FILENO,
	    .out = STDOUT_FILENO,
	};

	if (options->prompt == NULL)
		return wrong_use("invoke without a PROMPT");
	return invoke_run(&wanted);
}

static int check(const struct options *options)
{
	char found[4096];
	struct check_options wanted = {
	    .config =
		locate_config(options->config, false, found, sizeof found),
	    .agent = options->agent,
	    .json = options->json,
	    .invoke = options->invoke,
	};

	return check_run(&wanted);
}

static int show_version(void)
{
	(void)printf("agentcgi %s\n%s\n", VERSION, http_version());
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* sd_listen_fds(3): sockets passed by systemd begin at descriptor 3. */
static int socket_from_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	char mine[32];

	if (pid == NULL || count == NULL)
		return -1;
	(void)snprintf(mine, sizeof mine, "%ld", (long)getpid());
	if (strcmp(pid, mine) != 0 || strcmp(count, "0") == 0 ||
	    !listen_inherited(3))
		return -1;
	return 3;
}

/* A web server that has spawned us kills us soon after SIGTERM; systemd,
 * which can pass descriptor 0 as well, waits. */
static bool is_systemd_service(void)
{
	const char *pid = getenv("SYSTEMD_EXEC_PID");
	char mine[32];

	(void)snprintf(mine, sizeof mine, "%ld", (long)getpid());
	return pid != NULL && strcmp(pid, mine) == 0;
}

/* Two descriptors per stream: as many as we may have. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
#ifdef __GLIBC__
	(void)mallopt(M_ARENA_MAX, 2);
#endif
}

static int serve(const struct options *options)
{
	struct service_options wanted = {
	    .config = options->config, .listen = options->listen, .fd = -1};

	if (wanted.listen == NULL)
		wanted.fd = socket_from_systemd();
	if (wanted.listen == NULL && wanted.fd < 0 && listen_inherited(0)) {
		wanted.fd = 0;
		wanted.spawned = !is_systemd_service();
	}
	if (options->command == COMMAND_NONE && wanted.listen == NULL &&
	    wanted.fd < 0)
		return wrong_use("no command");
	raise_limits();
	return service_run(&wanted);
}

/* A core would hold keys. */
static void forbid_cores(void)
{
	struct rlimit none = {0};

	(void)setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char *argv[])
{
	bool in_cgi = getenv("GATEWAY_INTERFACE") != NULL ||
	    getenv("REQUEST_METHOD") != NULL;
	struct options options;
	const char *wrong = NULL;

	forbid_cores();
	if (options_parse(&options, argc, argv, in_cgi, &wrong) != STATUS_OK)
		return wrong_arguments(&options, wrong);
	switch (options.command) {
	case COMMAND_CGI:
		if (!listen_inherited(0))
			return service_cgi();
		break;
	case COMMAND_DEMO_AGENT:
		if (options.listen == NULL)
			return wrong_use("demo-agent without --listen");
		return demo_run(options.listen);
	case COMMAND_SELFTEST:
		if (options.url == NULL)
			return wrong_use("selftest without a URL");
		return probe_run(options.url);
	case COMMAND_INVOKE:
		return invoke(&options);
	case COMMAND_CHECK:
		return check(&options);
	case COMMAND_TEST:
	case COMMAND_DUMP_CONFIG:
		return show_config(&options);
	case COMMAND_HELP:
		return print(options_help());
	case COMMAND_VERSION:
		return show_version();
	case COMMAND_NONE:
	case COMMAND_SERVE:
		break;
	}
	return serve(&options);
}
