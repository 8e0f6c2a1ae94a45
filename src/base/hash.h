/* A fast hash of bytes (XXH3-64): for tables in memory and numbers made of names. Not against an
 * attacker. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"

/* The same bytes give the same number on every machine. Any thread. */
uint64_t hash_bytes(struct slice bytes);

#endif
