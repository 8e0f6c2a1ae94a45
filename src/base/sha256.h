/* SHA-256. Apart from other hashes, because libcrypto's names and ours clash. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/slice.h"

#define SHA256_SIZE 32

/* The hash of bytes. False when there is no memory. Any thread. */
bool sha256_bytes(struct slice bytes, uint8_t ret_hash[SHA256_SIZE]);

/* The hash over the parts, each behind its size, so that no two lists of parts look alike. False
 * when there is no memory. Any thread. */
bool sha256_parts(const struct slice *parts, uint32_t count, uint8_t ret_hash[SHA256_SIZE]);

#endif
