/* JSON objects to structs: see json.h. yyjson validates the text, then one cursor walks the
 * original bytes: raw values are ranges of them. Calls nest as the row tables do, at most
 * JSON_DEPTH_MAX deep. */
#include "base/limits.h"
#include "base/reply.h"
#include "wire/check.h"
#include "wire/json_value.h"
#include "wire/kind.h"
#include "wire/map.h"
#include "wire/path.h"

#define FIELDS_MAX 128

/* The reading of one object. */
struct frame {
    const struct message *message;
    void *record;
    uint64_t seen[FIELDS_MAX / 64]; /* Fields with a value, by index. */
    uint32_t hint;                  /* Where the search for the next name starts. */
};

static enum err_code read_object(struct json_reader *reader, const struct message *message,
                                 void *record);

static enum err_code no_memory(struct json_reader *reader)
{
    return err_set(reader->err, ERR_NOMEM, "the JSON needs more memory than a request may use");
}

static bool is_snake(const char *name, struct slice key)
{
    for (size_t i = 0; i < key.size; i++) {
        if ((uint8_t)name[i] != key.data[i] || name[i] == '\0') {
            return false;
        }
    }
    return name[key.size] == '\0';
}

static bool is_camel(const char *name, struct slice key)
{
    size_t i = 0;

    for (; *name; name++, i++) {
        char want = *name;

        if (want == '_') {
            want = *++name;
            want = want >= 'a' && want <= 'z' ? (char)(want - 'a' + 'A') : want;
        }
        if (i == key.size || key.data[i] != (uint8_t)want) {
            return false;
        }
        if (want == '\0') {
            break;
        }
    }
    return i == key.size;
}

static const struct field *find_field(const struct json_reader *reader, struct frame *frame,
                                      struct slice key)
{
    const struct message *message = frame->message;

    for (uint32_t i = 0, at = frame->hint; i < message->field_count; i++, at++) {
        const char *name;

        if (at >= message->field_count) {
            at = 0;
        }
        name = message->fields[at].name;
        if (is_snake(name, key) || (reader->dialect == JSON_RPC && is_camel(name, key))) {
            frame->hint = at + 1;
            return &message->fields[at];
        }
    }
    return NULL;
}

static enum err_code enter(struct json_reader *reader)
{
    if (reader->depth == JSON_DEPTH_MAX) {
        return err_reply(reader->err, REPLY_PARSE_ERROR, "JSON nests deeper than %d",
                         JSON_DEPTH_MAX);
    }
    reader->depth++;
    reader->cursor.at++; /* The bracket. */
    return ERR_NONE;
}

/* Allocates a list for the items of the container at the cursor, which it counts first: one exact
 * allocation, and a list that is too long takes none. */
static enum err_code start_list(struct json_reader *reader, const struct field *field,
                                struct list *ret_list)
{
    struct json_reader ahead = *reader;
    uint32_t count = 0;
    struct slice raw;
    enum err_code code = enter(&ahead);

    while (!code && json_next_item(&ahead.cursor)) {
        code = json_read_raw(&ahead, &raw);
        if (!code && field->kind == FIELD_MAP) {
            json_skip_colon(&ahead.cursor);
            code = json_read_raw(&ahead, &raw);
        }
        if (!code) {
            code = check_count(field, ++count, reader->err);
        }
    }
    if (code) {
        return code;
    }
    *ret_list = (struct list){.items = arena_array(reader->arena, count, field_stride(field))};
    return ret_list->items ? ERR_NONE : no_memory(reader);
}

static enum err_code wrong_type(struct json_reader *reader, const struct field *field,
                                const char *what)
{
    return err_reply(reader->err, REPLY_PARSE_ERROR, "%s must be %s", field->name, what);
}

/* An object, or null for one with nothing in it. */
static enum err_code read_map_value(struct json_reader *reader, const struct field *field,
                                    void *value)
{
    struct slice null;

    if (json_peek(&reader->cursor) == 'n') {
        record_init(field->sub, value);
        return json_read_raw(reader, &null);
    }
    return read_object(reader, field->sub, value);
}

