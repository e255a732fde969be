/*
 * intake: a request in pieces comes to the same as the whole, and what is kept
 * for libfcgi is records of one request, in their order.
 */
#include "../../src/intake.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAX_BODY = 100,
	TRIES = 64 /* cuts of one input, as evenly as that goes */
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Take a piece from a block of just its size, so that a read behind it is
 * seen; *left counts what was not taken. */
static enum status take(struct intake *intake, struct slice piece, size_t *left)
{
	char *copy = malloc(piece.len + (piece.len == 0));
	struct slice rest = {.ptr = copy, .len = piece.len};
	enum status status;

	check(copy != NULL);
	if (piece.len > 0)
		memcpy(copy, piece.ptr, piece.len);
	status = intake_add(intake, &rest);
	check(status == STATUS_OK || status == STATUS_MORE ||
	    status == STATUS_CLIENT_GONE);
	check(rest.len <= piece.len);
	check(rest.len == 0 || rest.ptr == copy + (piece.len - rest.len));
	check(status != STATUS_MORE || rest.len == 0);
	*left = rest.len;
	free(copy);
	return status;
}

/* A first piece, then pieces of step bytes. */
static enum status take_cut(struct intake *intake, struct slice bytes,
    size_t first, size_t step, size_t *left)
{
	enum status status;
	size_t unread;

	intake_init(intake, MAX_BODY);
	status = take(intake, slice_first(bytes, first), &unread);
	bytes = slice_skip(bytes, first);
	while (status == STATUS_MORE && bytes.len > 0) {
		status = take(intake, slice_first(bytes, step), &unread);
		bytes = slice_skip(bytes, step);
	}
	*left = bytes.len + unread;
	return status;
}

static void check_same(const struct intake *a, const struct intake *b)
{
	check(a->begun == b->begun && a->params == b->params);
	check(a->id == b->id && a->body_len == b->body_len);
	check(slice_equal(buf_slice(&a->head), buf_slice(&b->head)));
	check(buf_status(&a->body) == buf_status(&b->body));
	check((buf_status(&a->body) == STATUS_OK) == (a->body_len <= MAX_BODY));
	if (buf_status(&a->body) == STATUS_OK) {
		check(a->body.len == a->body_len);
		check(slice_equal(buf_slice(&a->body), buf_slice(&b->body)));
	}
}

/* BEGIN_REQUEST, PARAMS up to an empty one, and an empty STDIN. */
static void check_head(struct intake *intake)
{
	struct slice head = intake_head(intake);
	unsigned wanted = 1;

	if (head.ptr == NULL) /* names or values that are not that long */
		return;
	while (head.len > 0) {
		const uint8_t *record = (const uint8_t *)head.ptr;
		size_t len;

		check(head.len >= 8);
		len = (size_t)record[4] << 8 | record[5];
		check(record[0] == 1 && record[1] == wanted && record[6] == 0);
		check(((unsigned)record[2] << 8 | record[3]) == intake->id);
		check(head.len >= 8 + len);
		head = slice_skip(head, 8 + len);
		if (wanted == 1)
			wanted = 4;
		else if (len == 0)
			wanted++;
	}
	check(wanted == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = {.ptr = (const char *)data, .len = size};
	struct intake whole, part;
	size_t left, left_of_part;
	enum status status =
	    take_cut(&whole, bytes, bytes.len, bytes.len, &left);

	for (size_t n = 0; n < size; n += size / TRIES + 1) {
		/* Into two, and into many of that size. */
		for (int many = 0; many < 2; many++) {
			check(
			    take_cut(&part, bytes, n, many && n > 0 ? n : size,
				&left_of_part) == status);
			if (status != STATUS_CLIENT_GONE) {
				check(left == left_of_part);
				check_same(&whole, &part);
			}
			intake_free(&part);
		}
	}
	if (status == STATUS_OK)
		check(whole.params);
	if (whole.params && status != STATUS_CLIENT_GONE)
		check_head(&whole);
	intake_free(&whole);
	return 0;
}
