/* Texts with a bound that is cut to, not refused (A23). */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include "core/tx.h"

/* The text itself when it has at most `size_max` bytes; else, in entry memory, the start of it that
 * ends at a UTF-8 boundary, and an ellipsis. */
struct slice text_bounded(struct tx *tx, struct slice text, size_t size_max);

#endif
