/* Any command line; its words, quoted again, are split into the same words. */
#include "../../src/words.h"

#include <stdlib.h>
#include <string.h>

#include "../../src/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* 'it'\''s' */
static void quote(struct buf *buf, const char *word)
{
	buf_add_char(buf, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_add_text(buf, "'\\''");
		else
			buf_add_char(buf, *word);
	}
	buf_add_text(buf, "'\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {.ptr = (const char *)data, .len = size};
	char *argv[WORDS_MAX + 1], *again[WORDS_MAX + 1], *copy, *other;
	size_t i = 0;
	struct buf buf;

	if (words_split(argv, &copy, text) != STATUS_OK) {
		must(copy == NULL);
		return 0;
	}
	buf_init(&buf, 8 * size + 1000);
	for (; argv[i] != NULL; i++)
		quote(&buf, argv[i]);
	must(i > 0 && i <= WORDS_MAX && buf_status(&buf) == STATUS_OK);
	must(words_split(again, &other, buf_slice(&buf)) == STATUS_OK);
	for (i = 0; argv[i] != NULL; i++)
		must(again[i] != NULL && strcmp(argv[i], again[i]) == 0);
	must(again[i] == NULL);
	free(copy);
	free(other);
	buf_free(&buf);
	return 0;
}
