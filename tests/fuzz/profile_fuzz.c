/*
 * Any bytes as AWS's shared files: as ~/.aws/config, as ~/.aws/credentials and
 * as both.  Keys that are found must be whole.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/credentials/profile.h"
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

static const char *env(const char *name)
{
	if (strcmp(name, "AWS_CONFIG_FILE") == 0)
		return as_config ? path : "/dev/null";
	if (strcmp(name, "AWS_SHARED_CREDENTIALS_FILE") == 0)
		return as_credentials ? path : "/dev/null";
	return NULL;
}

static void read_as(bool config, bool credentials, const char *name)
{
	struct keys keys = {0}, again;
	enum status status;

	as_config = config;
	as_credentials = credentials;
	status = profile_read(&keys, env, name);
	if (status == STATUS_OK &&
	    !keys_set(&again, slice_from(keys.id), slice_from(keys.secret),
		slice_from(keys.token)))
		abort();
	if (status != STATUS_OK && (keys.id[0] != '\0' || keys.secret[0]))
		abort();
	if (name != NULL && status == STATUS_MORE)
		abort();
}

/* A file in memory, at a path that profile_read can open. */
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
