/* What makes two errors the same error (A16): the first line, digits as `0`, runs of eight or more
 * hex digits as `x`, quoted text as `"…"`; of that the first 64 bits of SHA-256. */
#ifndef VIEW_FINGERPRINT_H
#define VIEW_FINGERPRINT_H

#include "base/buf.h"
#include "base/slice.h"

/* The normal form that is hashed. A full buffer sets buf->failed. Any thread. */
void view_fingerprint_text(struct slice error, struct buf *buf);

/* The fingerprint; shown as 16 hex digits. 0 when there is no memory for it. Any thread. */
uint64_t view_fingerprint(struct slice error);

#endif
