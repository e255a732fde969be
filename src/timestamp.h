/*
 * timestamp: RFC 3339 times as seconds since 1970.  Pure.
 */
#ifndef TIMESTAMP_H
#define TIMESTAMP_H

#include <stdint.h>

#include "slice.h"

/* 2030-01-31T23:59:59Z, also with a fraction (dropped) and with +hh:mm.
 * Years 1970 to 9999.  False if it is none. */
MUST_CHECK bool timestamp_parse(struct slice text, int64_t *unix_s);

#endif
