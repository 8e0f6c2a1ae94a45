/* Structs to JSON by field rows: see json.h. */
#include "wire/base64.h"
#include "wire/duration.h"
#include "wire/json.h"
#include "wire/json_text.h"
#include "wire/kind.h"
#include "wire/money.h"
#include "wire/splice.h"

#define NUMBER_TEXT_MAX 24

struct writer {
    enum json_dialect dialect;
    struct buf *buf;
};

static void write_record(struct writer *writer, const struct message *message, const void *record);

static void write_unsigned(struct buf *buf, uint64_t value, bool negative)
{
    uint8_t text[NUMBER_TEXT_MAX];
    size_t at = sizeof(text);

    do {
        text[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value);
    if (negative) {
        text[--at] = '-';
    }
    (void)buf_add(buf, text + at, sizeof(text) - at);
}

static void write_signed(struct buf *buf, int64_t value)
{
    write_unsigned(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/* 64-bit numbers, which RPC JSON puts in quotes because JavaScript can not hold them. */
static void write_64(struct writer *writer, enum field_kind kind, const void *value)
{
    const char *quote = writer->dialect == JSON_RPC ? "\"" : "";

    (void)buf_add_text(writer->buf, quote);
    if (kind == FIELD_I64) {
        write_signed(writer->buf, *(const int64_t *)value);
    } else {
        write_unsigned(writer->buf, *(const uint64_t *)value, false);
    }
    (void)buf_add_text(writer->buf, quote);
}

static void write_duration(struct buf *buf, uint64_t ms)
{
    char text[DURATION_TEXT_MAX];
    size_t size = duration_format(ms, text);

    (void)buf_add_byte(buf, '"');
    (void)buf_add(buf, text, size);
    (void)buf_add_byte(buf, '"');
}

static void write_money(struct buf *buf, int64_t nano_dollars)
{
    uint8_t text[MONEY_TEXT_MAX];

    (void)buf_add(buf, text, money_format(nano_dollars, text));
}

static void write_base64(struct buf *buf, struct slice bytes)
{
    (void)buf_add_byte(buf, '"');
    base64_write(buf, bytes);
    (void)buf_add_byte(buf, '"');
}

/* Raw JSON: embedded, or as the text of a string. */
static void write_json(struct writer *writer, struct slice json)
{
    struct json_cursor cursor = json_cursor_of(json);
    struct slice run;

    if (writer->dialect == JSON_REST) {
        if (json.size == 0) {
            (void)buf_add_text(writer->buf, "null");
        }
        json_write_compact(writer->buf, json);
        return;
    }
    (void)buf_add_byte(writer->buf, '"');
    while (splice_next_run(&cursor, &run)) {
        json_text_body(writer->buf, run);
    }
    (void)buf_add_byte(writer->buf, '"');
}

/* One value; a message's is the struct itself. */
static void write_value(struct writer *writer, const struct field *field, const void *value)
{
    struct buf *buf = writer->buf;

    switch (field->kind) {
    case FIELD_BOOL:
        (void)buf_add_text(buf, *(const bool *)value ? "true" : "false");
        return;
    case FIELD_I32:
        write_signed(buf, *(const int32_t *)value);
        return;
    case FIELD_U32:
    case FIELD_ENUM_NUMBER:
        write_unsigned(buf, *(const uint32_t *)value, false);
        return;
    case FIELD_I64:
    case FIELD_U64:
        write_64(writer, field->kind, value);
        return;
    case FIELD_TIME:
    case FIELD_TIMESTAMP:
        json_write_time(buf, *(const uint64_t *)value);
        return;
    case FIELD_DURATION:
    case FIELD_DURATION_TEXT:
        write_duration(buf, *(const uint64_t *)value);
        return;
    case FIELD_MONEY:
    case FIELD_MONEY_DOUBLE:
        write_money(buf, *(const int64_t *)value);
        return;
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
        json_write_text(buf, slice_text(words_name(field->words, *(const uint32_t *)value)));
        return;
    case FIELD_TEXT:
        json_write_text(buf, *(const struct slice *)value);
        return;
    case FIELD_BYTES:
        write_base64(buf, *(const struct slice *)value);
        return;
    case FIELD_JSON:
        write_json(writer, *(const struct slice *)value);
        return;
    case FIELD_MESSAGE:
        write_record(writer, field->sub, value);
        return;
    case FIELD_MAP:
        break;
    }
    assert(!"a kind that is not a single value");
}

static void write_list(struct writer *writer, const struct field *field, const struct list *list)
{
    const uint8_t *item = list->items;
    uint32_t stride = field_stride(field);

    (void)buf_add_byte(writer->buf, '[');
    for (uint32_t i = 0; i < list->count; i++, item += stride) {
        if (i > 0) {
            (void)buf_add_byte(writer->buf, ',');
        }
        write_value(writer, field, item);
    }
    (void)buf_add_byte(writer->buf, ']');
}

static void write_map(struct writer *writer, const struct field *field, const struct list *list)
{
    const uint8_t *item = list->items;
    uint32_t stride = field_stride(field);

    (void)buf_add_byte(writer->buf, '{');
    for (uint32_t i = 0; i < list->count; i++, item += stride) {
        const struct slice *key = (const void *)item;

        if (i > 0) {
            (void)buf_add_byte(writer->buf, ',');
        }
        json_write_text(writer->buf, *key);
        (void)buf_add_byte(writer->buf, ':');
        write_record(writer, field->sub, item + field->value_offset);
    }
    (void)buf_add_byte(writer->buf, '}');
}

static void write_camel(struct buf *buf, const char *name)
{
    for (; *name; name++) {
        if (*name != '_') {
            (void)buf_add_byte(buf, (uint8_t)*name);
        } else if (name[1] >= 'a' && name[1] <= 'z') {
            (void)buf_add_byte(buf, (uint8_t)(*++name - 'a' + 'A'));
        }
    }
}

static void write_name(struct writer *writer, const struct field *field, bool first)
{
    (void)buf_add_text(writer->buf, first ? "\"" : ",\"");
    if (writer->dialect == JSON_RPC) {
        write_camel(writer->buf, field->name);
    } else {
        (void)buf_add_text(writer->buf, field->name);
    }
    (void)buf_add_text(writer->buf, "\":");
}

/* True where there is no value to spell, though the field is always written. */
static bool is_null(const struct field *field, const void *value, bool present)
{
    switch (field->kind) {
    case FIELD_TIME:
    case FIELD_TIMESTAMP:
        return !present && *(const uint64_t *)value == 0;
    case FIELD_MESSAGE:
        return !*(const void *const *)value;
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
        return !words_name(field->words, *(const uint32_t *)value);
    default:
        return false;
    }
}

static void write_field(struct writer *writer, const struct field *field, const void *value,
                        bool present)
{
    if (field->kind == FIELD_MAP) {
        write_map(writer, field, value);
    } else if (field->flags & FIELD_LIST) {
        write_list(writer, field, value);
    } else if (is_null(field, value, present)) {
        (void)buf_add_text(writer->buf, "null");
    } else {
        write_value(writer, field,
                    field->kind == FIELD_MESSAGE ? *(const void *const *)value : value);
    }
}

static void write_record(struct writer *writer, const struct message *message, const void *record)
{
    bool first = true;

    (void)buf_add_byte(writer->buf, '{');
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        bool always = writer->dialect == JSON_REST && (field->flags & FIELD_ALWAYS);

        if (field_is_bare(field) || (field->flags & FIELD_INNER) ||
            (!always && !field_written(message, record, field))) {
            continue;
        }
        write_name(writer, field, first);
        write_field(writer, field, field_value(record, field),
                    field->bit && field_present(message, record, field));
        first = false;
    }
    (void)buf_add_byte(writer->buf, '}');
}

void json_write(const struct message *message, enum json_dialect dialect, const void *record,
                struct buf *buf)
{
    struct writer writer = {.dialect = dialect, .buf = buf};

    write_record(&writer, message, record);
}
