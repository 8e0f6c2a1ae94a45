/* Substring searches over replies. */
#include "bench/scan.h"

#define DIGITS_MAX 18

static bool find(struct slice *rest, const char *pattern)
{
    size_t size = strlen(pattern);
    const uint8_t *found = rest->size ? memmem(rest->data, rest->size, pattern, size) : NULL;

    if (!found) {
        return false;
    }
    *rest = slice_from(*rest, (size_t)(found - rest->data) + size);
    return true;
}

bool scan_text(struct slice *rest, const char *pattern, struct slice *ret_value)
{
    struct slice after = *rest;
    const uint8_t *end;

    if (!find(&after, pattern)) {
        return false;
    }
    end = after.size ? memchr(after.data, '"', after.size) : NULL;
    if (!end) {
        return false;
    }
    *ret_value = slice_of(after.data, (size_t)(end - after.data));
    *rest = slice_from(after, ret_value->size + 1);
    return true;
}

bool scan_digits(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

bool scan_number(struct slice bytes, const char *pattern, uint64_t *ret_number)
{
    size_t size = 0;

    if (!find(&bytes, pattern)) {
        return false;
    }
    while (size < bytes.size && bytes.data[size] >= '0' && bytes.data[size] <= '9') {
        size++;
    }
    return scan_digits(slice_of(bytes.data, size), ret_number);
}
