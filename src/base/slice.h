/* A borrowed run of bytes: pointer and length, never owned, not NUL-terminated. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data; /* May be NULL when size is 0. */
    size_t size;         /* Bytes. */
};

/* A slice over size bytes at data; the bytes stay the caller's. Any thread. */
static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

/* A slice over the text before the NUL; NULL gives the empty slice. Any thread. */
static inline struct slice slice_text(const char *text)
{
    return slice_of(text, text ? strlen(text) : 0);
}

/* Same length and same bytes. Any thread. */
static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Same bytes as the NUL-terminated text. Any thread. */
static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_text(text));
}

/* Byte order, a prefix sorting first: negative, 0 or positive. Any thread. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size ? memcmp(a.data, b.data, size) : 0;

    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

/* The bytes from `from` (clamped) to the end. Any thread. */
static inline struct slice slice_from(struct slice a, size_t from)
{
    return from >= a.size ? slice_of(NULL, 0) : slice_of(a.data + from, a.size - from);
}

#endif
