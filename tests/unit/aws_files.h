/*
 * aws_files: an environment and a directory with AWS's shared files in it,
 * for the tests of credentials.
 *
 * aws_files_run makes the directory, runs the tests and removes it again.
 */
#ifndef AWS_FILES_H
#define AWS_FILES_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/slice.h"
#include "tap.h"

enum {
	MAX_VARIABLES = 8
};

/* The environment of a test, and its two files in a directory of their own. */
static struct {
	const char *name, *value;
} variables[MAX_VARIABLES];
static char directory[] = P_tmpdir "/aws_files.XXXXXX";
static char dot_aws[128], home_file[128];
static char config_file[128], credentials_file[128];
static char log_text[8192];

static const char *fake_getenv(const char *name)
{
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		if (variables[i].name != NULL &&
		    strcmp(variables[i].name, name) == 0)
			return variables[i].value;
	return NULL;
}

static void set(const char *name, const char *value)
{
	for (size_t i = 0; i < MAX_VARIABLES; i++) {
		if (variables[i].name != NULL)
			continue;
		variables[i].name = name;
		variables[i].value = value;
		return;
	}
	abort();
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

/* Start afresh: no variables but those that name the files; NULL: no file. */
static void given(const char *config, const char *credentials)
{
	memset(variables, 0, sizeof variables);
	unlink(config_file);
	unlink(credentials_file);
	if (config != NULL)
		write_file(config_file, config);
	if (credentials != NULL)
		write_file(credentials_file, credentials);
	set("AWS_CONFIG_FILE", config_file);
	set("AWS_SHARED_CREDENTIALS_FILE", credentials_file);
}

/* What a call wrote on standard error is left in log_text. */
static int log_begin(FILE **to)
{
	int saved = dup(STDERR_FILENO);

	*to = tmpfile();
	if (saved < 0 || *to == NULL ||
	    dup2(fileno(*to), STDERR_FILENO) != STDERR_FILENO)
		abort();
	return saved;
}

static void log_end(FILE *from, int saved)
{
	size_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(from);
	n = fread(log_text, 1, sizeof log_text - 1, from);
	log_text[n] = '\0';
	fclose(from);
}

static bool logged(const char *text)
{
	return strstr(log_text, text) != NULL;
}

#define DEFAULT_KEYS                                   \
	"[default]\naws_access_key_id = AKIADEFAULT\n" \
	"aws_secret_access_key = secretdefault\n"
#define WORK_KEYS                                \
	"[work]\naws_access_key_id = AKIAWORK\n" \
	"aws_secret_access_key = secretwork\n"

static void path_in(char out[static 128], const char *name)
{
	snprintf(out, 128, "%s/%s", directory, name);
}

static int aws_files_run(void)
{
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	path_in(config_file, "config");
	path_in(credentials_file, "credentials");
	path_in(dot_aws, ".aws");
	path_in(home_file, ".aws/credentials");
	if (mkdir(dot_aws, 0700) != 0)
		return 1;
	result = tap_run();
	unlink(config_file);
	unlink(credentials_file);
	unlink(home_file);
	rmdir(dot_aws);
	rmdir(directory);
	return result;
}

#endif
