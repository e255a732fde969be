/*
 * xml: any document, looked up by paths of STS and of the corpus.
 *
 * What is found must be found again in a document made of it, and no shorter
 * document may hold something else.  The first byte says where to cut.
 */
#include "../../src/xml.h"

#include <stdlib.h>

#include "../../src/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_again(struct slice text)
{
	struct buf document, found;

	buf_init(&document, 10 * text.len + 100);
	buf_init(&found, text.len + 1);
	buf_add_text(&document, "<a><b>");
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.ptr[i] >= 0x80)
			buf_add_char(&document, text.ptr[i]);
		else
			buf_addf(&document, "&#x%x;", (unsigned)text.ptr[i]);
	}
	buf_add_text(&document, "</b></a>");
	must(xml_find(&found, buf_slice(&document), "a/b") == STATUS_OK);
	must(slice_equal(buf_slice(&found), text));
	buf_free(&document);
	buf_free(&found);
}

static void look_up(
    struct slice document, struct slice shorter, const char *path)
{
	struct buf whole, part;
	enum status status, cut;

	buf_init(&whole, document.len + 1);
	buf_init(&part, document.len + 1);
	status = xml_find(&whole, document, path);
	cut = xml_find(&part, shorter, path);
	must(status == STATUS_OK || whole.len == 0);
	must(cut == STATUS_OK || part.len == 0);
	must(status == STATUS_OK || status == STATUS_NOT_FOUND ||
	    status == STATUS_UPSTREAM_ERROR);
	if (cut == STATUS_OK)
		must(status == STATUS_OK &&
		    slice_equal(buf_slice(&whole), buf_slice(&part)));
	if (status == STATUS_OK)
		check_again(buf_slice(&whole));
	buf_free(&whole);
	buf_free(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = {"a", "a/b", "a/a/b",
	    "ErrorResponse/Error/Code",
	    "AssumeRoleResponse/AssumeRoleResult/Credentials/SessionToken"};
	struct slice document = {.ptr = (const char *)data, .len = size};
	struct slice shorter;

	if (size == 0)
		return 0;
	document = slice_skip(document, 1);
	shorter = slice_first(document, document.len * data[0] / 256);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		look_up(document, shorter, paths[i]);
	return 0;
}