static enum err_code read_map_item(struct json_reader *reader, const struct field *field,
                                   uint8_t *item)
{
    struct slice *key = (void *)item;
    enum err_code code = json_read_string(reader, key);

    if (code) {
        return code;
    }
    if (key->size > 0 && memchr(key->data, '\0', key->size)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "%s has a NUL character in a key",
                         field->name);
    }
    json_skip_colon(&reader->cursor);
    if (json_peek(&reader->cursor) != '{' && json_peek(&reader->cursor) != 'n') {
        return wrong_type(reader, field, "an object of objects");
    }
    code = read_map_value(reader, field, item + field->value_offset);
    return code ? path_key(reader->err, code, field, *key) : ERR_NONE;
}

static enum err_code read_list_item(struct json_reader *reader, const struct field *field,
                                    const struct list *list, void *item)
{
    enum err_code code;

    if (field->kind != FIELD_MESSAGE) {
        return json_read_value(reader, field, item);
    }
    if (json_peek(&reader->cursor) != '{') {
        return wrong_type(reader, field, "a list of objects");
    }
    code = read_object(reader, field->sub, item);
    return code ? path_item(reader->err, code, field, list->count) : ERR_NONE;
}

static enum err_code read_many(struct json_reader *reader, const struct field *field,
                               struct list *list)
{
    bool is_map = field->kind == FIELD_MAP;
    uint32_t stride = field_stride(field);
    uint8_t *item;
    enum err_code code;

    if (json_peek(&reader->cursor) != (is_map ? '{' : '[')) {
        return wrong_type(reader, field, is_map ? "an object" : "a list");
    }
    code = start_list(reader, field, list);
    if (code) {
        return code;
    }
    item = list->items;
    code = enter(reader);
    for (; !code && json_next_item(&reader->cursor); item += stride) {
        code =
            is_map ? read_map_item(reader, field, item) : read_list_item(reader, field, list, item);
        list->count += code ? 0 : 1;
    }
    reader->depth--;
    if (code) {
        return code;
    }
    return !is_map || map_keep_last(field, list, reader->arena) ? ERR_NONE : no_memory(reader);
}

static enum err_code read_message(struct json_reader *reader, const struct field *field, void *slot)
{
    void *sub;
    enum err_code code;

    if (json_peek(&reader->cursor) != '{') {
        return wrong_type(reader, field, "an object");
    }
    sub = arena_alloc(reader->arena, field->sub->size);
    if (!sub) {
        return no_memory(reader);
    }
    code = read_object(reader, field->sub, sub);
    if (code) {
        return path_field(reader->err, code, field);
    }
    *(const void **)slot = sub;
    return ERR_NONE;
}

/* Puts back what the record had before the first of equal names was read. */
static enum err_code reset_field(struct json_reader *reader, struct frame *frame,
                                 const struct field *field)
{
    uint32_t size =
        field_is_many(field) ? (uint32_t)sizeof(struct list) : kind_row(field->kind)->size;
    void *fresh = arena_alloc(reader->arena, frame->message->size);

    if (!fresh) {
        return no_memory(reader);
    }
    record_init(frame->message, fresh);
    memcpy(field_slot(frame->record, field), field_value(fresh, field), size);
    field_unmark(frame->message, frame->record, field);
    return ERR_NONE;
}

/* True at a value that means absent: null, and the empty text where no value is spelled so. */
static bool is_absent(struct json_reader *reader, const struct field *field)
{
    const struct json_cursor *cursor = &reader->cursor;
    bool many = field_is_many(field);
    uint8_t first = json_peek(&reader->cursor);
    uint32_t value;

    if (first == 'n') {
        return many || field->kind != FIELD_JSON || reader->dialect == JSON_RPC;
    }
    if (many || first != '"' || cursor->end - cursor->at < 2 || cursor->at[1] != '"') {
        return false;
    }
    switch (field->kind) {
    case FIELD_DURATION:
    case FIELD_DURATION_TEXT:
        return true;
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
    case FIELD_ENUM_NUMBER:
        return !words_find(field->words, slice_text(""), &value);
    case FIELD_JSON:
        return reader->dialect == JSON_RPC;
    default:
        return false;
    }
}

