#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "inifile.h"
#include "locate.h"
#include "syntax.h"

#define SECOND   UINT64_C(1000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define KIB      UINT64_C(1024)
#define MIB      (1024 * KIB)
#define FILE_MAX (1 * MIB) /* thousands of agents */

/* In the order of their enums. */
static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const policies[] = {"signed", "open", NULL};

#define AT(member)               offsetof(struct config, member)
#define TEXT(key, text, allowed) SETTING_TEXT_ROW(#key, AT(key), text, allowed)
#define CHOICE(key, names, text) SETTING_CHOICE_ROW(#key, AT(key), names, text)
#define FLAG(key, text)          SETTING_ROW(#key, SETTING_FLAG, AT(key), text)
#define RANGE(key, kind, text, low, high) \
	SETTING_RANGE_ROW(#key, kind, AT(key), text, low, high)
#define TIME(key, text, low, high) \
	SETTING_RANGE_ROW(#key, SETTING_DURATION, AT(key##_ms), text, low, high)

_Static_assert(AT(rate_period_ms) == AT(rate_count) + sizeof(uint64_t),
    "a SETTING_RATE fills both");

static const struct setting rows[] = {
    {TEXT(listen, CONFIG_LISTEN, syntax_listen)},
    {TEXT(state_dir, "/var/lib/agentcgi", syntax_directory)},
    {TEXT(store, "files", syntax_store), .later = true},
    {CHOICE(log_level, levels, "info")},
    /* After 10 minutes every proxy on the way has given up. */
    {TIME(keepalive, "15s", SECOND, 10 * MINUTE)},
    /* Web servers wait a minute for headers; 0 sends ours at once. */
    {TIME(header_wait, "5s", 0, MINUTE)},
    /* 25s ends before TimeoutStopSec=30 of our unit; no stream is longer
     * than AgentCore's hour. */
    {TIME(drain_timeout, "25s", 0, HOUR)},
    /* A stream takes two descriptors; Linux gives a process 1,048,576. */
    {RANGE(max_streams, SETTING_NUMBER, "10000", 1, 1000000)},
    /* AgentCore takes 100 MB; in 1K there is room for a question. */
    {RANGE(max_body, SETTING_SIZE, "1M", KIB, 100 * MIB)},
    {RANGE(max_prompt, SETTING_SIZE, "64K", 1, 100 * MIB)},
    {TEXT(allow_origin, "", syntax_origins)},
    {FLAG(require_user, "no")},
    {CHOICE(session_policy, policies, "signed"), .later = true},
    /* A limit of more than a million is none: off says so plainly. */
    {SETTING_RANGE_ROW(
	 "rate", SETTING_RATE, AT(rate_count), "30/m", 1, 1000000),
	.off = true, .later = true},
    {RANGE(streams_per_user, SETTING_NUMBER, "4", 1, 1000000), .off = true,
	.later = true},
    {TEXT(mount, "", syntax_mount)},
    {TEXT(ca_file, "", syntax_file)},
    {TEXT(default_prompt, "", NULL)},
    {FLAG(incremental, "yes")},
};

static const struct setting_table globals = {
    .rows = rows, .len = sizeof rows / sizeof rows[0]};

struct loader {
	struct config *config;
	struct config_agent *agent; /* whose section this is, or NULL */
	unsigned agent_line;        /* of its title; 0: the environment's */
	uint64_t seen;              /* a bit per row that the section has had */
	struct inifile file;
	config_getenv *env;
	struct config_error *error;
};

_Static_assert(sizeof rows / sizeof rows[0] <= 64, "loader.seen is too short");

/* "PATH:LINE: ", as far as there are such, and what is wrong. */
__attribute__((format(printf, 3, 4))) static enum status refuse(
    struct loader *loader, unsigned line, const char *format, ...)
{
	char *text = loader->error->text;
	size_t room = sizeof loader->error->text;
	const char *path = loader->config->path;
	int at = 0;
	va_list args;

	if (line > 0)
		at = snprintf(text, room, "%s:%u: ", path, line);
	else if (path[0] != '\0')
		at = snprintf(text, room, "%s: ", path);
	if (at < 0 || (size_t)at >= room)
		return STATUS_NOT_CONFIGURED;
	va_start(args, format);
	(void)vsnprintf(text + at, room - (size_t)at, format, args);
	va_end(args);
	return STATUS_NOT_CONFIGURED;
}

/* What spans several keys of the section that ends here. */
static enum status finish_section(struct loader *loader)
{
	struct config *config = loader->config;
	struct setting_error error;
	enum status status;

	loader->seen = 0;
	if (loader->agent == NULL)
		return config->max_prompt <= config->max_body
		    ? STATUS_OK
		    : refuse(loader, 0,
			  "max_prompt must not be above max_body, which "
			  "holds it");
	status = agent_finish(loader->agent, loader->env, &error);
	if (status == STATUS_NOT_CONFIGURED)
		return refuse(loader, loader->agent_line, "%s", error.text);
	return status;
}

static enum status add_agent(struct loader *loader, struct slice name)
{
	struct config_agent **at = &loader->config->agents;

	while (*at != NULL)
		at = &(*at)->next;
	*at = loader->agent = agent_new(name);
	return *at == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status take_section(void *user, struct slice title)
{
	struct loader *loader = user;
	struct slice name = slice_skip(title, 6);
	enum status status = finish_section(loader);

	if (status != STATUS_OK)
		return status;
	loader->agent_line = loader->file.line;
	if (slice_starts(title, SLICE("agent\t")) ||
	    slice_starts(title, SLICE("agent ")))
		name = slice_trim(name);
	else
		name.len = 0;
	if (!syntax_agent(name))
		return refuse(loader, loader->agent_line,
		    "a section is [agent NAME], with a NAME of 1 to 64 "
		    "letters, digits, _ and -");
	if (config_agent(loader->config, name) != NULL)
		return refuse(loader, loader->agent_line,
		    "a second section [agent %.*s]", SLICE_ARG(name));
	return add_agent(loader, name);
}

static enum status refuse_key(
    struct loader *loader, const struct setting_table *table, struct slice name)
{
	bool global = table == &globals;
	const struct setting_table *other = global ? &agent_table : &globals;
	struct buf known;

	if (setting_find(other, name) != NULL)
		return refuse(loader, loader->file.line, "%.*s belongs %s",
		    SLICE_ARG(name),
		    global ? "in an [agent NAME] section"
			   : "before the first section");
	buf_init(&known, sizeof loader->error->text);
	for (size_t i = 0; i < table->len; i++)
		buf_addf(&known, " %s", table->rows[i].name);
	(void)refuse(loader, loader->file.line,
	    "unknown key %.*s; here are allowed:%.*s", SLICE_ARG(name),
	    SLICE_ARG(buf_slice(&known)));
	buf_free(&known);
	return STATUS_NOT_CONFIGURED;
}

static enum status take_pair(void *user, struct slice name, struct slice value)
{
	struct loader *loader = user;
	bool global = loader->agent == NULL;
	const struct setting_table *table = global ? &globals : &agent_table;
	void *base = global ? (void *)loader->config : (void *)loader->agent;
	const struct setting *row = setting_find(table, name);
	struct setting_error error;
	enum status status;
	uint64_t bit;

	if (row == NULL)
		return refuse_key(loader, table, name);
	bit = UINT64_C(1) << (row - table->rows);
	if (loader->seen & bit)
		return refuse(loader, loader->file.line,
		    "%s is set twice in this section", row->name);
	loader->seen |= bit;
	status = setting_parse(row, base, value, &error);
	if (status == STATUS_NOT_CONFIGURED)
		return refuse(loader, loader->file.line, "%s must be %s",
		    row->name, error.text);
	return status;
}

/* What systemd has made for us by StateDirectory=; of several the first. */
static enum status take_state_directory(
    struct config *config, config_getenv *env)
{
	struct slice rest = slice_from(env("STATE_DIRECTORY"));
	struct slice directory = slice_cut(&rest, ':');

	if (syntax_directory(directory) != NULL)
		return STATUS_OK;
	return setting_put_text(&config->state_dir, directory);
}

static enum status finish(struct loader *loader)
{
	enum status status = finish_section(loader);
	const struct config *config = loader->config;

	loader->agent_line = 0;
	if (status == STATUS_OK &&
	    config_agent(config, (struct slice){0}) == NULL &&
	    slice_from(loader->env("AGENT_RUNTIME_ARN")).len > 0) {
		status = add_agent(loader, SLICE("default"));
		if (status == STATUS_OK)
			status = finish_section(loader);
	}
	if (status != STATUS_OK || config->agents != NULL)
		return status;
	return refuse(loader, 0,
	    "no agent is configured: set AGENT_RUNTIME_ARN, or write an "
	    "[agent default] section with its arn into %s",
	    config->path[0] == '\0' ? LOCATE_SYSTEM : "this file");
}

enum status config_parse(struct slice text, const char *path,
    config_getenv *env, struct config **config, struct config_error *error)
{
	struct loader loader = {.env = env,
	    .error = error,
	    .file = {.section = take_section, .pair = take_pair}};
	enum status status;

	error->text[0] = '\0';
	*config = loader.config = calloc(1, sizeof **config);
	if (*config == NULL)
		return STATUS_NO_MEMORY;
	(*config)->refs = 1;
	loader.file.user = &loader;
	status = setting_put_text(&(*config)->path, slice_from(path));
	if (status == STATUS_OK)
		status = setting_defaults(&globals, *config);
	if (status == STATUS_OK)
		status = take_state_directory(*config, env);
	if (status == STATUS_OK)
		status = inifile_parse(&loader.file, text);
	if (status == STATUS_NOT_CONFIGURED && loader.file.wrong != NULL)
		(void)refuse(
		    &loader, loader.file.line, "%s", loader.file.wrong);
	if (status == STATUS_OK)
		status = finish(&loader);
	if (status != STATUS_OK) {
		config_unref(*config);
		*config = NULL;
	}
	return status;
}

static enum status read_all(int fd, struct buf *to)
{
	char piece[4096];
	ssize_t n = 1;

	while (n != 0 && buf_status(to) == STATUS_OK) {
		n = read(fd, piece, sizeof piece);
		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			buf_add(
			    to, (struct slice){.ptr = piece, .len = (size_t)n});
	}
	return n < 0 ? STATUS_NOT_CONFIGURED : buf_status(to);
}

static enum status read_file(
    const char *path, struct buf *to, struct config_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum status status = STATUS_NOT_CONFIGURED;
	const char *wrong = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		wrong = strerror(errno);
	else if (st.st_mode & S_IWOTH)
		wrong = "anybody may write to this file, and thus send "
			"prompts elsewhere: chmod o-w";
	else
		status = read_all(fd, to);
	if (wrong == NULL && status == STATUS_NOT_CONFIGURED)
		wrong = strerror(errno);
	if (status == STATUS_TOO_LARGE)
		wrong = "more than 1 MB";
	if (wrong != NULL) {
		status = STATUS_NOT_CONFIGURED;
		(void)snprintf(
		    error->text, sizeof error->text, "%s: %s", path, wrong);
	}
	if (fd >= 0)
		(void)close(fd);
	return status;
}

enum status config_load(const char *path, config_getenv *env,
    struct config **config, struct config_error *error)
{
	struct buf text;
	enum status status = STATUS_OK;

	*config = NULL;
	error->text[0] = '\0';
	buf_init(&text, FILE_MAX);
	if (path != NULL)
		status = read_file(path, &text, error);
	if (status == STATUS_OK)
		status = config_parse(buf_slice(&text),
		    path == NULL ? "" : path, env, config, error);
	buf_free(&text);
	return status;
}

struct config *config_ref(struct config *config)
{
	config->refs++;
	return config;
}

void config_unref(struct config *config)
{
	if (config == NULL || --config->refs > 0)
		return;
	while (config->agents != NULL) {
		struct config_agent *agent = config->agents;

		config->agents = agent->next;
		agent_free(agent);
	}
	setting_free(&globals, config);
	free(config->path);
	free(config);
}

const struct config_agent *config_agent(
    const struct config *config, struct slice name)
{
	const struct config_agent *agent = config->agents;

	if (name.len == 0)
		name = SLICE("default");
	while (agent != NULL && !slice_equal(name, slice_from(agent->name)))
		agent = agent->next;
	return agent;
}

void config_dump(const struct config *config, struct buf *out)
{
	setting_dump(&globals, config, out);
	for (const struct config_agent *agent = config->agents; agent != NULL;
	     agent = agent->next) {
		buf_addf(out, "\n[agent %s]\n", agent->name);
		setting_dump(&agent_table, agent, out);
	}
}

void config_unsupported(const struct config *config, struct buf *out)
{
	char prefix[80]; /* a name has 64 at most */

	setting_add_later(&globals, config, "", out);
	for (const struct config_agent *agent = config->agents; agent != NULL;
	     agent = agent->next) {
		(void)snprintf(
		    prefix, sizeof prefix, "[agent %s] ", agent->name);
		setting_add_later(&agent_table, agent, prefix, out);
	}
}
