/*
 * percent: decoding of %41 in paths, queries and forms.  Pure.
 *
 * Source: https://url.spec.whatwg.org/#percent-decode
 */
#ifndef PERCENT_H
#define PERCENT_H

#include "slice.h"

/* Decode len bytes at text in place; what is left of them.  A % that is not
 * followed by two hex digits stands for itself.  With plus, a + is a space,
 * as forms have it.  The result may hold NUL and need not be UTF-8. */
struct slice percent_decode(char *text, size_t len, bool plus);

#endif
