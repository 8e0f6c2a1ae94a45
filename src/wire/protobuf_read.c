/* Protobuf bytes to structs: see protobuf.h. A list's items lie side by side, so the first of them
 * looks ahead and counts all: one exact allocation, whatever the sender claims. Groups are refused.
 */
#include "base/reply.h"
#include "wire/json.h"
#include "wire/kind.h"
#include "wire/map.h"
#include "wire/money.h"
#include "wire/path.h"
#include "wire/protobuf.h"

#define DEPTH_MAX 32
#define FIELDS_MAX 128
#define TAG_MAX ((UINT64_C(1) << 29) - 1)

struct wire_field {
    uint32_t tag;
    enum wire_type wire;
    uint64_t bits;      /* WIRE_VARINT, WIRE_FIXED64, WIRE_FIXED32. */
    struct slice bytes; /* WIRE_BYTES. */
};

struct reader {
    struct arena *arena;
    struct err *err;
    uint32_t depth;
};

/* The reading of one record. */
struct frame {
    const struct message *message;
    uint8_t *record;
    struct slice rest;
    uint64_t started[FIELDS_MAX / 64]; /* Lists whose items are allocated, by field index. */
};

static enum err_code read_record(struct reader *reader, const struct message *message,
                                 struct slice bytes, void *record);

static enum err_code malformed(struct reader *reader)
{
    return err_reply(reader->err, REPLY_PARSE_ERROR, "not a well-formed protobuf message");
}

static enum err_code no_memory(struct reader *reader)
{
    return err_set(reader->err, ERR_NOMEM, "the message needs more memory than a request may use");
}

static bool take_varint(struct slice *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    size_t size = rest->size < 10 ? rest->size : 10;

    for (size_t i = 0; i < size; i++) {
        uint8_t byte = rest->data[i];

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *rest = slice_from(*rest, i + 1);
            *ret_value = value;
            return i < 9 || byte <= 1;
        }
    }
    return false;
}

static bool take_fixed(struct slice *rest, size_t size, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (rest->size < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)rest->data[i] << (8 * i);
    }
    *rest = slice_from(*rest, size);
    *ret_value = value;
    return true;
}

static bool take_bytes(struct slice *rest, struct slice *ret_bytes)
{
    uint64_t size;

    if (!take_varint(rest, &size) || size > rest->size) {
        return false;
    }
    *ret_bytes = slice_of(rest->data, (size_t)size);
    *rest = slice_from(*rest, (size_t)size);
    return true;
}

static bool take_field(struct slice *rest, struct wire_field *ret_field)
{
    uint64_t key;

    if (!take_varint(rest, &key) || key >> 3 == 0 || key >> 3 > TAG_MAX) {
        return false;
    }
    ret_field->tag = (uint32_t)(key >> 3);
    ret_field->wire = (enum wire_type)(key & 7);
    ret_field->bytes = slice_of(NULL, 0);
    ret_field->bits = 0;
    switch (ret_field->wire) {
    case WIRE_VARINT:
        return take_varint(rest, &ret_field->bits);
    case WIRE_FIXED64:
        return take_fixed(rest, 8, &ret_field->bits);
    case WIRE_BYTES:
        return take_bytes(rest, &ret_field->bytes);
    case WIRE_FIXED32:
        return take_fixed(rest, 4, &ret_field->bits);
    }
    return false;
}

/* Fields mostly come in row order, so the search starts at the last one found. */
static const struct field *find_field(const struct message *message, uint32_t tag, uint32_t *hint)
{
    for (uint32_t i = 0, at = *hint; i < message->field_count; i++, at++) {
        if (at >= message->field_count) {
            at = 0;
        }
        if (message->fields[at].tag == tag) {
            *hint = at;
            return &message->fields[at];
        }
    }
    return NULL;
}

static bool is_packed(const struct field *field, const struct wire_field *wire)
{
    return (field->flags & FIELD_LIST) && wire->wire == WIRE_BYTES &&
           kind_row(field->kind)->wire != WIRE_BYTES;
}

/* How many items of the list one wire field brings; 0 when its wire type is another (it is
 * skipped). */
static size_t item_count(const struct field *field, const struct wire_field *wire)
{
    size_t count = 0;

    if (!is_packed(field, wire)) {
        return wire->wire == kind_row(field->kind)->wire ? 1 : 0;
    }
    if (kind_row(field->kind)->wire == WIRE_FIXED64) {
        return wire->bytes.size / 8;
    }
    for (size_t i = 0; i < wire->bytes.size; i++) {
        count += wire->bytes.data[i] < 0x80;
    }
    return count;
}

/* Allocates all items that are in `wire` and behind it. */
static enum err_code start_list(struct reader *reader, const struct frame *frame,
                                const struct field *field, const struct wire_field *wire,
                                struct list *list)
{
    size_t count = item_count(field, wire);
    struct slice rest = frame->rest;
    struct wire_field next;

