/*
 * words: splits a command line into words as a shell would, without being
 * one: nothing is expanded.  Pure.
 *
 * Blanks, tabs and newlines separate.  '...' is verbatim; in "..." a backslash
 * quotes " and \ alone; outside, it quotes any character.
 */
#ifndef WORDS_H
#define WORDS_H

#include "slice.h"
#include "status.h"

/* A helper of IAM Roles Anywhere takes two dozen. */
#define WORDS_MAX 128

/* Split text into argv, which a NULL ends; *argv points into *copy, which the
 * caller frees.  STATUS_BAD_REQUEST: a quote without its end, no word, more
 * than WORDS_MAX words or a NUL; STATUS_NO_MEMORY. */
MUST_CHECK enum status words_split(
    char *argv[static WORDS_MAX + 1], char **copy, struct slice text);

#endif
