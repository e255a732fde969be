#include "../../src/options.h"

#include "tap.h"

/* Parse "agentcgi" and these words, up to a NULL. */
static enum status parse(
    struct options *options, const char **wrong, char *const words[])
{
	static char program[] = "agentcgi";
	char *argv[12] = {program};
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = words[argc - 1];
	*wrong = NULL;
	return options_parse(options, argc, argv, false, wrong);
}

static char serve[] = "serve", demo[] = "demo-agent", test_flag[] = "-t";
static char dump[] = "--dump-config", config[] = "--config", c[] = "-c";
static char listen_flag[] = "--listen", l[] = "-l", file[] = "FILE";
static char address[] = "tcp:h:1", help[] = "--help", h[] = "-h";
static char selftest[] = "selftest", url[] = "http://h/api/";
static char invoke[] = "invoke", agent[] = "--agent", name[] = "NAME";
static char session[] = "--session", id[] = "ID", prompt[] = "a b";
static char hyphen[] = "-", end[] = "--", empty[] = "";
static char version[] = "--version", upper_v[] = "-V", odd[] = "--odd";

#define PARSE(...) parse(&options, &wrong, (char *[]){__VA_ARGS__, NULL})

TEST(commands)
{
	struct options options;
	const char *wrong;

	CHECK(parse(&options, &wrong, (char *[]){NULL}) == STATUS_OK);
	CHECK(options.command == COMMAND_NONE);
	CHECK(options.config == NULL && options.listen == NULL);
	CHECK(PARSE(serve) == STATUS_OK && options.command == COMMAND_SERVE);
	CHECK(
	    PARSE(demo) == STATUS_OK && options.command == COMMAND_DEMO_AGENT);
	CHECK(PARSE(test_flag) == STATUS_OK && options.command == COMMAND_TEST);
	CHECK(
	    PARSE(dump) == STATUS_OK && options.command == COMMAND_DUMP_CONFIG);
	CHECK(PARSE(h) == STATUS_OK && options.command == COMMAND_HELP);
	CHECK(PARSE(help) == STATUS_OK && options.command == COMMAND_HELP);
	CHECK(
	    PARSE(upper_v) == STATUS_OK && options.command == COMMAND_VERSION);
	CHECK(
	    PARSE(version) == STATUS_OK && options.command == COMMAND_VERSION);
}

TEST(values)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(serve, config, file, l, address) == STATUS_OK);
	CHECK(options.command == COMMAND_SERVE);
	CHECK(options.config == file && options.listen == address);
	CHECK(PARSE(c, file, test_flag) == STATUS_OK);
	CHECK(options.command == COMMAND_TEST && options.config == file);
	CHECK(PARSE(listen_flag, address) == STATUS_OK);
	CHECK(options.command == COMMAND_NONE && options.listen == address);
	/* A value may look like an option. */
	CHECK(PARSE(c, test_flag) == STATUS_OK);
	CHECK(options.command == COMMAND_NONE && options.config == test_flag);
}

TEST(serve_is_tested_as_it_would_serve)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(serve, test_flag) == STATUS_OK);
	CHECK(options.command == COMMAND_TEST);
	CHECK(PARSE(serve, c, file, dump) == STATUS_OK);
	CHECK(options.command == COMMAND_DUMP_CONFIG);
}

TEST(wrong_use_names_the_argument)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(odd) == STATUS_BAD_REQUEST && wrong == odd);
	CHECK(PARSE(serve, file) == STATUS_BAD_REQUEST && wrong == file);
	CHECK(PARSE(serve, c) == STATUS_BAD_REQUEST && wrong == c);
	CHECK(PARSE(listen_flag) == STATUS_BAD_REQUEST && wrong == listen_flag);
	CHECK(PARSE(test_flag, dump) == STATUS_BAD_REQUEST && wrong == dump);
	CHECK(PARSE(demo, serve) == STATUS_BAD_REQUEST && wrong == serve);
}

TEST(two_commands_are_wrong_use)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(serve, demo) == STATUS_BAD_REQUEST && wrong == demo);
}

TEST(selftest_takes_one_url)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(selftest, url) == STATUS_OK);
	CHECK(options.command == COMMAND_SELFTEST && options.url == url);
	CHECK(PARSE(selftest) == STATUS_OK && options.url == NULL);
	CHECK(
	    PARSE(selftest, url, file) == STATUS_BAD_REQUEST && wrong == file);
	CHECK(PARSE(selftest, odd) == STATUS_BAD_REQUEST && wrong == odd);
	CHECK(PARSE(selftest, test_flag) == STATUS_BAD_REQUEST);
	CHECK(PARSE(url) == STATUS_BAD_REQUEST && wrong == url);
	CHECK(PARSE(serve, url) == STATUS_BAD_REQUEST && wrong == url);
}

