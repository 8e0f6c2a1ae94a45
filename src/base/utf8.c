/* UTF-8: see utf8.h. */
#include "base/utf8.h"

#include "base/common.h"

static bool is_tail(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

static size_t sequence_3(const uint8_t *at)
{
    if (at[0] == 0xe0 && at[1] < 0xa0) {
        return 0; /* Overlong. */
    }
    if (at[0] == 0xed && at[1] > 0x9f) {
        return 0; /* Surrogates. */
    }
    return is_tail(at[1]) && is_tail(at[2]) ? 3 : 0;
}

static size_t sequence_4(const uint8_t *at)
{
    if (at[0] == 0xf0 && at[1] < 0x90) {
        return 0; /* Overlong. */
    }
    if (at[0] > 0xf4 || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0; /* Above U+10FFFF. */
    }
    return is_tail(at[1]) && is_tail(at[2]) && is_tail(at[3]) ? 4 : 0;
}

size_t utf8_sequence(const uint8_t *at, size_t left)
{
    if (left == 0) {
        return 0;
    }
    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] < 0xc2) {
        return 0;
    }
    if (at[0] < 0xe0) {
        return left >= 2 && is_tail(at[1]) ? 2 : 0;
    }
    if (at[0] < 0xf0) {
        return left >= 3 ? sequence_3(at) : 0;
    }
    return left >= 4 ? sequence_4(at) : 0;
}

size_t utf8_get(const uint8_t *at, size_t left, uint32_t *ret_point)
{
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t size = utf8_sequence(at, left);
    uint32_t point;

    if (size == 0) {
        return 0;
    }
    point = at[0] & first_bits[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (at[i] & 0x3f);
    }
    *ret_point = point;
    return size;
}

bool utf8_valid(struct slice text)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = utf8_sequence(text.data + i, text.size - i);

        if (size == 0) {
            return false;
        }
        i += size;
    }
    return true;
}

size_t utf8_put(uint8_t ret_bytes[static 4], uint32_t point)
{
    assert(point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff));
    if (point < 0x80) {
        ret_bytes[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        ret_bytes[0] = (uint8_t)(0xc0 | point >> 6);
        ret_bytes[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        ret_bytes[0] = (uint8_t)(0xe0 | point >> 12);
        ret_bytes[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        ret_bytes[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    ret_bytes[0] = (uint8_t)(0xf0 | point >> 18);
    ret_bytes[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    ret_bytes[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    ret_bytes[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}
