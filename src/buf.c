#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first allocation: one short event or line fits. */
enum {
	FIRST_CAP = 256
};

void buf_init(struct buf *buf, size_t ceiling)
{
	*buf = (struct buf){.ceiling = ceiling};
}

void buf_init_secret(struct buf *buf, size_t ceiling)
{
	*buf = (struct buf){.ceiling = ceiling, .secret = true};
}

void buf_free(struct buf *buf)
{
	if (buf->secret && buf->ptr != NULL)
		explicit_bzero(buf->ptr, buf->cap);
	free(buf->ptr);
	*buf = (struct buf){.ceiling = buf->ceiling, .secret = buf->secret};
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->status = STATUS_OK;
}

void buf_reset(struct buf *buf, size_t keep)
{
	if (buf->cap > keep)
		buf_free(buf);
	buf_clear(buf);
}

void buf_wipe(struct buf *buf)
{
	if (buf->ptr != NULL)
		explicit_bzero(buf->ptr, buf->cap);
	buf_free(buf);
}

/* realloc would leave a copy behind. */
static char *move_secret(const struct buf *buf, size_t cap)
{
	char *ptr = malloc(cap);

	if (ptr == NULL || buf->ptr == NULL)
		return ptr;
	memcpy(ptr, buf->ptr, buf->len);
	explicit_bzero(buf->ptr, buf->cap);
	free(buf->ptr);
	return ptr;
}

static bool grow(struct buf *buf, size_t n)
{
	size_t cap = buf->cap == 0 ? FIRST_CAP : buf->cap;
	char *ptr;

	if (n > buf->ceiling - buf->len) {
		buf->status = STATUS_TOO_LARGE;
		return false;
	}
	while (cap < buf->ceiling && cap - buf->len < n)
		cap *= 2;
	if (cap > buf->ceiling)
		cap = buf->ceiling;
	ptr = buf->secret ? move_secret(buf, cap) : realloc(buf->ptr, cap);
	if (ptr == NULL) {
		buf->status = STATUS_NO_MEMORY;
		return false;
	}
	buf->ptr = ptr;
	buf->cap = cap;
	return true;
}

/* Room for n more bytes; false once spoilt.  cap never passes the ceiling. */
static inline bool reserve(struct buf *buf, size_t n)
{
	if (buf->status != STATUS_OK)
		return false;
	return n <= buf->cap - buf->len || grow(buf, n);
}

void buf_add(struct buf *buf, struct slice bytes)
{
	if (bytes.len == 0 || !reserve(buf, bytes.len))
		return;
	memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
	buf->len += bytes.len;
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, slice_from(text));
}

void buf_add_char(struct buf *buf, char c)
{
	if (reserve(buf, 1))
		buf->ptr[buf->len++] = c;
}

void buf_add_number(struct buf *buf, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_add(
	    buf, (struct slice){.ptr = digits + at, .len = sizeof digits - at});
}

void buf_addf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	/* One more byte: vsnprintf writes a NUL, which is not counted. */
	if (n < 0 || !reserve(buf, (size_t)n + 1))
		return;
	va_start(args, format);
	(void)vsnprintf(buf->ptr + buf->len, (size_t)n + 1, format, args);
	va_end(args);
	buf->len += (size_t)n;
}

void buf_drop(struct buf *buf, size_t n)
{
	buf->len -= n;
	if (n > 0 && buf->len > 0)
		memmove(buf->ptr, buf->ptr + n, buf->len);
}

struct slice buf_slice(const struct buf *buf)
{
	return (struct slice){.ptr = buf->ptr, .len = buf->len};
}

char *buf_text(struct buf *buf)
{
	if (!reserve(buf, 1))
		return NULL;
	buf->ptr[buf->len] = '\0';
	return buf->ptr;
}

enum status buf_status(const struct buf *buf)
{
	return buf->status;
}
