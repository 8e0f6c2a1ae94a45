/* Scanning valid JSON: see json_scan.h. */
#include "wire/json_scan.h"

#include "base/common.h"
#include "base/reply.h"
#include "base/utf8.h"

#include <yyjson.h>

#define POOL_SIZE 16384 /* Enough for documents of 1.2 KiB, which most requests are. */

static bool read_with(const yyjson_alc *memory, struct slice json, yyjson_read_err *ret_error)
{
    /* The library takes a pointer to non-const for another mode than this, which copies. */
    char *text = (char *)(uintptr_t)json.data;
    yyjson_doc *doc =
        yyjson_read_opts(text, json.size, YYJSON_READ_NUMBER_AS_RAW, memory, ret_error);

    yyjson_doc_free(doc);
    return doc != NULL;
}

enum err_code json_validate(struct slice json, struct err *err)
{
    uint64_t pool[POOL_SIZE / sizeof(uint64_t)];
    yyjson_read_err error = {.code = YYJSON_READ_ERROR_MEMORY_ALLOCATION};
    yyjson_alc memory;

    if (json.size == 0) {
        return err_reply(err, REPLY_PARSE_ERROR, "there is no JSON");
    }
    if (yyjson_read_max_memory_usage(json.size, 0) <= sizeof(pool) &&
        yyjson_alc_pool_init(&memory, pool, sizeof(pool)) && read_with(&memory, json, &error)) {
        return ERR_NONE;
    }
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION && read_with(NULL, json, &error)) {
        return ERR_NONE;
    }
    if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        return err_set(err, ERR_NOMEM, "no memory to read %zu bytes of JSON", json.size);
    }
    return err_reply(err, REPLY_PARSE_ERROR, "not JSON: %.80s at byte %zu", error.msg, error.pos);
}

bool json_scan_string(struct json_cursor *cursor, struct slice *ret_raw)
{
    const uint8_t *start = cursor->at + 1;
    const uint8_t *at = start;
    bool escaped = false;

    while (at < cursor->end && *at != '"') {
        if (*at == '\\') {
            escaped = true;
            at++;
        }
        at++;
    }
    if (at >= cursor->end) {
        at = cursor->end - 1;
    }
    *ret_raw = slice_of(start, at > start ? (size_t)(at - start) : 0);
    cursor->at = at + 1;
    return escaped;
}

static void skip_token(struct json_cursor *cursor)
{
    do {
        cursor->at++;
    } while (cursor->at < cursor->end && *cursor->at != ',' && *cursor->at != ']' &&
             *cursor->at != '}' && *cursor->at > ' ');
}

static bool skip_container(struct json_cursor *cursor, uint32_t depth_max)
{
    uint32_t depth = 0;
    struct slice text;

    while (cursor->at < cursor->end) {
        switch (*cursor->at) {
        case '"':
            (void)json_scan_string(cursor, &text);
            continue;
        case '{':
        case '[':
            if (depth++ == depth_max) {
                return false;
            }
            break;
        case '}':
        case ']':
            if (--depth == 0) {
                cursor->at++;
                return true;
            }
            break;
        default:
            break;
        }
        cursor->at++;
    }
    return true;
}

bool json_scan_value(struct json_cursor *cursor, uint32_t depth_max, struct slice *ret_raw)
{
    uint8_t byte = json_peek(cursor);
    const uint8_t *start = cursor->at;
    struct slice text;

    if (byte == '"') {
        (void)json_scan_string(cursor, &text);
    } else if (byte == '{' || byte == '[') {
        if (!skip_container(cursor, depth_max)) {
            return false;
        }
    } else if (byte != 0) {
        skip_token(cursor);
    }
    *ret_raw = slice_of(start, (size_t)(cursor->at - start));
    return true;
}

static uint32_t hex_digit(uint8_t byte)
{
    if (byte <= '9') {
        return (uint32_t)(byte - '0');
    }
    return (uint32_t)((byte | 0x20) - 'a' + 10);
}

static uint32_t hex_4(const uint8_t *at)
{
    return hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 |
           hex_digit(at[3]);
}

/* The code point of "\uXXXX" or of a surrogate pair of them; returns the bytes read. The text is
 * valid: a high surrogate has its low one behind it. */
static size_t take_point(const uint8_t *at, size_t left, uint32_t *ret_point)
{
    uint32_t point;

    assert(left >= 6);
    point = hex_4(at + 2);
    if (point < 0xd800 || point > 0xdfff) {
        *ret_point = point;
        return 6;
    }
    assert(left >= 12);
    *ret_point = 0x10000 + ((point & 0x3ff) << 10) + (hex_4(at + 8) & 0x3ff);
    return 12;
}

static uint8_t simple_escape(uint8_t byte)
{
    switch (byte) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return byte; /* Quote, backslash, slash. */
    }
}

bool json_unescape(struct slice raw, struct arena *arena, struct slice *ret_text)
{
    uint8_t *text = arena_bytes(arena, raw.size);
    size_t size = 0;

    if (!text) {
        return false;
    }
    for (size_t i = 0; i < raw.size;) {
        uint32_t point;

        if (raw.data[i] != '\\') {
            text[size++] = raw.data[i++];
            continue;
        }
        assert(i + 1 < raw.size);
        if (raw.data[i + 1] != 'u') {
            text[size++] = simple_escape(raw.data[i + 1]);
            i += 2;
            continue;
        }
        i += take_point(raw.data + i, raw.size - i, &point);
        size += utf8_put(text + size, point);
    }
    *ret_text = slice_of(text, size);
    return true;
}
