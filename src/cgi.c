#include "cgi.h"

#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "table.h"

/* A body comes from the web server's disk or at a slow client's pace. */
enum {
	WAIT_MS = 30000,
	TOTAL_MS = 120000 /* as in server.c */
};

void cgi_input_init(struct cgi_input *input, int fd, const struct table *params)
{
	struct slice length = table_get(params, "CONTENT_LENGTH");
	struct slice method = table_get(params, "REQUEST_METHOD");

	*input = (struct cgi_input){
	    .fd = fd, .until_ms = clock_mono_ms() + TOTAL_MS};
	if (slice_to_number(length, UINT64_MAX - 1, &input->left) &&
	    input->left > 0)
		return;
	if (slice_equal(method, SLICE("POST")))
		input->left = UINT64_MAX;
}

int cgi_input_next(void *source, char *bytes, int size)
{
	struct cgi_input *input = source;
	struct pollfd wait = {.fd = input->fd, .events = POLLIN};
	size_t want = (size_t)size;
	ssize_t n;

	if (want > input->left)
		want = (size_t)input->left;
	if (want == 0)
		return 0;
	if (poll(&wait, 1, WAIT_MS) <= 0 || clock_mono_ms() > input->until_ms)
		return -1;
	n = read(input->fd, bytes, want);
	if (n > 0)
		input->left -= (uint64_t)n;
	return (int)n;
}
