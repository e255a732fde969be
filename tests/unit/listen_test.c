#include "../../src/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake_log.h"
#include "tap.h"

static char directory[] = P_tmpdir "/listen_test.XXXXXX";
static char path[100], address[120];

/* A name of its own for each test. */
static void name(const char *file)
{
	(void)snprintf(path, sizeof path, "%s/%s", directory, file);
	(void)snprintf(address, sizeof address, "unix:%s", path);
	log_forget();
}

static int open_unix(const char *file)
{
	name(file);
	return listen_open(address);
}

/* Whether somebody takes connections there. */
static bool is_live(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool live;

	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	live = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
	close(fd);
	return live;
}

/* The mode of what is there, 0 for nothing. */
static mode_t mode_of(void)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode : 0;
}

static bool is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

TEST(a_unix_socket)
{
	mode_t wanted = geteuid() == 0 ? 0666 : 0660;
	mode_t before = umask(077);
	int fd = open_unix("new");

	CHECK(fd >= 0 && listen_inherited(fd) && is_cloexec(fd));
	CHECK(is_live());
	CHECK(S_ISSOCK(mode_of()));
	CHECK((mode_of() & 0777) == wanted);
	/* Whatever the umask, which comes back. */
	CHECK(umask(before) == 077);
	CHECK(logged("every local user") == (geteuid() == 0));
	listen_prepare(fd);
	close(fd);
	unlink(path);
}

TEST(a_stale_socket_is_replaced)
{
	int fd = open_unix("stale");

	CHECK(fd >= 0);
	close(fd);
	CHECK(!is_live() && mode_of() != 0);
	fd = open_unix("stale");
	CHECK(fd >= 0 && is_live());
	close(fd);
	unlink(path);
}

TEST(a_live_socket_never_is)
{
	int fd = open_unix("live");
	int other = open_unix("live");

	CHECK(fd >= 0 && other == -1 && is_live());
	CHECK(logged("cannot listen on unix:") && logged("in use"));
	close(fd);
	unlink(path);
}

/* As somebody who may write into the directory, but not to the socket. */
TEST(a_live_socket_that_may_not_be_asked_is_live)
{
	int fd = open_unix("private"), other;

	CHECK(chmod(directory, 0777) == 0);
	CHECK(chmod(path, 0) == 0);
	if (geteuid() == 0)
		CHECK(seteuid(65534) == 0);
	other = listen_open(address);
	if (getuid() == 0)
		CHECK(seteuid(0) == 0);
	CHECK(other == -1);
	if (other >= 0)
		close(other);
	CHECK((mode_of() & 0777) == 0 && S_ISSOCK(mode_of()));
	CHECK(chmod(directory, 0700) == 0);
	close(fd);
	unlink(path);
}

TEST(other_files_are_left_alone)
{
	int fd;

	name("file");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	CHECK(listen_open(address) == -1 && logged("cannot listen"));
	CHECK(S_ISREG(mode_of()));
	unlink(path);
	CHECK(symlink("/nowhere/at/all", path) == 0);
	CHECK(listen_open(address) == -1);
	CHECK(S_ISLNK(mode_of()));
	unlink(path);
	CHECK(mkdir(path, 0700) == 0);
	CHECK(listen_open(address) == -1);
	rmdir(path);
}

TEST(paths_that_cannot_be)
{
	char longest[200] = "unix:/tmp/";

	CHECK(listen_open("unix:") == -1);
	CHECK(open_unix("no/such/directory") == -1);
	memset(longest + 10, 'x', sizeof longest - 11);
	log_forget();
	CHECK(listen_open(longest) == -1 && logged("too long"));
	/* 107 bytes and the NUL; one more does not fit. */
	longest[5 + 108] = '\0';
	CHECK(listen_open(longest) == -1);
}

/* The port that was given to fd. */
static unsigned port_of(int fd)
{
	struct sockaddr_in6 at = {0};
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return 0;
	/* At the same place in sockaddr_in. */
	return ntohs(at.sin6_port);
}

static int number_option(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof value;

	CHECK(getsockopt(fd, level, option, &value, &len) == 0);
	return value;
}

TEST(a_tcp_socket)
{
	int fd = listen_open("tcp:127.0.0.1:0"), other;
	char again[40];

	CHECK(fd >= 0 && listen_inherited(fd) && is_cloexec(fd));
	listen_prepare(fd);
	CHECK(number_option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
	/* Linux doubles it. */
	CHECK(number_option(fd, SOL_SOCKET, SO_SNDBUF) <= 512 << 10);
	(void)snprintf(again, sizeof again, "tcp:localhost:%u", port_of(fd));
	log_forget();
	other = listen_open(again);
	CHECK(other == -1 || port_of(other) == port_of(fd));
	if (other >= 0)
		close(other);
	(void)snprintf(again, sizeof again, "tcp:127.0.0.1:%u", port_of(fd));
	log_forget();
	CHECK(listen_open(again) == -1 && logged("in use"));
	close(fd);
	fd = listen_open(again);
	CHECK(fd >= 0);
	close(fd);
}

TEST(a_tcp_socket_of_version_6)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 at = {
	    .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool have = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

	if (fd >= 0)
		close(fd);
	fd = listen_open("tcp:[::1]:0");
	CHECK((fd >= 0) == have);
	if (fd >= 0)
		close(fd);
}

TEST(addresses_that_cannot_be)
{
	static const char *const wrong[] = {"", "unix", "tcp",
	    "tcp:", "tcp:9000", "tcp::", "tcp:127.0.0.1:http",
	    "tcp:127.0.0.1:", "tcp:127.0.0.1:99999x", "tcp:[::1:9000",
	    "tcp:[:1", "tcp:]:1", "/run/socket", "127.0.0.1:9000",
	    "tcp:999.1.1.1:1"};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		int fd;

		log_forget();
		fd = listen_open(wrong[i]);
		if (fd != -1)
			printf("# %s\n", wrong[i]);
		CHECK(fd == -1 && log_text[0] != '\0');
		if (fd >= 0)
			close(fd);
	}
}

TEST(what_is_handed_over)
{
	int fds[2], fd;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	CHECK(!listen_inherited(fds[0]));
	listen_prepare(fds[0]);
	close(fds[0]);
	close(fds[1]);
	CHECK(!listen_inherited(fds[0]));
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	CHECK(!listen_inherited(fds[0]));
	close(fds[0]);
	close(fds[1]);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(!listen_inherited(fd));
	CHECK(listen(fd, 1) == 0 && listen_inherited(fd));
	close(fd);
}

int main(void)
{
	int result;

	if (mkdtemp(directory) == NULL)
		return 1;
	result = tap_run();
	rmdir(directory);
	return result;
}
