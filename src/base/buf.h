/* A growing run of bytes with a limit: "a buffer has a limit or does not exist".
 *
 * A failed append (limit, or out of memory) sets `failed` and adds nothing; later appends fail too,
 * so that writers may append many times and check once. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t size_max;
    bool failed;
};

/* An empty buffer that never grows over size_max bytes. Allocates nothing. Any thread. */
void buf_init(struct buf *buf, size_t size_max);

/* Frees the bytes. Takes a zeroed buffer. Any thread. */
void buf_done(struct buf *buf);

/* Empties the buffer and clears `failed`; keeps the memory. Any thread. */
void buf_clear(struct buf *buf);

/* Makes room for `more` bytes; false (and failed) when that is over the limit. Any thread. */
bool buf_reserve(struct buf *buf, size_t more);

/* Appends bytes, text or one byte; false when the buffer failed. Any thread. */
bool buf_add(struct buf *buf, const void *data, size_t size);
bool buf_add_slice(struct buf *buf, struct slice bytes);
bool buf_add_text(struct buf *buf, const char *text);
bool buf_add_byte(struct buf *buf, uint8_t byte);

/* Appends a printf; false when the buffer failed. Any thread. */
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `size` bytes, moving the rest down. Any thread. */
void buf_consume(struct buf *buf, size_t size);

/* What is in it, borrowed until the next change. Any thread. */
static inline struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->size);
}

#endif
