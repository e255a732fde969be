/*
 * cgi: the body of a CGI request, from a descriptor.
 *
 * RFC 3875 4.2: no more than CONTENT_LENGTH may be read.  It is absent, 0 or
 * -1 with a chunked upload, depending on the web server: a POST is then read
 * to its end.  Of other methods nothing is, as the descriptor may be a pipe
 * that nobody closes.
 */
#ifndef CGI_H
#define CGI_H

#include <stdint.h>

struct table;

struct cgi_input {
	int fd;
	uint64_t left;     /* bytes still to come at most */
	uint64_t until_ms; /* by clock_mono_ms, when patience ends */
};

void cgi_input_init(
    struct cgi_input *input, int fd, const struct table *params);

/* The next bytes, at most size of them: how many, 0 at the end, -1 if reading
 * fails, nothing comes for half a minute, or all of it takes two minutes. input
 * is a struct cgi_input. */
int cgi_input_next(void *input, char *bytes, int size);

#endif
