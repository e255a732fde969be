#include "options.h"

#include <string.h>

#include "locate.h"

static const char help[] =
    "agentcgi streams an AI agent's answer through any web server.\n"
    "\n"
    "Usage:\n"
    "  agentcgi serve [--config FILE] [--listen ADDRESS]\n"
    "        serve FastCGI on ADDRESS (unix:PATH or tcp:HOST:PORT), on a\n"
    "        socket that systemd passes, or on descriptor 0\n"
    "  agentcgi\n"
    "        the same, started by a web server with a listening socket on\n"
    "        descriptor 0; or one CGI request, then the command line is\n"
    "        ignored\n"
    "  agentcgi selftest URL\n"
    "        ask the agentcgi that is mounted at URL, such as\n"
    "        https://example.org/api/, whether its answers stream through\n"
    "        its web server; if not, say what mends it\n"
    "  agentcgi invoke [--agent NAME] [--session ID] PROMPT\n"
    "        ask an agent from the shell, by the same way as a request, and\n"
    "        write the text of its answer as it comes; - as PROMPT reads\n"
    "        standard input, -- before it lets it begin with a hyphen\n"
    "  agentcgi check [--agent NAME] [--json] [--invoke]\n"
    "        look for what keeps agents from answering: the configuration,\n"
    "        keys, the clock, the way to AWS and what it says; tell what to\n"
    "        do. Costs nothing unless --invoke has each agent answer\n"
    "  agentcgi demo-agent --listen ADDRESS\n"
    "        a stand-in for AgentCore, as a FastCGI program, for trying\n"
    "        things without AWS\n"
    "\n"
    "Options:\n"
    "  -c, --config FILE   settings; else $AGENTCGI_CONFIG, in CGI\n"
    "                      agentcgi/agentcgi.conf beside the document root,\n"
    "                      else " LOCATE_SYSTEM ", else the\n"
    "                      environment alone (AGENT_RUNTIME_ARN)\n"
    "  -l, --listen ADDRESS  where to listen\n"
    "      --agent NAME    which agent; else default, of check all\n"
    "      --json          findings as one JSON object\n"
    "      --invoke        also ask each agent a short question\n"
    "      --session ID    which conversation to go on with; else a new one\n"
    "  -t                  test the configuration and exit\n"
    "      --dump-config   print all settings in effect and exit\n"
    "  -V, --version       print versions and exit\n"
    "  -h, --help          print this and exit\n"
    "\n"
    "Exit status: 0 done, 1 failed, 64 wrong use, 69 cannot listen,\n"
    "78 bad configuration (-t, --dump-config, check, invoke).\n"
    "\n"
    "agentcgi(8) and agentcgi.conf(5) tell the rest.\n";

const char *options_help(void)
{
	return help;
}

static const struct {
	const char *word;
	enum options_command command;
} commands[] = {
    {"serve", COMMAND_SERVE},
    {"selftest", COMMAND_SELFTEST},
    {"invoke", COMMAND_INVOKE},
    {"check", COMMAND_CHECK},
    {"demo-agent", COMMAND_DEMO_AGENT},
    {"-t", COMMAND_TEST},
    {"--dump-config", COMMAND_DUMP_CONFIG},
    {"-h", COMMAND_HELP},
    {"--help", COMMAND_HELP},
    {"-V", COMMAND_VERSION},
    {"--version", COMMAND_VERSION},
};

static bool is(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/* The same, of one command alone; "--" makes a prompt of whatever follows. */
static const char **value_of_command(struct options *options, const char *word)
{
	if (strcmp(word, "--agent") == 0 &&
	    (options->command == COMMAND_INVOKE ||
		options->command == COMMAND_CHECK))
		return &options->agent;
	if (options->command != COMMAND_INVOKE)
		return NULL;
	if (strcmp(word, "--session") == 0)
		return &options->session;
	if (strcmp(word, "--") == 0 && options->prompt == NULL)
		return &options->prompt;
	return NULL;
}

/* The variable that takes the next argument, or NULL. */
static const char **value_of(struct options *options, const char *word)
{
	if (is(word, "-c", "--config"))
		return &options->config;
	if (is(word, "-l", "--listen"))
		return &options->listen;
	return value_of_command(options, word);
}

/* What check alone knows. */
static bool set_flag(struct options *options, const char *word)
{
	bool json = strcmp(word, "--json") == 0;
	bool invoke = strcmp(word, "--invoke") == 0;

	if (options->command != COMMAND_CHECK || (!json && !invoke))
		return false;
	options->json |= json;
	options->invoke |= invoke;
	return true;
}

/* What a command asks for: a URL, or a prompt. */
static bool set_operand(struct options *options, const char *word)
{
	bool is_option = word[0] == '-';

	if (options->command == COMMAND_SELFTEST && options->url == NULL &&
	    !is_option) {
		options->url = word;
		return true;
	}
	if (options->command == COMMAND_INVOKE && options->prompt == NULL &&
	    (!is_option || word[1] == '\0')) {
		options->prompt = word;
		return true;
	}
	return false;
}

static bool set_command(struct options *options, const char *word)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(word, commands[i].word) != 0)
			continue;
		/* "serve -t" tests what serve would use; help is for all. */
		if (options->command == COMMAND_NONE ||
		    commands[i].command >= COMMAND_HELP ||
		    ((options->command == COMMAND_SERVE ||
			 options->command == COMMAND_CHECK) &&
			commands[i].command > COMMAND_DEMO_AGENT)) {
			options->command = commands[i].command;
			return true;
		}
	}
	return false;
}

enum status options_parse(struct options *options, int argc, char *const argv[],
    bool in_cgi, const char **wrong)
{
	*options = (struct options){0};
	if (in_cgi) {
		options->command = COMMAND_CGI;
		return STATUS_OK;
	}
	for (int i = 1; i < argc; i++) {
		const char **value = value_of(options, argv[i]);

		*wrong = argv[i];
		if (value == NULL) {
			if (!set_flag(options, argv[i]) &&
			    !set_operand(options, argv[i]) &&
			    !set_command(options, argv[i]))
				return STATUS_BAD_REQUEST;
			continue;
		}
		if (i + 1 == argc)
			return STATUS_BAD_REQUEST;
		*value = argv[++i];
	}
	return STATUS_OK;
}
