/* JSON strings. Runs of bytes that need no escape are appended at once. */
#include "wire/json_text.h"

#include "base/common.h"
#include "base/utf8.h"
#include "wire/json.h"

static const char hex[] = "0123456789abcdef";

/* 0: as it is; 1: \u00XX; else the letter behind the backslash. Of the bytes below 0x80. */
static const uint8_t escapes[128] = {
    1, 1, 1, 1, 1, 1, 1, 1, 'b', 't', 'n', 1, 'f',          'r',           1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1, [0x22] = '"', [0x5c] = '\\',
};

static void add_escape(struct buf *buf, uint8_t byte)
{
    if (escapes[byte] == 1) {
        uint8_t text[] = {'\\', 'u', '0', '0', (uint8_t)hex[byte >> 4], (uint8_t)hex[byte & 15]};

        (void)buf_add(buf, text, sizeof(text));
        return;
    }
    (void)buf_add_byte(buf, '\\');
    (void)buf_add_byte(buf, escapes[byte]);
}

/* Bytes from `at` on that are written as they are. */
static size_t plain_size(const uint8_t *at, size_t left)
{
    size_t size = 0;

    while (size < left) {
        if (at[size] < 0x80) {
            if (escapes[at[size]]) {
                return size;
            }
            size++;
        } else {
            size_t sequence = utf8_sequence(at + size, left - size);

            if (sequence == 0) {
                return size;
            }
            size += sequence;
        }
    }
    return size;
}

void json_text_body(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        size_t size = plain_size(text.data + i, text.size - i);

        (void)buf_add(buf, text.data + i, size);
        i += size;
        if (i == text.size) {
            return;
        }
        if (text.data[i] < 0x80) {
            add_escape(buf, text.data[i]);
        } else {
            (void)buf_add_text(buf, "\xef\xbf\xbd");
        }
    }
}

void json_write_text(struct buf *buf, struct slice text)
{
    (void)buf_add_byte(buf, '"');
    json_text_body(buf, text);
    (void)buf_add_byte(buf, '"');
}