    while (rest.size > 0) {
        if (!take_field(&rest, &next)) {
            return malformed(reader);
        }
        if (next.tag == field->tag) {
            count += item_count(field, &next);
        }
    }
    if (count > UINT32_MAX) {
        return malformed(reader);
    }
    *list = (struct list){.items = arena_array(reader->arena, count, field_stride(field))};
    return list->items ? ERR_NONE : no_memory(reader);
}

static enum err_code read_double(struct reader *reader, uint64_t bits, uint64_t *ret_nano)
{
    int64_t nano;
    double dollars;

    memcpy(&dollars, &bits, sizeof(dollars));
    if (!money_from_double(dollars, &nano)) {
        return err_reply(reader->err, REPLY_VALIDATION_ERROR, "the amount is out of range");
    }
    *ret_nano = (uint64_t)nano;
    return ERR_NONE;
}

static enum err_code read_timestamp(struct reader *reader, struct slice bytes, uint64_t *ret_ns)
{
    uint64_t seconds = 0;
    uint64_t nanos = 0;
    struct wire_field wire;

    while (bytes.size > 0) {
        if (!take_field(&bytes, &wire)) {
            return malformed(reader);
        }
        if (wire.wire == WIRE_VARINT && wire.tag == 1) {
            seconds = wire.bits;
        } else if (wire.wire == WIRE_VARINT && wire.tag == 2) {
            nanos = wire.bits;
        }
    }
    if (nanos >= NS_PER_SECOND || seconds > (UINT64_MAX - nanos) / NS_PER_SECOND) {
        return err_reply(reader->err, REPLY_PARSE_ERROR, "not a time from 1970 to 2554");
    }
    *ret_ns = seconds * NS_PER_SECOND + nanos;
    return ERR_NONE;
}

static enum err_code read_word(struct reader *reader, const struct field *field, struct slice word,
                               uint32_t *ret_value)
{
    if (words_find(field->words, word, ret_value)) {
        return ERR_NONE;
    }
    return err_reply(reader->err, REPLY_VALIDATION_ERROR, "'%.*s' is not one of its words",
                     word.size < 40 ? (int)word.size : 40, (const char *)word.data);
}

/* A value that came with a length. A message's `value` is the struct itself. */
static enum err_code read_bytes_value(struct reader *reader, const struct field *field,
                                      struct slice bytes, void *value)
{
    switch (field->kind) {
    case FIELD_TIMESTAMP:
        return read_timestamp(reader, bytes, value);
    case FIELD_DURATION_TEXT:
        return bytes.size ? json_parse_duration(bytes, value, reader->err) : ERR_NONE;
    case FIELD_ENUM_TEXT:
        return bytes.size ? read_word(reader, field, bytes, value) : ERR_NONE;
    case FIELD_MESSAGE:
        return read_record(reader, field->sub, bytes, value);
    default:
        return text_fit(field, bytes, reader->arena, value) ? ERR_NONE : no_memory(reader);
    }
}

static enum err_code read_value(struct reader *reader, const struct field *field,
                                const struct wire_field *wire, void *value)
{
    enum err_code code = ERR_NONE;
    uint64_t bits = wire->bits;

    if (wire->wire == WIRE_BYTES) {
        code = read_bytes_value(reader, field, wire->bytes, value);
    } else if (field->kind == FIELD_MONEY_DOUBLE) {
        code = read_double(reader, wire->bits, &bits);
    }
    if (code) {
        return field->kind == FIELD_MESSAGE ? code : path_value(reader->err, code, field);
    }
    if (wire->wire != WIRE_BYTES) {
        value_store(field->kind, value, bits);
    }
    return ERR_NONE;
}

static enum err_code read_packed(struct reader *reader, const struct field *field,
                                 struct slice bytes, struct list *list)
{
    uint32_t stride = field_stride(field);
    struct wire_field wire = {.wire = kind_row(field->kind)->wire};

    while (bytes.size > 0) {
        bool good = wire.wire == WIRE_VARINT ? take_varint(&bytes, &wire.bits)
                                             : take_fixed(&bytes, 8, &wire.bits);
        enum err_code code;

        if (!good) {
            return malformed(reader);
        }
        code =
            read_value(reader, field, &wire, (uint8_t *)list->items + (size_t)list->count * stride);
        if (code) {
            return code;
        }
        list->count++;
    }
    return ERR_NONE;
}

static enum err_code read_map_item(struct reader *reader, const struct field *field,
                                   struct slice bytes, uint8_t *item)
{
    struct slice *key = (void *)item;
    struct slice value = {0};
    struct wire_field wire;

    while (bytes.size > 0) {
        if (!take_field(&bytes, &wire)) {
            return malformed(reader);
        }
        if (wire.wire == WIRE_BYTES && wire.tag == 1) {
            *key = wire.bytes;
        } else if (wire.wire == WIRE_BYTES && wire.tag == 2) {
            value = wire.bytes;
        }
    }
    return read_record(reader, field->sub, value, item + field->value_offset);
}

