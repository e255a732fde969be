#include "container.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../http.h"
#include "../json.h"
#include "../log.h"
#include "errand.h"
#include "keydoc.h"
#include "tokenfile.h"

#define RELATIVE_URI "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL_URI     "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN        "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE   "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

enum {
	URL_SIZE = 2048,
	TOKEN_SIZE = 16 << 10, /* EKS's have about 1,500 bytes */
	ATTEMPTS = 3,
	TIMEOUT_MS = 2000,
	PAUSE_MS = 1000,
	LOOPBACK_NET = 127
};

struct container {
	struct errand errand;
	enum status prepared; /* logged */
	char url[URL_SIZE];
	char file[TOKEN_SIZE];
	struct slice authorization; /* in file or the environment */
	struct http_header headers[1];
	struct keys keys;
};

bool container_configured(keys_getenv *getenv)
{
	return slice_from(getenv(RELATIVE_URI)).len > 0 ||
	    slice_from(getenv(FULL_URI)).len > 0;
}

/* ---- where to ask ---- */

static bool is_v4(const char *host)
{
	struct in_addr is, task, pod;

	if (inet_pton(AF_INET, host, &is) != 1)
		return false;
	(void)inet_pton(AF_INET, "169.254.170.2", &task);
	(void)inet_pton(AF_INET, "169.254.170.23", &pod);
	return ntohl(is.s_addr) >> 24 == LOOPBACK_NET ||
	    is.s_addr == task.s_addr || is.s_addr == pod.s_addr;
}

static bool is_v6(const char *host)
{
	struct in6_addr is, pod;

	if (inet_pton(AF_INET6, host, &is) != 1)
		return false;
	(void)inet_pton(AF_INET6, "fd00:ec2::23", &pod);
	return IN6_IS_ADDR_LOOPBACK(&is) || IN6_ARE_ADDR_EQUAL(&is, &pod);
}

/* Whether keys may come from there in the clear: HOST[:PORT], and nothing
 * that somebody else could read otherwise. */
static bool is_near(struct slice authority)
{
	bool bracket = slice_starts(authority, SLICE("["));
	struct slice host, port = authority;
	char text[INET6_ADDRSTRLEN] = "";
	uint64_t number;

	if (bracket)
		port = slice_skip(authority, 1);
	host = slice_cut(&port, bracket ? ']' : ':');
	if (bracket &&
	    (slice_find(authority, SLICE("]")) == authority.len ||
		(port.len > 0 && port.ptr[0] != ':')))
		return false;
	port = slice_skip(port, bracket ? 1 : 0);
	if (port.len > 0 && !slice_to_number(port, UINT16_MAX, &number))
		return false;
	if (host.len == 0 || host.len >= sizeof text)
		return false;
	memcpy(text, host.ptr, host.len);
	if (bracket)
		return is_v6(text);
	return is_v4(text) || slice_equal_nocase(host, SLICE("localhost"));
}

/* The characters of a host and its port: no user, no backslash. */
static bool is_plain(struct slice authority)
{
	static const struct slice others = {".-_:[]", 6};

	for (size_t i = 0; i < authority.len; i++) {
		struct slice c = {authority.ptr + i, 1};
		char low = (char)(authority.ptr[i] | 0x20);

		if ((low < 'a' || low > 'z') &&
		    (*c.ptr < '0' || *c.ptr > '9') &&
		    slice_find(others, c) == others.len)
			return false;
	}
	return authority.len > 0;
}

static bool is_allowed(struct slice url)
{
	bool tls = slice_starts(url, SLICE("https://"));
	struct slice authority;
	size_t len = 0;

	if (!tls && !slice_starts(url, SLICE("http://")))
		return false;
	authority = slice_skip(url, tls ? 8 : 7);
	while (len < authority.len && authority.ptr[len] != '/' &&
	    authority.ptr[len] != '?')
		len++;
	authority = slice_first(authority, len);
	return is_plain(authority) && (tls || is_near(authority));
}

/* Printable ASCII without blanks, as a URL is. */
static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~' ||
		    text.ptr[i] == '#')
			return false;
	return true;
}

static enum status find_url(struct container *container, keys_getenv *getenv)
{
	struct slice relative = slice_from(getenv(RELATIVE_URI));
	struct slice full = slice_from(getenv(FULL_URI));
	struct slice url = relative.len > 0 ? relative : full;
	bool fine = relative.len > 0 ? slice_starts(relative, SLICE("/"))
				     : is_allowed(full);
	int len = snprintf(container->url, sizeof container->url, "%s%.*s",
	    relative.len > 0 ? "http://169.254.170.2" : "", SLICE_ARG(url));

