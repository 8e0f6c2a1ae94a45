/* JSON values by kind: see json_value.h. */
#include "wire/json_value.h"

#include "base/limits.h"
#include "base/reply.h"
#include "wire/base64.h"
#include "wire/check.h"
#include "wire/kind.h"
#include "wire/money.h"
#include "wire/path.h"

/* A whole number as it was written. */
struct whole {
    uint64_t magnitude;
    bool negative;
    bool too_large; /* The magnitude does not fit. */
};

static enum err_code must_be(struct json_reader *reader, const struct field *field,
                             const char *what)
{
    return err_reply(reader->err, REPLY_PARSE_ERROR, "%s must be %s", field->name, what);
}

static enum err_code no_memory(struct json_reader *reader)
{
    return err_set(reader->err, ERR_NOMEM, "the JSON needs more memory than a request may use");
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

enum err_code json_read_raw(struct json_reader *reader, struct slice *ret_raw)
{
    if (!json_scan_value(&reader->cursor, JSON_DEPTH_MAX - reader->depth, ret_raw)) {
        return err_reply(reader->err, REPLY_PARSE_ERROR, "JSON nests deeper than %d",
                         JSON_DEPTH_MAX);
    }
    return ERR_NONE;
}

enum err_code json_read_string(struct json_reader *reader, struct slice *ret_text)
{
    struct slice text;

    if (json_scan_string(&reader->cursor, &text) && !json_unescape(text, reader->arena, &text)) {
        return no_memory(reader);
    }
    *ret_text = text;
    return ERR_NONE;
}

static bool takes_other_types(const struct json_reader *reader, const struct field *field)
{
    return reader->dialect == JSON_RPC || (field->flags & FIELD_LENIENT);
}

static enum err_code read_string_of(struct json_reader *reader, const struct field *field,
                                    const char *what, struct slice *ret_text)
{
    if (json_peek(&reader->cursor) != '"') {
        return must_be(reader, field, what);
    }
    return json_read_string(reader, ret_text);
}

/* The text of a number, which may stand in a string where the dialect or the row allows it. */
static enum err_code read_number_text(struct json_reader *reader, const struct field *field,
                                      const char *what, struct slice *ret_text)
{
    uint8_t first = json_peek(&reader->cursor);

    if (is_digit(first) || first == '-') {
        return json_read_raw(reader, ret_text);
    }
    if (first == '"' && takes_other_types(reader, field)) {
        return json_read_string(reader, ret_text);
    }
    if ((first == 't' || first == 'f') && (field->flags & FIELD_LENIENT)) {
        struct slice word;

        *ret_text = slice_text(first == 't' ? "1" : "0");
        return json_read_raw(reader, &word);
    }
    return must_be(reader, field, what);
}

static bool parse_whole(struct slice text, struct whole *ret_whole)
{
    struct whole whole = {.negative = text.size > 0 && text.data[0] == '-'};
    size_t i = whole.negative ? 1 : 0;

    if (i == text.size) {
        return false;
    }
    for (; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
        if (__builtin_mul_overflow(whole.magnitude, 10, &whole.magnitude) ||
            __builtin_add_overflow(whole.magnitude, (uint64_t)(text.data[i] - '0'),
                                   &whole.magnitude)) {
            whole.too_large = true;
        }
    }
    *ret_whole = whole;
    return true;
}

static bool whole_fits(enum field_kind kind, const struct whole *whole)
{
    uint64_t minus = whole->negative ? 1 : 0;

    if (whole->too_large) {
        return false;
    }
    switch (kind) {
    case FIELD_I32:
        return whole->magnitude <= (uint64_t)INT32_MAX + minus;
    case FIELD_I64:
        return whole->magnitude <= (uint64_t)INT64_MAX + minus;
    case FIELD_U64:
        return !whole->negative || whole->magnitude == 0;
    default:
        return whole->magnitude <= (whole->negative ? 0 : UINT32_MAX);
    }
}

static enum err_code store_whole(struct json_reader *reader, const struct field *field,
                                 struct slice text, void *value)
{
    struct whole whole;

