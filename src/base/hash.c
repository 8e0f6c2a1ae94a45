/* Hashes: see hash.h. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t hash_bytes(struct slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.size);
}