static enum err_code read_by_shape(struct json_reader *reader, const struct field *field,
                                   void *slot)
{
    if (field_is_many(field)) {
        return read_many(reader, field, slot);
    }
    if (field->kind == FIELD_MESSAGE) {
        return read_message(reader, field, slot);
    }
    return json_read_value(reader, field, slot);
}

static enum err_code read_field(struct json_reader *reader, struct frame *frame,
                                const struct field *field)
{
    uint32_t index = (uint32_t)(field - frame->message->fields);
    uint64_t *seen = &frame->seen[index / 64];
    uint64_t bit = UINT64_C(1) << (index % 64);
    bool absent = is_absent(reader, field);
    struct slice raw;
    enum err_code code = ERR_NONE;

    if ((field->flags & FIELD_UNSUPPORTED) && json_peek(&reader->cursor) != 'n') {
        return err_reply(reader->err, REPLY_UNSUPPORTED, "%s is not supported", field->name);
    }
    if (field_is_bare(field) || (field->flags & FIELD_INNER)) {
        return json_read_raw(reader, &raw);
    }
    if (*seen & bit) {
        code = reset_field(reader, frame, field);
        *seen &= ~bit;
    }
    if (code) {
        return code;
    }
    if (absent) {
        return json_read_raw(reader, &raw);
    }
    *seen |= bit;
    field_mark(frame->message, frame->record, field);
    return read_by_shape(reader, field, field_slot(frame->record, field));
}

static enum err_code read_member(struct json_reader *reader, struct frame *frame)
{
    const struct field *field;
    struct slice key;
    struct slice raw;
    enum err_code code = json_read_string(reader, &key);

    if (code) {
        return code;
    }
    json_skip_colon(&reader->cursor);
    field = find_field(reader, frame, key);
    return field ? read_field(reader, frame, field) : json_read_raw(reader, &raw);
}

static bool is_missing(const struct frame *frame, uint32_t index)
{
    const struct field *field = &frame->message->fields[index];
    const void *value = field_value(frame->record, field);

    if (!(frame->seen[index / 64] >> (index % 64) & 1)) {
        return true;
    }
    if (field_is_many(field)) {
        return ((const struct list *)value)->count == 0;
    }
    return field->kind == FIELD_TEXT && ((const struct slice *)value)->size == 0;
}

static enum err_code check_required(struct json_reader *reader, const struct frame *frame)
{
    for (uint32_t i = 0; i < frame->message->field_count; i++) {
        const struct field *field = &frame->message->fields[i];

        if ((field->flags & FIELD_REQUIRED) && !field_is_bare(field) && is_missing(frame, i)) {
            return check_missing(field, reader->err);
        }
    }
    return ERR_NONE;
}

static enum err_code read_object(struct json_reader *reader, const struct message *message,
                                 void *record)
{
    struct frame frame = {.message = message, .record = record};
    enum err_code code = enter(reader);

    assert(message->field_count <= FIELDS_MAX);
    record_init(message, record);
    while (!code && json_next_item(&reader->cursor)) {
        code = read_member(reader, &frame);
    }
    if (code) {
        return code;
    }
    reader->depth--;
    return check_required(reader, &frame);
}

enum err_code json_read(const struct message *message, enum json_dialect dialect,
                        struct slice bytes, struct arena *arena, void *ret_record, struct err *err)
{
    struct json_reader reader = {
        .dialect = dialect, .arena = arena, .err = err, .cursor = json_cursor_of(bytes)};
    enum err_code code = json_validate(bytes, err);

    if (code) {
        return code;
    }
    if (json_peek(&reader.cursor) != '{') {
        return err_reply(err, REPLY_PARSE_ERROR, "the JSON must be an object");
    }
    return read_object(&reader, message, ret_record);
}
