#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static size_t left;
static bool armed, failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t n);
char *__wrap_strdup(const char *text);

void alloc_fail_at(size_t n)
{
	left = n;
	armed = true;
	failed = false;
}

bool alloc_failed(void)
{
	armed = false;
	return failed;
}

static bool now(void)
{
	if (!armed || left-- > 0)
		return false;
	armed = false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t n)
{
	return now() ? NULL : __real_realloc(ptr, n);
}

char *__wrap_strdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = __wrap_malloc(n);

	return copy == NULL ? NULL : memcpy(copy, text, n);
}