TEST(invoke_takes_one_prompt)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(invoke, prompt) == STATUS_OK);
	CHECK(options.command == COMMAND_INVOKE && options.prompt == prompt);
	CHECK(options.agent == NULL && options.session == NULL);
	CHECK(PARSE(c, file, invoke, agent, name, prompt, session, id) ==
	    STATUS_OK);
	CHECK(options.config == file && options.prompt == prompt);
	CHECK(options.agent == name && options.session == id);
	CHECK(PARSE(invoke) == STATUS_OK && options.prompt == NULL);
	CHECK(PARSE(invoke, hyphen) == STATUS_OK && options.prompt == hyphen);
	CHECK(PARSE(invoke, empty) == STATUS_OK && options.prompt == empty);
	CHECK(PARSE(invoke, serve) == STATUS_OK && options.prompt == serve);
	CHECK(PARSE(invoke, end, odd) == STATUS_OK && options.prompt == odd);
	CHECK(PARSE(invoke, help) == STATUS_OK);
	CHECK(options.command == COMMAND_HELP);
}

TEST(invoke_used_wrongly)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(invoke, prompt, file) == STATUS_BAD_REQUEST);
	CHECK(wrong == file && options.prompt == prompt);
	CHECK(PARSE(invoke, odd) == STATUS_BAD_REQUEST && wrong == odd);
	CHECK(PARSE(invoke, test_flag) == STATUS_BAD_REQUEST);
	CHECK(PARSE(invoke, session) == STATUS_BAD_REQUEST && wrong == session);
	CHECK(PARSE(invoke, end) == STATUS_BAD_REQUEST && wrong == end);
	CHECK(PARSE(invoke, end, prompt, end, odd) == STATUS_BAD_REQUEST);
	/* What only invoke takes. */
	CHECK(PARSE(serve, agent, name) == STATUS_BAD_REQUEST);
	CHECK(wrong == agent);
	CHECK(PARSE(agent, name, invoke, prompt) == STATUS_BAD_REQUEST);
	CHECK(PARSE(selftest, session, id) == STATUS_BAD_REQUEST);
	CHECK(PARSE(serve, end, file) == STATUS_BAD_REQUEST && wrong == end);
}

static char check[] = "check", json[] = "--json", invoke_flag[] = "--invoke";

TEST(check_takes_an_agent_and_flags)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(check) == STATUS_OK && options.command == COMMAND_CHECK);
	CHECK(options.agent == NULL && !options.json && !options.invoke);
	CHECK(PARSE(check, json) == STATUS_OK);
	CHECK(options.json && !options.invoke);
	CHECK(
	    PARSE(c, file, check, invoke_flag, agent, name, json) == STATUS_OK);
	CHECK(options.command == COMMAND_CHECK && options.config == file);
	CHECK(options.agent == name && options.json && options.invoke);
	CHECK(options.prompt == NULL && options.session == NULL);
	/* What follows --agent is a name, whatever it looks like. */
	CHECK(PARSE(check, agent, json) == STATUS_OK);
	CHECK(options.agent == json && !options.json);
	CHECK(PARSE(check, test_flag) == STATUS_OK);
	CHECK(options.command == COMMAND_TEST);
	CHECK(PARSE(check, json, dump) == STATUS_OK);
	CHECK(options.command == COMMAND_DUMP_CONFIG);
	CHECK(PARSE(check, help) == STATUS_OK);
	CHECK(options.command == COMMAND_HELP);
}

TEST(check_used_wrongly)
{
	struct options options;
	const char *wrong;

	CHECK(PARSE(check, file) == STATUS_BAD_REQUEST && wrong == file);
	CHECK(PARSE(check, odd) == STATUS_BAD_REQUEST && wrong == odd);
	CHECK(PARSE(check, agent) == STATUS_BAD_REQUEST && wrong == agent);
	CHECK(PARSE(check, serve) == STATUS_BAD_REQUEST && wrong == serve);
	CHECK(PARSE(check, session, id) == STATUS_BAD_REQUEST);
	CHECK(wrong == session);
	CHECK(PARSE(check, end, prompt) == STATUS_BAD_REQUEST && wrong == end);
	/* What check alone takes. */
	CHECK(PARSE(json) == STATUS_BAD_REQUEST && wrong == json);
	CHECK(PARSE(json, check) == STATUS_BAD_REQUEST && wrong == json);
	CHECK(PARSE(serve, json) == STATUS_BAD_REQUEST && wrong == json);
	CHECK(PARSE(selftest, invoke_flag) == STATUS_BAD_REQUEST);
	CHECK(PARSE(invoke, prompt, json) == STATUS_BAD_REQUEST);
	CHECK(PARSE(invoke, invoke_flag) == STATUS_BAD_REQUEST);
	CHECK(PARSE(agent, name, check) == STATUS_BAD_REQUEST);
}

TEST(in_cgi_the_command_line_is_ignored)
{
	char *argv[] = {file, odd, c, NULL};
	struct options options;
	const char *wrong = NULL;

	CHECK(options_parse(&options, 3, argv, true, &wrong) == STATUS_OK);
	CHECK(options.command == COMMAND_CGI);
	CHECK(options.config == NULL && options.listen == NULL);
}

TEST(help_tells_every_option)
{
	static const char *const words[] = {"serve", "selftest", "invoke",
	    "check", "--json", "--invoke", "demo-agent", "--agent", "--session",
	    "--config", "-c", "--listen", "-l", "-t", "--dump-config", "-V",
	    "--version", "-h", "--help", "64", "69", "78"};
	const char *text = options_help();

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		CHECK(strstr(text, words[i]) != NULL);
	CHECK(text[strlen(text) - 1] == '\n');
}

int main(void)
{
	return tap_run();
}
