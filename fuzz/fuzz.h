/* What a fuzz target is and what it may use: one file fuzz/NAME.c with one function.
 *
 * The function has libFuzzer's name, so that the same file links with it. Our own engine is main.c.
 * A finding is anything that ends the process: an assertion, a sanitizer's report, or fuzz_expect.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tries one input and returns 0. It keeps nothing, frees all, and does the same each time. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with a finding unless `good`; the format says what is wrong. */
void fuzz_expect(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the first byte off the input; 0 when it is empty. */
uint8_t fuzz_take_byte(struct slice *input);

/* Takes `size` bytes off the input, or all when there are fewer. */
struct slice fuzz_take(struct slice *input, size_t size);

#endif
