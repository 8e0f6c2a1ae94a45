/* Base64: see base64.h. */
#include "wire/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct buf *buf, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        uint8_t text[4];

        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        text[0] = (uint8_t)alphabet[group >> 18];
        text[1] = (uint8_t)alphabet[group >> 12 & 63];
        text[2] = left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        text[3] = left > 2 ? (uint8_t)alphabet[group & 63] : '=';
        (void)buf_add(buf, text, sizeof(text));
    }
}

static int sextet(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    if (byte == '+' || byte == '-') {
        return 62;
    }
    return byte == '/' || byte == '_' ? 63 : -1;
}

bool base64_read(struct slice text, uint8_t *ret_bytes, size_t *ret_size)
{
    uint32_t group = 0;
    size_t size = 0;
    bool padded = text.size > 0 && text.data[text.size - 1] == '=';

    if (padded && text.size % 4 != 0) {
        return false;
    }
    for (int i = 0; i < 2 && text.size > 0 && text.data[text.size - 1] == '='; i++) {
        text.size--;
    }
    if (text.size % 4 == 1) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        int value = sextet(text.data[i]);

        if (value < 0) {
            return false;
        }
        group = (group << 6 | (uint32_t)value) & 0xffffff;
        if (i % 4 != 0) {
            ret_bytes[size++] = (uint8_t)(group >> (6 - 2 * (i % 4)));
        }
    }
    *ret_size = size;
    return true;
}
