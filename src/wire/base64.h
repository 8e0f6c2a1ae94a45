/* Base64 for bytes in JSON. Of this room only. */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "base/buf.h"

/* Appends the standard alphabet with padding. A full buffer sets buf->failed. Any thread. */
void base64_write(struct buf *buf, struct slice bytes);

/* Decodes the standard or the URL alphabet, padded or not, into `ret_bytes`, which has text.size
 * bytes. False when it is neither. Any thread. */
bool base64_read(struct slice text, uint8_t *ret_bytes, size_t *ret_size);

#endif
