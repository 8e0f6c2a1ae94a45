/* Words, aliases and requests of transcripts: see golden.h. */
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>

#define ID_SIZE 30

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_hex(struct slice text, size_t from, size_t count)
{
    if (from + count > text.size) {
        return false;
    }
    for (size_t i = from; i < from + count; i++) {
        if (!is_digit(text.data[i]) && !(text.data[i] >= 'a' && text.data[i] <= 'f')) {
            return false;
        }
    }
    return true;
}

static uint64_t job_number(const uint8_t *digits)
{
    char text[11] = {0};

    memcpy(text, digits, 10);
    return strtoull(text, NULL, 16);
}

/* A job's 26 hex digits at `at`, with or without their prefix; 0 when there are none. */
static size_t digits_at(struct slice text, size_t at, size_t *ret_digits)
{
    if (is_hex(text, at + 4, 26) && memcmp(text.data + at, "job_", 4) == 0) {
        *ret_digits = at + 4;
        return ID_SIZE;
    }
    if (is_hex(text, at, 26) && at + 26 < text.size && text.data[at + 26] == '.') {
        *ret_digits = at;
        return 26;
    }
    return 0;
}

void golden_print(struct golden *golden, struct slice text)
{
    for (size_t i = 0; i < text.size;) {
        size_t digits;
        size_t size = digits_at(text, i, &digits);

        if (size) {
            (void)buf_printf(&golden->out, "$%llu",
                             (unsigned long long)job_number(text.data + digits + 16));
            i += size;
        } else {
            (void)buf_add_byte(&golden->out, text.data[i++]);
        }
    }
}

void golden_learn(struct golden *golden, struct slice id)
{
    uint64_t number;

    assert(id.size == ID_SIZE);
    number = job_number(id.data + 20);
    if (number >= golden->id_room) {
        uint32_t room = (uint32_t)number * 2 + 16;

        golden->ids = realloc(golden->ids, room * sizeof(*golden->ids));
        assert(golden->ids);
        memset(golden->ids + golden->id_room, 0, (room - golden->id_room) * sizeof(*golden->ids));
        golden->id_room = room;
    }
    memcpy(golden->ids[number], id.data, id.size);
    golden->ids[number][id.size] = '\0';
}

static size_t read_number(struct slice text, size_t at, uint32_t *ret_number)
{
    size_t start = at;

    *ret_number = 0;
    while (at < text.size && is_digit(text.data[at])) {
        *ret_number = *ret_number * 10 + (uint32_t)(text.data[at++] - '0');
    }
    return at - start;
}

struct slice golden_expand(struct golden *golden, struct slice text)
{
    struct slice copy = {0};
    struct buf buf;
    bool copied;

    buf_init(&buf, (size_t)4 << 20);
    for (size_t i = 0; i < text.size;) {
        uint32_t number;
        uint32_t epoch;
        size_t digits = text.data[i] == '$' ? read_number(text, i + 1, &number) : 0;
        size_t point = i + 1 + digits;
        size_t epoch_digits = 0;

        if (digits && point < text.size && text.data[point] == '.') {
            epoch_digits = read_number(text, point + 1, &epoch);
        }
        if (digits == 0 || number >= golden->id_room || !golden->ids[number][0]) {
            (void)buf_add_byte(&buf, text.data[i++]);
            continue;
        }
        (void)buf_add_text(&buf, golden->ids[number] + (epoch_digits ? 4 : 0));
        i = point;
    }
    copied = arena_copy(&golden->arena, buf_slice(&buf), &copy);
    assert(copied);
    buf_done(&buf);
    return copy;
}

struct slice golden_word(struct slice *rest)
{
    size_t start = 0;
    size_t at;
    int depth = 0;
    bool quoted = false;
    struct slice word;

    while (start < rest->size && rest->data[start] == ' ') {
        start++;
    }
    for (at = start; at < rest->size; at++) {
        uint8_t byte = rest->data[at];

        if (byte == '"' && (at == 0 || rest->data[at - 1] != '\\')) {
            quoted = !quoted;
        }
        depth += quoted ? 0 : (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        if (byte == ' ' && !quoted && depth == 0) {
            break;
        }
    }
    word = slice_of(rest->data + start, at - start);
    *rest = slice_from(*rest, at);
    return word;
}

static bool is_raw_json(struct slice value)
{
    uint8_t first = value.size ? value.data[0] : 'x';

    return first == '{' || first == '[' || first == '"' || first == '-' || is_digit(first) ||
           slice_is(value, "null") || slice_is(value, "true") || slice_is(value, "false");
}

/* 26 hex digits start with a digit too, and so do durations: numbers are only digits, '.', '-' and
 * 'e'. */
static bool is_number(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        if (!is_digit(value.data[i]) && value.data[i] != '.' && value.data[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool needs_quotes(struct slice value)
{
    uint8_t first = value.size ? value.data[0] : 'x';

    if (first == '-' || is_digit(first)) {
        return !is_number(value);
    }
    return !is_raw_json(value);
}

static void add_text(struct buf *buf, struct slice text)
{
    (void)buf_add_byte(buf, '"');
    (void)buf_add_slice(buf, text);
    (void)buf_add_byte(buf, '"');
}

static void add_list(struct buf *buf, struct slice value)
{
    size_t start = 0;

    (void)buf_add_byte(buf, '[');
    for (size_t i = 0; i <= value.size; i++) {
        if (i == value.size || value.data[i] == ',') {
            (void)buf_add_text(buf, start ? "," : "");
            add_text(buf, slice_of(value.data + start, i - start));
            start = i + 1;
        }
    }
    (void)buf_add_byte(buf, ']');
}

static void add_value(struct buf *buf, struct slice key, struct slice value)
{
    if (slice_is(key, "queues") && !is_raw_json(value)) {
        add_list(buf, value);
    } else if (needs_quotes(value) || slice_is(key, "lease_token")) {
        add_text(buf, value);
    } else {
        (void)buf_add_slice(buf, value);
    }
}

struct slice golden_request(struct golden *golden, struct slice words)
{
    struct slice request = {0};
    struct slice word;
    struct buf buf;
    bool copied;

    buf_init(&buf, (size_t)4 << 20);
    (void)buf_add_byte(&buf, '{');
    while ((word = golden_word(&words)).size > 0) {
        const uint8_t *equals = memchr(word.data, '=', word.size);
        struct slice key = slice_of(word.data, equals ? (size_t)(equals - word.data) : 0);

        if (!equals) {
            buf_done(&buf);
            return slice_of(NULL, 0);
        }
        (void)buf_add_text(&buf, buf.size > 1 ? "," : "");
        add_text(&buf, key);
        (void)buf_add_byte(&buf, ':');
        add_value(&buf, key, slice_from(word, key.size + 1));
    }
    (void)buf_add_byte(&buf, '}');
    copied = arena_copy(&golden->arena, buf_slice(&buf), &request);
    assert(copied);
    buf_done(&buf);
    return request;
}