static enum err_code read_item(struct reader *reader, const struct field *field,
                               const struct wire_field *wire, struct list *list)
{
    uint8_t *item = (uint8_t *)list->items + (size_t)list->count * field_stride(field);
    enum err_code code;

    if (field->kind == FIELD_MAP) {
        code = read_map_item(reader, field, wire->bytes, item);
    } else {
        code = read_value(reader, field, wire, item);
    }
    if (code) {
        return field->sub ? path_item(reader->err, code, field, list->count) : code;
    }
    list->count++;
    return ERR_NONE;
}

static enum err_code read_many(struct reader *reader, struct frame *frame,
                               const struct field *field, const struct wire_field *wire)
{
    uint32_t index = (uint32_t)(field - frame->message->fields);
    struct list *list = field_slot(frame->record, field);

    if (item_count(field, wire) == 0) {
        return is_packed(field, wire) && wire->bytes.size ? malformed(reader) : ERR_NONE;
    }
    if (!(frame->started[index / 64] >> (index % 64) & 1)) {
        enum err_code code = start_list(reader, frame, field, wire, list);

        if (code) {
            return code;
        }
        frame->started[index / 64] |= UINT64_C(1) << (index % 64);
    }
    field_mark(frame->message, frame->record, field);
    return is_packed(field, wire) ? read_packed(reader, field, wire->bytes, list)
                                  : read_item(reader, field, wire, list);
}

static enum err_code read_submessage(struct reader *reader, const struct field *field,
                                     struct slice bytes, void *slot)
{
    void *sub = arena_alloc(reader->arena, field->sub->size);
    enum err_code code;

    if (!sub) {
        return no_memory(reader);
    }
    code = read_record(reader, field->sub, bytes, sub);
    if (code) {
        return path_field(reader->err, code, field);
    }
    *(const void **)slot = sub;
    return ERR_NONE;
}

static enum err_code read_one(struct reader *reader, struct frame *frame, const struct field *field,
                              const struct wire_field *wire)
{
    void *slot = field_slot(frame->record, field);

    if (wire->wire != kind_row(field->kind)->wire) {
        return ERR_NONE; /* As an unknown field. */
    }
    field_mark(frame->message, frame->record, field);
    if (field->kind == FIELD_MESSAGE) {
        return read_submessage(reader, field, wire->bytes, slot);
    }
    return read_value(reader, field, wire, slot);
}

static enum err_code read_field(struct reader *reader, struct frame *frame,
                                const struct field *field, const struct wire_field *wire)
{
    if (field->flags & FIELD_IGNORED) {
        return ERR_NONE;
    }
    if (field->flags & FIELD_UNSUPPORTED) {
        if (wire->bits == 0 && wire->bytes.size == 0) {
            return ERR_NONE;
        }
        return err_reply(reader->err, REPLY_UNSUPPORTED, "%s is not supported", field->name);
    }
    if (field_is_many(field)) {
        return read_many(reader, frame, field, wire);
    }
    return read_one(reader, frame, field, wire);
}

static enum err_code drop_repeated_keys(struct reader *reader, const struct frame *frame)
{
    for (uint32_t i = 0; i < frame->message->field_count; i++) {
        const struct field *field = &frame->message->fields[i];

        if (field->kind == FIELD_MAP && !field_is_bare(field) &&
            !map_keep_last(field, field_slot(frame->record, field), reader->arena)) {
            return no_memory(reader);
        }
    }
    return ERR_NONE;
}

static enum err_code read_record(struct reader *reader, const struct message *message,
                                 struct slice bytes, void *record)
{
    struct frame frame = {.message = message, .record = record, .rest = bytes};
    uint32_t hint = 0;

    assert(message->field_count <= FIELDS_MAX);
    if (reader->depth == DEPTH_MAX) {
        return err_reply(reader->err, REPLY_PARSE_ERROR, "messages nest deeper than %d", DEPTH_MAX);
    }
    record_init(message, record);
    reader->depth++;
    while (frame.rest.size > 0) {
        const struct field *field;
        struct wire_field wire;
        enum err_code code;

        if (!take_field(&frame.rest, &wire)) {
            return malformed(reader);
        }
        field = find_field(message, wire.tag, &hint);
        code = field ? read_field(reader, &frame, field, &wire) : ERR_NONE;
        if (code) {
            return code;
        }
    }
    reader->depth--;
    return drop_repeated_keys(reader, &frame);
}

enum err_code protobuf_read(const struct message *message, struct slice bytes, struct arena *arena,
                            void *ret_record, struct err *err)
{
    struct reader reader = {.arena = arena, .err = err};

    return read_record(&reader, message, bytes, ret_record);
}
