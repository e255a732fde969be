#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "slice.h"

enum {
	/* As long as Linux allows: a full backlog refuses at once. */
	BACKLOG = 4096,
	/* TCP's default is far larger than what a client should be behind;
	 * connections inherit it. */
	TCP_SEND_BUFFER = 256 << 10
};

/* To look up a name the C library would load what the host's nsswitch.conf
 * names, made for another C library. */
#ifdef STATIC
#define ONLY_NUMERIC AI_NUMERICHOST
#else
#define ONLY_NUMERIC 0
#endif

bool listen_inherited(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) ==
	    0 &&
	    listening != 0;
}

void listen_prepare(int fd)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof name;
	int one = 1, size = TCP_SEND_BUFFER;

	if (getsockname(fd, (struct sockaddr *)&name, &len) != 0 ||
	    name.ss_family == AF_UNIX)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int fail(const char *address, int fd)
{
	log_write(
	    LOG_ERROR, "cannot listen on %s: %s", address, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Whether a socket file is nobody's any more.  A full backlog (EAGAIN) or a
 * missing permission is somebody's. */
static bool is_stale(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool stale = fd >= 0 &&
	    connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 &&
	    errno == ECONNREFUSED;

	if (fd >= 0)
		(void)close(fd);
	return stale;
}

static int open_unix(const char *address, struct slice path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct stat old;
	mode_t mode = geteuid() == 0 ? 0666 : 0660, mask;
	int fd, result;

	if (path.len == 0 || path.len >= sizeof name.sun_path) {
		errno = path.len == 0 ? EINVAL : ENAMETOOLONG;
		return fail(address, -1);
	}
	memcpy(name.sun_path, path.ptr, path.len);
	if (lstat(name.sun_path, &old) == 0 && S_ISSOCK(old.st_mode)) {
		if (!is_stale(&name)) {
			errno = EADDRINUSE;
			return fail(address, -1);
		}
		(void)unlink(name.sun_path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(address, fd);
	mask = umask(0777 & ~mode);
	result = bind(fd, (struct sockaddr *)&name, sizeof name);
	(void)umask(mask);
	if (result != 0 || listen(fd, BACKLOG) != 0)
		return fail(address, fd);
	if (mode == 0666)
		log_write(LOG_WARNING,
		    "running as root: every local user may connect to %s",
		    address);
	return fd;
}

static int open_address(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC,
	    info->ai_protocol);
	int one = 1;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int open_tcp(const char *address, struct slice where)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV | ONLY_NUMERIC};
	struct addrinfo *info = NULL;
	char host[256];
	char *port;
	int fd;

	(void)snprintf(host, sizeof host, "%.*s", SLICE_ARG(where));
	port = strrchr(host, ':');
	errno = EINVAL;
	if (port == NULL || port[1] == '\0')
		return fail(address, -1);
	*port++ = '\0';
	if (host[0] == '[' && port[-2] == ']') {
		port[-2] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	if (ONLY_NUMERIC && strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof host, "127.0.0.1");
	if (getaddrinfo(host, port, &hints, &info) != 0)
		return fail(address, -1);
	fd = open_address(info);
	freeaddrinfo(info);
	return fd < 0 ? fail(address, fd) : fd;
}

int listen_open(const char *address)
{
	struct slice rest = slice_from(address);
	struct slice kind = slice_cut(&rest, ':');

	if (slice_equal(kind, SLICE("unix")))
		return open_unix(address, rest);
	if (slice_equal(kind, SLICE("tcp")))
		return open_tcp(address, rest);
	log_write(
	    LOG_ERROR, "%s: expected unix:PATH or tcp:HOST:PORT", address);
	return -1;
}
