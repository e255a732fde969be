/*
 * replay: runs a fuzz driver over its corpus, without a fuzzer.
 *
 *	NAME-replay FILE|DIRECTORY...
 *
 * Each file is one test; a driver fails by crashing.  The name is printed
 * before the call, so that a crash can be told.
 */
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int files;

/* The file's bytes, in a block of just their size, so that a sanitizer sees
 * a read behind them. */
static uint8_t *read_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size > 0 ? size : 1);

	if (file == NULL || data == NULL ||
	    fread(data, 1, size, file) != size) {
		perror(path);
		exit(1);
	}
	(void)fclose(file);
	return data;
}

static int replay(const char *path, const struct stat *st, int type)
{
	uint8_t *data;

	if (type != FTW_F)
		return 0;
	printf("# %s\n", path);
	(void)fflush(stdout);
	data = read_file(path, (size_t)st->st_size);
	(void)LLVMFuzzerTestOneInput(data, (size_t)st->st_size);
	free(data);
	printf("ok %d - %s\n", ++files, path);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (ftw(argv[i], replay, 8) != 0) {
			perror(argv[i]);
			return 1;
		}
	}
	printf("1..%d\n", files);
	return files == 0;
}
