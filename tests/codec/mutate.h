/* Mutated messages through the codec: nothing may crash, and what is accepted must come round. */
#ifndef TESTS_CODEC_MUTATE_H
#define TESTS_CODEC_MUTATE_H

#include "wire/field.h"

/* Mutates seed documents of `message` (whose struct is struct sample) in all three forms, always in
 * the same way, and prints `N passed, N failed`. True when none failed. */
bool mutate_all(const struct message *message);

#endif
