/* Harmless text and its columns: see plain.h. */
#include "cli/plain.h"

#include "base/common.h"
#include "base/utf8.h"

#include <locale.h>
#include <wchar.h>

struct range {
    uint32_t first, last;
};

/* Sorted. Joiners (U+200C, U+200D) stay: scripts and emoji need them, and they turn nothing. */
static const struct range harmful[] = {
    {0x0000, 0x001f},   /* C0. */
    {0x007f, 0x009f},   /* DEL, C1. */
    {0x061c, 0x061c},   /* Arabic letter mark. */
    {0x200b, 0x200b},   /* Zero width space. */
    {0x200e, 0x200f},   /* Left-to-right and right-to-left marks. */
    {0x2028, 0x202e},   /* Line and paragraph ends, embeddings and overrides. */
    {0x2060, 0x206f},   /* Invisible operators, isolates, deprecated marks. */
    {0xfeff, 0xfeff},   /* Byte order mark. */
    {0xfff9, 0xfffb},   /* Annotations. */
    {0xe0000, 0xe007f}, /* Tags. */
};

bool plain_is_safe(uint32_t point)
{
    for (size_t i = 0; i < ARRAY_COUNT(harmful); i++) {
        if (point <= harmful[i].last) {
            return point < harmful[i].first;
        }
    }
    return true;
}

static void add_escaped(struct buf *buf, uint32_t point)
{
    static const char letters[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    if (point < sizeof(letters) && letters[point]) {
        (void)buf_printf(buf, "\\%c", letters[point]);
    } else if (point < 0x10000) {
        (void)buf_printf(buf, "\\u%04x", point);
    } else {
        (void)buf_printf(buf, "\\u%04x\\u%04x", 0xd800 + ((point - 0x10000) >> 10),
                         0xdc00 + ((point - 0x10000) & 0x3ff));
    }
}

void plain_add(struct buf *buf, struct slice text)
{
    for (size_t i = 0; i < text.size;) {
        uint32_t point;
        size_t size = utf8_get(text.data + i, text.size - i, &point);

        if (size == 0) {
            (void)buf_add_text(buf, "\xef\xbf\xbd");
            size = 1;
        } else if (plain_is_safe(point)) {
            (void)buf_add(buf, text.data + i, size);
        } else {
            add_escaped(buf, point);
        }
        i += size;
    }
}

/* The C library knows the widths, but only tells them in a locale of Unicode. */
static uint32_t point_width(uint32_t point)
{
    static locale_t unicode;
    locale_t before;
    int width;

    if (point < 0x80) {
        return 1;
    }
    if (!unicode) {
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    if (!unicode) {
        return 1;
    }
    before = uselocale(unicode);
    width = wcwidth((wchar_t)point);
    (void)uselocale(before);
    return width < 0 ? 1 : (uint32_t)width;
}

struct slice plain_fit(struct slice text, uint32_t columns)
{
    uint32_t width = 0;
    size_t i = 0;

    while (i < text.size) {
        uint32_t point = 0xfffd;
        size_t size = utf8_get(text.data + i, text.size - i, &point);

        width += point_width(point);
        if (width > columns) {
            break;
        }
        i += size ? size : 1;
    }
    return slice_of(text.data, i);
}

uint32_t plain_width(struct slice text)
{
    uint32_t width = 0;

    for (size_t i = 0; i < text.size;) {
        uint32_t point = 0xfffd;
        size_t size = utf8_get(text.data + i, text.size - i, &point);

        width += point_width(point);
        i += size ? size : 1;
    }
    return width;
}

bool plain_next_line(struct slice *rest, struct slice *ret_line)
{
    const uint8_t *end;
    size_t size;

    if (rest->size == 0) {
        return false;
    }
    end = memchr(rest->data, '\n', rest->size);
    size = end ? (size_t)(end - rest->data) : rest->size;
    *ret_line = slice_of(rest->data, size);
    if (size > 0 && rest->data[size - 1] == '\r') {
        ret_line->size--;
    }
    *rest = slice_from(*rest, size + 1);
    return true;
}
