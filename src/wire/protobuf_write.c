/* Structs to protobuf bytes: see protobuf.h. A sub-message is written behind one byte for its
 * length; when the length needs more, the sub-message moves up. So there is one pass and no table
 * of sizes. */
#include "wire/duration.h"
#include "wire/kind.h"
#include "wire/money.h"
#include "wire/protobuf.h"

#define VARINT_MAX 10

static void write_record(const struct message *message, const void *record, struct buf *buf);

static size_t put_varint(uint8_t *at, uint64_t value)
{
    size_t size = 0;

    for (; value >= 0x80; value >>= 7) {
        at[size++] = (uint8_t)(value | 0x80);
    }
    at[size++] = (uint8_t)value;
    return size;
}

static void add_varint(struct buf *buf, uint64_t value)
{
    if (buf_reserve(buf, VARINT_MAX)) {
        buf->size += put_varint(buf->data + buf->size, value);
    }
}

static void add_fixed64(struct buf *buf, uint64_t value)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    (void)buf_add(buf, bytes, sizeof(bytes));
}

static void add_bytes(struct buf *buf, struct slice bytes)
{
    add_varint(buf, bytes.size);
    (void)buf_add_slice(buf, bytes);
}

static void add_tag(struct buf *buf, uint32_t tag, enum wire_type wire)
{
    add_varint(buf, (uint64_t)tag << 3 | (uint64_t)wire);
}

static size_t begin_bytes(struct buf *buf)
{
    size_t mark = buf->size;

    (void)buf_add_byte(buf, 0);
    return mark;
}

static void end_bytes(struct buf *buf, size_t mark)
{
    uint8_t length[VARINT_MAX];
    size_t length_size;
    size_t size;

    if (buf->failed) {
        return;
    }
    size = buf->size - mark - 1;
    length_size = put_varint(length, size);
    if (!buf_reserve(buf, length_size - 1)) {
        return;
    }
    if (length_size > 1) {
        memmove(buf->data + mark + length_size, buf->data + mark + 1, size);
        buf->size += length_size - 1;
    }
    memcpy(buf->data + mark, length, length_size);
}

static uint64_t double_bits(int64_t nano_dollars)
{
    double dollars = money_to_double(nano_dollars);
    uint64_t bits;

    static_assert(sizeof(bits) == sizeof(dollars), "protobuf doubles have 64 bits");
    memcpy(&bits, &dollars, sizeof(bits));
    return bits;
}

static void write_number(enum field_kind kind, const void *value, struct buf *buf)
{
    uint64_t bits = value_load(kind, value);

    if (kind_row(kind)->wire == WIRE_VARINT) {
        add_varint(buf, bits);
    } else {
        add_fixed64(buf, kind == FIELD_MONEY_DOUBLE ? double_bits((int64_t)bits) : bits);
    }
}

static void write_timestamp(uint64_t time_ns, struct buf *buf)
{
    size_t mark = begin_bytes(buf);
    uint64_t seconds = time_ns / NS_PER_SECOND;
    uint64_t nanos = time_ns % NS_PER_SECOND;

    if (seconds) {
        add_tag(buf, 1, WIRE_VARINT);
        add_varint(buf, seconds);
    }
    if (nanos) {
        add_tag(buf, 2, WIRE_VARINT);
        add_varint(buf, nanos);
    }
    end_bytes(buf, mark);
}

static void write_duration(uint64_t ms, struct buf *buf)
{
    char text[DURATION_TEXT_MAX];

    add_bytes(buf, slice_of(text, duration_format(ms, text)));
}

static void write_message(const struct message *message, const void *record, struct buf *buf)
{
    size_t mark = begin_bytes(buf);

    if (record) {
        write_record(message, record, buf);
    }
    end_bytes(buf, mark);
}

/* One value without its tag. A message's `value` is the struct itself. */
static void write_value(const struct field *field, const void *value, struct buf *buf)
{
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_JSON:
        add_bytes(buf, *(const struct slice *)value);
        break;
    case FIELD_TIMESTAMP:
        write_timestamp(*(const uint64_t *)value, buf);
        break;
    case FIELD_DURATION_TEXT:
        write_duration(*(const uint64_t *)value, buf);
        break;
    case FIELD_ENUM_TEXT:
        add_bytes(buf, slice_text(words_name(field->words, *(const uint32_t *)value)));
        break;
    case FIELD_MESSAGE:
        write_message(field->sub, value, buf);
        break;
    default:
        write_number(field->kind, value, buf);
    }
}

static void write_packed(const struct field *field, const struct list *list, struct buf *buf)
{
    const uint8_t *item = list->items;
    uint32_t stride = field_stride(field);
    size_t mark;

    add_tag(buf, field->tag, WIRE_BYTES);
    mark = begin_bytes(buf);
    for (uint32_t i = 0; i < list->count; i++) {
        write_value(field, item + (size_t)i * stride, buf);
    }
    end_bytes(buf, mark);
}

static void write_map_item(const struct field *field, const uint8_t *item, struct buf *buf)
{
    const struct slice *key = (const void *)item;
    size_t mark = begin_bytes(buf);

    add_tag(buf, 1, WIRE_BYTES);
    add_bytes(buf, *key);
    add_tag(buf, 2, WIRE_BYTES);
    write_message(field->sub, item + field->value_offset, buf);
    end_bytes(buf, mark);
}

static void write_list(const struct field *field, const struct list *list, struct buf *buf)
{
    enum wire_type wire = kind_row(field->kind)->wire;
    const uint8_t *item = list->items;
    uint32_t stride = field_stride(field);

    if (list->count == 0) {
        return;
    }
    if (wire != WIRE_BYTES && !(field->flags & FIELD_UNPACKED)) {
        write_packed(field, list, buf);
        return;
    }
    for (uint32_t i = 0; i < list->count; i++, item += stride) {
        add_tag(buf, field->tag, wire);
        if (field->kind == FIELD_MAP) {
            write_map_item(field, item, buf);
        } else {
            write_value(field, item, buf);
        }
    }
}

static void write_record(const struct message *message, const void *record, struct buf *buf)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        const struct field *field = &message->fields[i];
        const void *value = field_value(record, field);

        if (field->tag == 0 || !field_written(message, record, field)) {
            continue;
        }
        if (field_is_many(field)) {
            write_list(field, value, buf);
            continue;
        }
        add_tag(buf, field->tag, kind_row(field->kind)->wire);
        write_value(field, field->kind == FIELD_MESSAGE ? *(const void *const *)value : value, buf);
    }
}

void protobuf_write(const struct message *message, const void *record, struct buf *buf)
{
    write_record(message, record, buf);
}
