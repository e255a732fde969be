/*
 * Any bytes as AWS's shared files: as ~/.aws/config, as ~/.aws/credentials and
 * as both.  A plan that is made must be whole: texts that fit, keys that may
 * stand in a header.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/buf.h"
#include "../../src/credentials/container.h"
#include "../../src/credentials/instance.h"
#include "../../src/credentials/plan.h"
#include "../../src/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];
static bool as_config, as_credentials;

/* In place of log.c: a refused file is no news here, but the line must be
 * sound. */
void log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;

	(void)level;
	va_start(args, format);
	if (vsnprintf(line, sizeof line, format, args) <= 0)
		abort();
	va_end(args);
}

/* In place of container.c and instance.c, of which the files say nothing. */
bool container_configured(keys_getenv *getenv)
{
	(void)getenv;
	return true;
}

bool instance_disabled(keys_getenv *getenv)
{
	(void)getenv;
	return false;
}

static const char *env(const char *name)
{
	if (strcmp(name, "AWS_CONFIG_FILE") == 0)
		return as_config ? path : "/dev/null";
	if (strcmp(name, "AWS_SHARED_CREDENTIALS_FILE") == 0)
		return as_credentials ? path : "/dev/null";
	return NULL;
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(const char *text)
{
	size_t len = strlen(text);

	check(len <= 4096);
	for (size_t i = 0; i < len; i++)
		check((unsigned char)text[i] >= ' ' || text[i] == '\t');
}

static void check_role(const struct sts_role *role)
{
	check(role->arn[0] != '\0');
	check_text(role->arn);
	check_text(role->external_id);
	check(strlen(role->session_name) <= 64);
	check(role->duration_s == 0 ||
	    (role->duration_s >= 900 && role->duration_s <= 43200));
	check(strlen(role->region) <= 63);
}

static void check_plan(const struct plan *plan)
{
	const struct sso_profile *sso = &plan->sso;
	bool has_keys = plan->keys.id[0] != '\0' && plan->keys.secret[0];
	struct keys again;

	check(has_keys == (plan->source == PLAN_PROFILE));
	check(!has_keys ||
	    keys_set(&again, slice_from(plan->keys.id),
		slice_from(plan->keys.secret), slice_from(plan->keys.token)));
	check(plan->role_count <= PLAN_MAX_ROLES);
	for (size_t i = 0; i < plan->role_count; i++)
		check_role(&plan->roles[i]);
	if (plan->source == PLAN_WEB_IDENTITY)
		check_role(&plan->web);
	check((plan->command[0] != '\0') == (plan->source == PLAN_PROCESS));
	check((plan->token_file[0] != '\0') ==
	    (plan->source == PLAN_WEB_IDENTITY));
	check_text(plan->command);
	check_text(plan->token_file);
	check(plan->source != PLAN_SSO ||
	    (sso->start_url[0] && sso->region[0] && sso->account_id[0] &&
		sso->role_name[0]));
}

static void read_as(bool config, bool credentials, const char *name)
{
	struct plan_request request = {env, name, ""};
	enum status status;
	struct plan plan;
	struct buf words;

	as_config = config;
	as_credentials = credentials;
	buf_init(&words, 8192);
	status = plan_make(&plan, &request);
	check(status == STATUS_OK || status == STATUS_NO_CREDENTIALS);
	if (status == STATUS_OK) {
		check_plan(&plan);
		plan_describe(&words, &plan);
		check(buf_status(&words) == STATUS_OK && words.len > 0);
	}
	buf_free(&words);
	plan_free(&plan);
}

/* A file in memory, at a path that can be opened. */
static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("profile", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = make_file(data, size);

	read_as(true, false, NULL);
	read_as(false, true, NULL);
	read_as(true, true, "work");
	close(fd);
	return 0;
}