	if (fine && is_printable(url) && len < (int)sizeof container->url)
		return STATUS_OK;
	if (relative.len > 0)
		log_write(LOG_ERROR,
		    RELATIVE_URI " must be a path that begins with /");
	else
		log_write(LOG_ERROR,
		    FULL_URI
		    " must be https://, or http:// to 127.0.0.0/8, [::1], "
		    "localhost, 169.254.170.2, 169.254.170.23 or "
		    "[fd00:ec2::23]: elsewhere others could read the keys");
	return STATUS_NO_CREDENTIALS;
}

static enum status find_authorization(
    struct container *container, keys_getenv *getenv)
{
	const char *path = getenv(TOKEN_FILE);

	if (path != NULL && path[0] != '\0')
		return tokenfile_take(container->file, sizeof container->file,
		    path, "the token that " TOKEN_FILE " names",
		    &container->authorization);
	container->authorization = slice_from(getenv(TOKEN));
	if (tokenfile_clean(container->authorization) &&
	    container->authorization.len <= TOKEN_SIZE)
		return STATUS_OK;
	log_write(LOG_ERROR,
	    TOKEN " is too long or holds a control character: set it again, "
		  "without a line end");
	return STATUS_NO_CREDENTIALS;
}

/* ---- asking ---- */

static void free_container(struct container *container)
{
	errand_end(&container->errand);
	explicit_bzero(container, sizeof *container);
	free(container);
}

static void finish(struct container *container, enum status status)
{
	errand_answer(&container->errand, status, &container->keys);
	free_container(container);
}

static enum status take_keys(struct keys *keys, struct slice body)
{
	static const struct keydoc_names names = {
	    "AccessKeyId", "SecretAccessKey", "Token", "Expiration"};
	struct json *json;
	enum status status = json_parse(body, &json);
	const char *wrong = "it is no JSON";

	if (status == STATUS_NO_MEMORY)
		return status;
	if (status == STATUS_OK)
		wrong = keydoc_read(keys, json, &names);
	json_wipe(json);
	if (wrong == NULL)
		return STATUS_OK;
	log_write(LOG_ERROR,
	    "the container's endpoint answered with no keys: %s", wrong);
	return STATUS_NO_CREDENTIALS;
}

static enum status refuse(const struct fetch_answer *answer)
{
	const char *hint = "";

	if (answer->status == 401 || answer->status == 403)
		hint = ": check the token that " TOKEN_FILE " or " TOKEN
		       " gives, and what role the container may have";
	else if (answer->status == 404)
		hint = ": check " RELATIVE_URI " or " FULL_URI
		       ", and that the container has a role";
	log_write(LOG_ERROR, "the container's endpoint answered %u%s",
	    answer->status, hint);
	log_write(LOG_DEBUG, "its words: %.*s", SLICE_ARG(answer->body));
	return STATUS_NO_CREDENTIALS;
}

static void on_answer(
    void *self, enum status status, const struct fetch_answer *answer)
{
	struct container *container = self;

	if (answer == NULL)
		log_write(LOG_ERROR,
		    "the container's endpoint gave no answer: check " FULL_URI
		    ", and whether this process is still in the container");
	else if (answer->status != 200)
		status = refuse(answer);
	else
		status = take_keys(&container->keys, answer->body);
	finish(container, status);
}

static void begin(void *self)
{
	struct container *container = self;
	struct errand_question question = {
	    .call = {.method = "GET",
		.url = container->url,
		.headers = container->headers,
		.header_count = 1,
		.direct = true,
		.connect_timeout_ms = TIMEOUT_MS,
		.authorization = container->authorization},
	    .attempts = ATTEMPTS,
	    .timeout_ms = TIMEOUT_MS,
	    .pause_ms = PAUSE_MS,
	    .growth = 1,
	    .answered = on_answer,
	};

	if (container->prepared != STATUS_OK)
		finish(container, container->prepared);
	else
		errand_ask(&container->errand, &question);
}

struct container *container_start(
    const struct source_context *context, source_done *done, void *ctx)
{
	struct container *container = calloc(1, sizeof *container);

	if (container == NULL)
		return NULL;
	if (!errand_init(
		&container->errand, context, done, ctx, begin, container)) {
		free_container(container);
		return NULL;
	}
	container->headers[0] =
	    (struct http_header){SLICE("Accept"), SLICE("application/json")};
	container->prepared = find_url(container, context->getenv);
	if (container->prepared == STATUS_OK)
		container->prepared =
		    find_authorization(container, context->getenv);
	return container;
}

void container_cancel(struct container *container)
{
	if (container != NULL)
		free_container(container);
}
