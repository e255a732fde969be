/*
 * clock: the only place that asks what time it is.
 *
 * Everything that depends on time takes it as an argument, so that it can be
 * tested exactly.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds since an arbitrary start; never goes back. */
uint64_t clock_mono_ms(void);

/* The same in microseconds. */
uint64_t clock_mono_us(void);

/* Seconds since 1970, UTC. */
int64_t clock_unix_s(void);

#endif
