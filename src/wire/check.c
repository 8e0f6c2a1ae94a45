/* The rules of field rows: see check.h, and message_check in json.h. */
#include "wire/check.h"

#include "base/limits.h"
#include "base/reply.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/kind.h"
#include "wire/path.h"

#include <inttypes.h>

static enum err_code out_of_range(const struct field *field, struct err *err)
{
    return err_reply(err, REPLY_VALIDATION_ERROR, "%s must be from %" PRId64 " to %" PRId64,
                     field->name, field->min, field->max);
}

static enum err_code check_number(const struct field *field, const void *value, struct err *err)
{
    uint64_t bits = value_load(field->kind, value);
    bool negative = false;

    if (field->min >= field->max) {
        return ERR_NONE;
    }
    if (field->kind == FIELD_I32 || field->kind == FIELD_I64 || field->kind == FIELD_MONEY ||
        field->kind == FIELD_MONEY_DOUBLE) {
        negative = (int64_t)bits < 0;
    }
    if (negative) {
        return (int64_t)bits < field->min ? out_of_range(field, err) : ERR_NONE;
    }
    if (field->max < 0 || bits > (uint64_t)field->max ||
        (field->min > 0 && bits < (uint64_t)field->min)) {
        return out_of_range(field, err);
    }
    return ERR_NONE;
}

static enum err_code check_word(const struct field *field, uint32_t value, struct err *err)
{
    if (value != 0 && !words_name(field->words, value)) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s has no value %" PRIu32, field->name,
                         value);
    }
    return ERR_NONE;
}

static enum err_code check_duration(const struct field *field, uint64_t ms, struct err *err)
{
    enum err_code code = check_number(field, &ms, err);

    if (code || ms <= DURATION_MS_MAX) {
        return code;
    }
    return err_reply(err, REPLY_VALIDATION_ERROR, "%s is longer than ten years", field->name);
}

static enum err_code check_size(const struct field *field, size_t size, struct err *err)
{
    if (field->max > 0 && size > (uint64_t)field->max) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s is longer than %" PRId64 " bytes",
                         field->name, field->max);
    }
    return ERR_NONE;
}

enum err_code check_value(const struct field *field, const void *value, struct err *err)
{
    switch (field->kind) {
    case FIELD_BOOL:
    case FIELD_MESSAGE:
    case FIELD_MAP:
        return ERR_NONE;
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
    case FIELD_ENUM_NUMBER:
        return check_word(field, *(const uint32_t *)value, err);
    case FIELD_DURATION:
    case FIELD_DURATION_TEXT:
        return check_duration(field, *(const uint64_t *)value, err);
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_JSON:
        return check_size(field, ((const struct slice *)value)->size, err);
    default:
        return check_number(field, value, err);
    }
}

enum err_code check_missing(const struct field *field, struct err *err)
{
    return err_reply(err, REPLY_VALIDATION_ERROR, "%s is required", field->name);
}

enum err_code check_count(const struct field *field, uint64_t count, struct err *err)
{
    if (field->count_max > 0 && count > field->count_max) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s has more than %" PRIu32 " items",
                         field->name, field->count_max);
    }
    return ERR_NONE;
}

static enum err_code check_text(const struct field *field, struct slice text, struct err *err)
{
    if (!utf8_valid(text)) {
        return err_reply(err, REPLY_PARSE_ERROR, "%s is not UTF-8", field->name);
    }
    if (text.size > 0 && memchr(text.data, '\0', text.size)) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "%s has a NUL character", field->name);
    }
    return ERR_NONE;
}

/* What the JSON reader sees to by reading JSON, for values that came another way. */
static enum err_code check_content(const struct field *field, const void *value, struct err *err)
{
    const struct slice *text = value;

    if (field->kind == FIELD_TEXT) {
        return check_text(field, *text, err);
    }
    /* Empty is absent, but there is no absent item of a list. */
    if (field->kind == FIELD_JSON && (text->size > 0 || field_is_many(field)) &&
        json_type_of(*text) == JSON_BAD) {
        return err_reply(err, REPLY_PARSE_ERROR, "%s is not JSON, or nests too deep", field->name);
    }
    return ERR_NONE;
}

static enum err_code check_record(const struct message *message, const void *record,
                                  struct err *err);

/* One value; a message's is the struct itself. */
static enum err_code check_item(const struct field *field, const void *value, struct err *err)
{
    enum err_code code;

    if (field->kind == FIELD_MESSAGE) {
        return check_record(field->sub, value, err);
    }
    code = check_value(field, value, err);
    return code ? code : check_content(field, value, err);
}

static enum err_code check_map_item(const struct field *field, const uint8_t *item, struct err *err)
{
    const struct slice *key = (const void *)item;
    enum err_code code = check_text(field, *key, err);

    if (code) {
        return code;
    }
    code = check_record(field->sub, item + field->value_offset, err);
    return code ? path_key(err, code, field, *key) : ERR_NONE;
}

static enum err_code check_list(const struct field *field, const struct list *list, struct err *err)
{
    const uint8_t *item = list->items;
    enum err_code code = check_count(field, list->count, err);

    for (uint32_t i = 0; !code && i < list->count; i++, item += field_stride(field)) {
        if (field->kind == FIELD_MAP) {
            code = check_map_item(field, item, err);
            continue;
        }
        code = check_item(field, item, err);
        if (code && field->kind == FIELD_MESSAGE) {
            code = path_item(err, code, field, i);
        }
    }
    return code;
}

/* A number without a presence bit may be a 0 that was sent: it is not missing. */
static bool is_missing(const struct message *message, const void *record, const struct field *field)
{
    enum wire_type wire = kind_row(field->kind)->wire;

    if (field->bit && !field_present(message, record, field)) {
        return true;
    }
    if (field_is_many(field)) {
        return ((const struct list *)field_value(record, field))->count == 0;
    }
    return wire == WIRE_BYTES && field->kind != FIELD_DURATION_TEXT &&
           field->kind != FIELD_ENUM_TEXT && !value_filled(field->kind, field_value(record, field));
}

static enum err_code check_field(const struct message *message, const void *record,
                                 const struct field *field, struct err *err)
{
    const void *value = field_value(record, field);
    enum err_code code;

    if ((field->flags & FIELD_REQUIRED) && is_missing(message, record, field)) {
        return check_missing(field, err);
    }
    if (!field_written(message, record, field) && !(field->flags & FIELD_REQUIRED)) {
        return ERR_NONE; /* Absent: bounds are for what is sent. */
    }
    if (field_is_many(field)) {
        return check_list(field, value, err);
    }
    if (field->kind != FIELD_MESSAGE) {
        return check_item(field, value, err);
    }
    if (!*(const void *const *)value) {
        return ERR_NONE;
    }
    code = check_item(field, *(const void *const *)value, err);
    return code ? path_field(err, code, field) : ERR_NONE;
}

static enum err_code check_record(const struct message *message, const void *record,
                                  struct err *err)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        enum err_code code;

        if (field_is_bare(field)) {
            continue;
        }
        code = check_field(message, record, field, err);
        if (code) {
            return code;
        }
    }
    return ERR_NONE;
}

enum err_code message_check(const struct message *message, const void *record, struct err *err)
{
    return check_record(message, record, err);
}
