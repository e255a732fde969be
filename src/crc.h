/*
 * crc: CRC-32 as zlib, gzip and Ethernet have it (polynomial 04C11DB7,
 * reflected).  Pure.
 */
#ifndef CRC_H
#define CRC_H

#include "slice.h"

/* The checksum of all bytes so far; crc is that of those before, 0 for
 * none. */
uint32_t crc_update(uint32_t crc, struct slice bytes);

#endif
