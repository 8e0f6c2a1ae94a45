/* Cutting texts: see text.h. */
#include "core/text.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define ELLIPSIS_SIZE 3

struct slice text_bounded(struct tx *tx, struct slice text, size_t size_max)
{
    size_t size = size_max - ELLIPSIS_SIZE;
    uint8_t *copy;

    assert(size_max > ELLIPSIS_SIZE);
    if (text.size <= size_max) {
        return text;
    }
    while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    copy = tx_array(tx, size + ELLIPSIS_SIZE, 1);
    if (!copy) {
        return slice_of(NULL, 0);
    }
    memcpy(copy, text.data, size);
    memcpy(copy + size, ELLIPSIS, ELLIPSIS_SIZE);
    return slice_of(copy, size + ELLIPSIS_SIZE);
}
