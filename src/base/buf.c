/* Bounded growing buffers: see buf.h. */
#include "base/buf.h"

#include "base/common.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MIN ((size_t)256)

void buf_init(struct buf *buf, size_t size_max)
{
    *buf = (struct buf){.size_max = size_max};
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){.size_max = buf->size_max};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

static bool grow(struct buf *buf, size_t need)
{
    size_t capacity = buf->capacity ? buf->capacity : CAPACITY_MIN;
    uint8_t *data;

    if (need > SIZE_MAX / 2) {
        return false; /* Doubling would never get there. */
    }
    while (capacity < need) {
        capacity *= 2;
    }
    if (capacity > buf->size_max) {
        capacity = buf->size_max;
    }
    data = realloc(buf->data, capacity);
    if (!data) {
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool buf_reserve(struct buf *buf, size_t more)
{
    if (buf->failed || more > buf->size_max - buf->size) {
        buf->failed = true;
        return false;
    }
    if (more <= buf->capacity - buf->size) {
        return true;
    }
    if (!grow(buf, buf->size + more)) {
        buf->failed = true;
        return false;
    }
    return true;
}

bool buf_add(struct buf *buf, const void *data, size_t size)
{
    if (!buf_reserve(buf, size)) {
        return false;
    }
    if (size) {
        memcpy(buf->data + buf->size, data, size);
        buf->size += size;
    }
    return true;
}

bool buf_add_slice(struct buf *buf, struct slice bytes)
{
    return buf_add(buf, bytes.data, bytes.size);
}

bool buf_add_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

bool buf_add_byte(struct buf *buf, uint8_t byte)
{
    return buf_add(buf, &byte, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    if (!buf_reserve(buf, (size_t)size + 1)) {
        return false;
    }
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
    return true;
}

void buf_consume(struct buf *buf, size_t size)
{
    assert(size <= buf->size);
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}
