/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/* Bytes of the well-formed sequence at `at` (1..4), 0 when there is none; `left` bytes may be read.
 * Any thread. */
size_t utf8_sequence(const uint8_t *at, size_t left);

/* True if all of the text is well-formed. Any thread. */
bool utf8_valid(struct slice text);

/* As utf8_sequence, with the code point in *ret_point, which is left alone when there is none. Any
 * thread. */
size_t utf8_get(const uint8_t *at, size_t left, uint32_t *ret_point);

/* Writes the UTF-8 of a code point that is no surrogate; returns its 1..4 bytes. Any thread. */
size_t utf8_put(uint8_t ret_bytes[static 4], uint32_t point);

#endif