    if (!parse_whole(text, &whole)) {
        return must_be(reader, field, "a whole number");
    }
    if (!whole_fits(field->kind, &whole)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s is out of range", field->name);
    }
    value_store(field->kind, value, whole.negative ? 0 - whole.magnitude : whole.magnitude);
    return ERR_NONE;
}

static enum err_code read_whole(struct json_reader *reader, const struct field *field, void *value)
{
    struct slice text;
    enum err_code code = read_number_text(reader, field, "a whole number", &text);

    return code ? code : store_whole(reader, field, text, value);
}

static enum err_code read_bool(struct json_reader *reader, const struct field *field, bool *value)
{
    uint8_t first = json_peek(&reader->cursor);
    struct slice text;
    enum err_code code;

    if (first != 't' && first != 'f' && !(field->flags & FIELD_LENIENT)) {
        return must_be(reader, field, "true or false");
    }
    code = first == '"' ? json_read_string(reader, &text) : json_read_raw(reader, &text);
    if (code) {
        return code;
    }
    if (slice_is(text, "true") || slice_is(text, "1")) {
        *value = true;
        return ERR_NONE;
    }
    if (slice_is(text, "false") || slice_is(text, "0")) {
        *value = false;
        return ERR_NONE;
    }
    return must_be(reader, field, "true or false");
}

static enum err_code read_time(struct json_reader *reader, const struct field *field,
                               uint64_t *value)
{
    static const char what[] = "a time of RFC 3339 from 1970 to 2554";
    struct slice text;
    enum err_code code = read_string_of(reader, field, what, &text);

    if (code) {
        return code;
    }
    return json_parse_time(text, value) ? ERR_NONE : must_be(reader, field, what);
}

static enum err_code read_seconds(struct json_reader *reader, const struct field *field,
                                  uint64_t *value)
{
    struct whole whole;
    struct slice text;
    enum err_code code = json_read_raw(reader, &text);

    if (code) {
        return code;
    }
    if (!parse_whole(text, &whole)) {
        return must_be(reader, field, "whole seconds or a duration like \"90s\"");
    }
    if (!whole.negative && (whole.too_large || whole.magnitude > DURATION_MS_MAX / 1000)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s is more than ten years",
                         field->name);
    }
    *value = whole.negative ? 0 : whole.magnitude * 1000;
    return ERR_NONE;
}

static enum err_code read_duration(struct json_reader *reader, const struct field *field,
                                   uint64_t *value)
{
    uint8_t first = json_peek(&reader->cursor);
    struct slice text;
    enum err_code code;

    if ((field->flags & FIELD_LENIENT) && (is_digit(first) || first == '-')) {
        return read_seconds(reader, field, value);
    }
    code = read_string_of(reader, field, "a duration like \"90s\"", &text);

    if (code) {
        return code;
    }
    code = json_parse_duration(text, value, reader->err);
    return code ? path_value(reader->err, code, field) : ERR_NONE;
}

static size_t digits_at(struct slice text, size_t at)
{
    size_t count = 0;

    while (at + count < text.size && is_digit(text.data[at + count])) {
        count++;
    }
    return count;
}

/* For numbers in strings, which nobody has validated. */
static bool is_number(struct slice text)
{
    size_t at = text.size > 0 && text.data[0] == '-' ? 1 : 0;
    size_t count = digits_at(text, at);
    bool good = count > 0;

    at += count;
    if (at < text.size && text.data[at] == '.') {
        count = digits_at(text, at + 1);
        good = good && count > 0;
        at += 1 + count;
    }
    if (at < text.size && (text.data[at] | 0x20) == 'e') {
        at++;
        at += at < text.size && (text.data[at] == '+' || text.data[at] == '-');
        count = digits_at(text, at);
        good = good && count > 0;
        at += count;
    }
    return good && at == text.size;
}

static enum err_code read_money(struct json_reader *reader, const struct field *field,
                                int64_t *value)
{
    struct slice text;
    enum err_code code = read_number_text(reader, field, "a number", &text);

    if (code) {
        return code;
    }
    if (!is_number(text)) {
        return must_be(reader, field, "a number");
    }
    if (!money_parse(text, value)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s is out of range", field->name);
    }
    return ERR_NONE;
}

