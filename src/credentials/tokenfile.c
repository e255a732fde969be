#include "tokenfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../log.h"

/* A FIFO without a writer would hold up the loop, so not even for the
 * opening. */
static int open_plain(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat is;

	if (fd < 0 || (fstat(fd, &is) == 0 && S_ISREG(is.st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

/* Up to size bytes; -1 with errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < size && n != 0) {
		n = read(fd, out + len, size - len);
		if (n < 0 && errno != EINTR)
			return -1;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

enum status tokenfile_read(
    char *out, size_t size, const char *path, struct slice *text)
{
	int fd = open_plain(path);
	ssize_t len = -1, more = 0;
	char c;

	*text = (struct slice){0};
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return STATUS_NOT_FOUND;
	if (fd >= 0)
		len = read_all(fd, out, size);
	if (len >= 0)
		more = read_all(fd, &c, 1);
	if (len < 0 || more < 0) {
		log_write(LOG_ERROR,
		    "cannot read %s: %s: let this process read it", path,
		    strerror(errno));
	} else if (more > 0) {
		log_write(LOG_ERROR,
		    "%s is larger than %zu bytes: it cannot be what is meant",
		    path, size);
		len = -1;
	}
	if (fd >= 0)
		close(fd);
	if (len < 0)
		return STATUS_NO_CREDENTIALS;
	*text = (struct slice){.ptr = out, .len = (size_t)len};
	return STATUS_OK;
}

bool tokenfile_clean(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < ' ' || c == 0x7f)
			return false;
	}
	return true;
}

enum status tokenfile_take(char *out, size_t size, const char *path,
    const char *what, struct slice *text)
{
	enum status status = tokenfile_read(out, size, path, text);

	if (status == STATUS_NOT_FOUND) {
		log_write(LOG_ERROR,
		    "%s, %s, is not there: it has to be written, by you or "
		    "by what runs this container",
		    path, what);
		return STATUS_NO_CREDENTIALS;
	}
	if (status != STATUS_OK)
		return status;
	if (slice_ends(*text, SLICE("\n")))
		text->len--;
	if (slice_ends(*text, SLICE("\r")))
		text->len--;
	if (text->len > 0 && tokenfile_clean(*text))
		return STATUS_OK;
	log_write(LOG_ERROR,
	    "%s, %s, is empty or holds a line end or another control "
	    "character: write it again",
	    path, what);
	*text = (struct slice){0};
	return STATUS_NO_CREDENTIALS;
}
