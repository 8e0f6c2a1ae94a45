/* Makes a finding smaller: takes away what it does not need to end the process. */
#ifndef FUZZ_SHRINK_H
#define FUZZ_SHRINK_H

#include "base/buf.h"

/* Tries parts of the input, each in a child process, and leaves the smallest that still fails in
 * *ret_small. False when the input itself does not fail. */
bool shrink(struct slice input, struct buf *ret_small) __attribute__((warn_unused_result));

#endif