static enum err_code unknown_word(struct json_reader *reader, const struct field *field,
                                  struct slice word)
{
    return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s has no value '%.*s'", field->name,
                     word.size < 40 ? (int)word.size : 40,
                     word.size ? (const char *)word.data : "");
}

static enum err_code read_word(struct json_reader *reader, const struct field *field,
                               uint32_t *value)
{
    uint8_t first = json_peek(&reader->cursor);
    struct slice text;
    enum err_code code;

    if (field->kind == FIELD_ENUM_NUMBER && first != '"') {
        return read_whole(reader, field, value);
    }
    code = read_string_of(reader, field, "one of its words", &text);
    if (code) {
        return code;
    }
    if (words_find(field->words, text, value)) {
        return ERR_NONE;
    }
    if (field->kind == FIELD_ENUM_NUMBER && takes_other_types(reader, field) && text.size > 0 &&
        digits_at(text, 0) == text.size) {
        return store_whole(reader, field, text, value);
    }
    return unknown_word(reader, field, text);
}

static enum err_code read_text(struct json_reader *reader, const struct field *field,
                               struct slice *value)
{
    struct slice text;
    enum err_code code;

    if ((field->flags & FIELD_LENIENT) && json_peek(&reader->cursor) != '"') {
        code = json_read_raw(reader, &text);
    } else {
        code = read_string_of(reader, field, "a string", &text);
    }
    if (code) {
        return code;
    }
    if (text.size > 0 && memchr(text.data, '\0', text.size)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s has a NUL character",
                         field->name);
    }
    return text_fit(field, text, reader->arena, value) ? ERR_NONE : no_memory(reader);
}

static enum err_code read_bytes(struct json_reader *reader, const struct field *field,
                                struct slice *value)
{
    struct slice text;
    uint8_t *bytes;
    size_t size;
    enum err_code code = read_string_of(reader, field, "a string of base64", &text);

    if (code) {
        return code;
    }
    bytes = arena_bytes(reader->arena, text.size);
    if (!bytes) {
        return no_memory(reader);
    }
    if (!base64_read(text, bytes, &size)) {
        return must_be(reader, field, "a string of base64");
    }
    *value = slice_of(bytes, size);
    return ERR_NONE;
}

static enum err_code read_json(struct json_reader *reader, const struct field *field,
                               struct slice *value)
{
    struct slice text;
    enum err_code code;

    if (reader->dialect == JSON_REST ||
        ((field->flags & FIELD_LENIENT) && json_peek(&reader->cursor) != '"')) {
        return json_read_raw(reader, value);
    }
    code = read_string_of(reader, field, "a string of JSON", &text);
    if (code) {
        return code;
    }
    if (json_type_of(text) == JSON_BAD) {
        return must_be(reader, field, "a string of JSON");
    }
    *value = text;
    return ERR_NONE;
}

static enum err_code read_by_kind(struct json_reader *reader, const struct field *field,
                                  void *value)
{
    switch (field->kind) {
    case FIELD_BOOL:
        return read_bool(reader, field, value);
    case FIELD_I32:
    case FIELD_I64:
    case FIELD_U32:
    case FIELD_U64:
        return read_whole(reader, field, value);
    case FIELD_TIME:
    case FIELD_TIMESTAMP:
        return read_time(reader, field, value);
    case FIELD_DURATION:
    case FIELD_DURATION_TEXT:
        return read_duration(reader, field, value);
    case FIELD_MONEY:
    case FIELD_MONEY_DOUBLE:
        return read_money(reader, field, value);
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
    case FIELD_ENUM_NUMBER:
        return read_word(reader, field, value);
    case FIELD_TEXT:
        return read_text(reader, field, value);
    case FIELD_BYTES:
        return read_bytes(reader, field, value);
    case FIELD_JSON:
        return read_json(reader, field, value);
    case FIELD_MESSAGE:
    case FIELD_MAP:
        break;
    }
    assert(!"a kind that is not a single value");
    return ERR_INVALID;
}

enum err_code json_read_value(struct json_reader *reader, const struct field *field, void *value)
{
    enum err_code code = read_by_kind(reader, field, value);

    return code ? code : check_value(field, value, reader->err);
}
