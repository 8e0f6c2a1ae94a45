/* What makes two errors the same error: see fingerprint.h. */
#include "view/fingerprint.h"

#include "base/limits.h"
#include "base/sha256.h"

#define HEX_RUN_MIN 8
#define QUOTED "\"\xe2\x80\xa6\"" /* An ellipsis between quotes. */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(uint8_t byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

static bool is_letter(uint8_t byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static size_t run_of(struct slice line, size_t at, bool (*is_in)(uint8_t byte))
{
    size_t end = at;

    while (end < line.size && is_in(line.data[end])) {
        end++;
    }
    return end - at;
}

/* The size of a quoted text at `at`, quotes included; 0 when there is none. An apostrophe within a
 * word is no quote. */
static size_t quoted_at(struct slice line, size_t at)
{
    uint8_t quote = line.data[at];
    const uint8_t *end;

    if ((quote != '"' && quote != '\'') ||
        (quote == '\'' && at > 0 &&
         (is_letter(line.data[at - 1]) || is_digit(line.data[at - 1])))) {
        return 0;
    }
    end = memchr(line.data + at + 1, quote, line.size - at - 1);
    return end ? (size_t)(end - line.data) + 1 - at : 0;
}

static struct slice first_line(struct slice error)
{
    const uint8_t *end = error.size ? memchr(error.data, '\n', error.size) : NULL;
    size_t size = end ? (size_t)(end - error.data) : error.size;

    return slice_of(error.data, size > 0 && error.data[size - 1] == '\r' ? size - 1 : size);
}

/* Appends what stands for the text at `at`; returns how much of it that was. */
static size_t add_piece(struct slice line, size_t at, struct buf *buf)
{
    size_t size = quoted_at(line, at);

    if (size > 0) {
        (void)buf_add_text(buf, QUOTED);
        return size;
    }
    size = run_of(line, at, is_hex);
    if (size >= HEX_RUN_MIN) {
        (void)buf_add_byte(buf, 'x');
        return size;
    }
    size = run_of(line, at, is_digit);
    if (size > 0) {
        (void)buf_add_byte(buf, '0');
        return size;
    }
    (void)buf_add_byte(buf, line.data[at]);
    return 1;
}

void view_fingerprint_text(struct slice error, struct buf *buf)
{
    struct slice line = first_line(error);

    for (size_t at = 0; at < line.size;) {
        at += add_piece(line, at, buf);
    }
}

uint64_t view_fingerprint(struct slice error)
{
    uint8_t hash[SHA256_SIZE];
    uint64_t fingerprint = 0;
    struct buf buf;

    buf_init(&buf, ERROR_TEXT_MAX + sizeof(QUOTED) * ERROR_TEXT_MAX / 2);
    view_fingerprint_text(error, &buf);
    if (!buf.failed && sha256_bytes(buf_slice(&buf), hash)) {
        for (uint32_t i = 0; i < 8; i++) {
            fingerprint = fingerprint << 8 | hash[i];
        }
    }
    buf_done(&buf);
    return fingerprint;
}
