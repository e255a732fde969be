#include "machine.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "env.h"
#include "finding.h"
#include "trust.h"

enum {
	TEXT_MAX = 32 << 10,
	USER_NAME_SIZE = 64
};

static bool has_model(const struct config *config)
{
	const struct config_agent *agent = config->agents;

	while (agent != NULL && agent->backend != BACKEND_BEDROCK)
		agent = agent->next;
	return agent != NULL;
}

/* The name, or the number where there is none, or no way to look it up. */
static const char *user_name(uid_t uid, char room[static USER_NAME_SIZE])
{
	const struct passwd *user = NULL;

#ifndef STATIC
	user = getpwuid(uid);
#endif
	if (user == NULL)
		(void)snprintf(
		    room, USER_NAME_SIZE, "user %lu", (unsigned long)uid);
	else
		(void)snprintf(room, USER_NAME_SIZE, "%s", user->pw_name);
	return room;
}

/* What keeps us from using it, or NULL. */
static const char *state_dir_fault(const char *dir, struct stat *st)
{
	if (stat(dir, st) != 0)
		return strerror(errno);
	if (!S_ISDIR(st->st_mode))
		return strerror(ENOTDIR);
	if (access(dir, W_OK | X_OK) != 0)
		return strerror(errno);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
	    (st->st_mode & S_ISVTX) == 0)
		return "others may write to it";
	return NULL;
}

static void check_state_dir(
    struct findings *findings, const struct config *config)
{
	const char *dir = config->state_dir;
	enum finding_level level = FINDING_OK;
	const char *fault;
	char us[USER_NAME_SIZE], owner[USER_NAME_SIZE];
	struct stat st;
	struct buf what, todo;

	errno = 0;
	fault = state_dir_fault(dir, &st);
	buf_init(&what, TEXT_MAX);
	buf_init(&todo, TEXT_MAX);
	if (fault == NULL) {
		buf_addf(&what, "%s can be written by %s, and belongs to %s",
		    dir, user_name(geteuid(), us), user_name(st.st_uid, owner));
	} else {
		/* Where it is missing, memory serves. */
		level = errno == ENOENT ? FINDING_WARNING : FINDING_FAILED;
		buf_addf(&what, "%s: %s", dir, fault);
		buf_addf(&todo,
		    "make it a directory of the user that agentcgi runs as, "
		    "mode 0700, or set state_dir: without it %skeys are not "
		    "kept from one CGI request to the next",
		    has_model(config)
			? "conversations with models end with their process, "
			  "and "
			: "");
	}
	finding_add(
	    findings, level, "state_dir", buf_slice(&what), buf_slice(&todo));
	buf_free(&what);
	buf_free(&todo);
}

/* Whoever was first to keep one has made it: root, perhaps, by agentcgi
 * invoke. */
static void check_conversations(
    struct findings *findings, const struct config *config)
{
	struct buf path, what;
	char owner[USER_NAME_SIZE];
	struct stat dir, st;
	const char *name;

	buf_init(&path, TEXT_MAX);
	buf_init(&what, TEXT_MAX);
	buf_addf(&path, "%s/conversations", config->state_dir);
	name = buf_text(&path);
	if (name == NULL || stat(config->state_dir, &dir) != 0 ||
	    stat(name, &st) != 0)
		goto out;
	if (!S_ISDIR(st.st_mode))
		buf_addf(&what, "%s: %s", name, strerror(ENOTDIR));
	else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		buf_addf(&what, "%s: others may write to it", name);
	else if (st.st_uid != dir.st_uid)
		buf_addf(&what,
		    "%s belongs to %s, and not to whom state_dir does", name,
		    user_name(st.st_uid, owner));
	if (what.len > 0)
		finding_add(findings, FINDING_WARNING, "state_dir",
		    buf_slice(&what),
		    SLICE("chown and chmod it like state_dir, or remove it: "
			  "until then conversations with models end with their "
			  "process"));
out:
	buf_free(&path);
	buf_free(&what);
}

static void check_trust(struct findings *findings, const struct config *config)
{
	struct trust trust = trust_find(config->ca_file, env_get, true);
	const char *path = trust.file != NULL ? trust.file : trust.dir;
	struct buf what;

	if (path == NULL) {
		finding_add(findings, FINDING_FAILED, "ca_file",
		    SLICE("this machine has no bundle of authorities"),
		    SLICE("install its package, often ca-certificates, or set "
			  "ca_file"));
		return;
	}
	buf_init(&what, TEXT_MAX);
	buf_add_text(&what, path);
	if (access(path, R_OK) == 0) {
		finding_add(findings, FINDING_OK, "ca_file", buf_slice(&what),
		    SLICE(""));
	} else {
		buf_addf(&what, ": %s", strerror(errno));
		finding_add(findings, FINDING_FAILED, "ca_file",
		    buf_slice(&what),
		    SLICE("set ca_file, AWS_CA_BUNDLE or SSL_CERT_FILE to a "
			  "bundle that can be read, or none of them, for the "
			  "system's"));
	}
	buf_free(&what);
}

void machine_check(struct findings *findings, const struct config *config)
{
	check_state_dir(findings, config);
	if (has_model(config))
		check_conversations(findings, config);
	check_trust(findings, config);
}

void machine_check_secret(
    struct findings *findings, const char *about, const char *path)
{
	struct buf what, todo;
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & S_IROTH) == 0)
		return;
	buf_init(&what, TEXT_MAX);
	buf_init(&todo, TEXT_MAX);
	buf_addf(&what, "%s: others may read it", path);
	buf_addf(&todo,
	    "chmod 600 %s, or 640 with a group that agentcgi runs in", path);
	finding_add(findings, FINDING_WARNING, about, buf_slice(&what),
	    buf_slice(&todo));
	buf_free(&what);
	buf_free(&todo);
}
