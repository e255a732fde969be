/*
 * fake_log: what was logged, kept in log_text.
 *
 * Takes the place of log.c at link time.  Keeps every level; the level of
 * the last line is in log_last.
 */
#ifndef FAKE_LOG_H
#define FAKE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../src/log.h"

static char log_text[16384];
static enum log_level log_last;

void log_init(enum log_level level, const char *journal_stream)
{
	(void)level;
	(void)journal_stream;
}

void log_set_level(enum log_level level)
{
	(void)level;
}

void log_write(enum log_level level, const char *format, ...)
{
	size_t n = strlen(log_text);
	va_list args;

	log_last = level;
	va_start(args, format);
	(void)vsnprintf(log_text + n, sizeof log_text - n, format, args);
	va_end(args);
	n = strlen(log_text);
	if (n + 1 < sizeof log_text) {
		log_text[n] = '\n';
		log_text[n + 1] = '\0';
	}
}

__attribute__((unused)) static bool logged(const char *text)
{
	return strstr(log_text, text) != NULL;
}

__attribute__((unused)) static void log_forget(void)
{
	log_text[0] = '\0';
}

#endif
