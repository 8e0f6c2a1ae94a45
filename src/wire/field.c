/* Field rows: see field.h and kind.h. */
#include "wire/field.h"

#include "wire/kind.h"

static const struct kind_row kinds[] = {
    [FIELD_BOOL] = {"bool", WIRE_VARINT, sizeof(bool)},
    [FIELD_I32] = {"int32", WIRE_VARINT, sizeof(int32_t)},
    [FIELD_I64] = {"int64", WIRE_VARINT, sizeof(int64_t)},
    [FIELD_U32] = {"uint32", WIRE_VARINT, sizeof(uint32_t)},
    [FIELD_U64] = {"uint64", WIRE_VARINT, sizeof(uint64_t)},
    [FIELD_TIME] = {"fixed64", WIRE_FIXED64, sizeof(uint64_t)},
    [FIELD_TIMESTAMP] = {"google.protobuf.Timestamp", WIRE_BYTES, sizeof(uint64_t)},
    [FIELD_DURATION] = {"uint64", WIRE_VARINT, sizeof(uint64_t)},
    [FIELD_DURATION_TEXT] = {"string", WIRE_BYTES, sizeof(uint64_t)},
    [FIELD_MONEY] = {"int64", WIRE_VARINT, sizeof(int64_t)},
    [FIELD_MONEY_DOUBLE] = {"double", WIRE_FIXED64, sizeof(int64_t)},
    [FIELD_ENUM] = {"uint32", WIRE_VARINT, sizeof(uint32_t)},
    [FIELD_ENUM_TEXT] = {"string", WIRE_BYTES, sizeof(uint32_t)},
    [FIELD_ENUM_NUMBER] = {"uint32", WIRE_VARINT, sizeof(uint32_t)},
    [FIELD_TEXT] = {"string", WIRE_BYTES, sizeof(struct slice)},
    [FIELD_BYTES] = {"bytes", WIRE_BYTES, sizeof(struct slice)},
    [FIELD_JSON] = {"string", WIRE_BYTES, sizeof(struct slice)},
    [FIELD_MESSAGE] = {NULL, WIRE_BYTES, sizeof(const void *)},
    [FIELD_MAP] = {NULL, WIRE_BYTES, sizeof(struct list)},
};

const struct kind_row *kind_row(enum field_kind kind)
{
    assert(kind < ARRAY_COUNT(kinds));
    return &kinds[kind];
}

uint32_t field_stride(const struct field *field)
{
    if (field->kind == FIELD_MAP) {
        return field->sub->item_size;
    }
    if (field->kind == FIELD_MESSAGE) {
        return field->sub->size;
    }
    return kinds[field->kind].size;
}

uint64_t value_load(enum field_kind kind, const void *value)
{
    switch (kind) {
    case FIELD_BOOL:
        return *(const bool *)value ? 1 : 0;
    case FIELD_I32:
        return (uint64_t)(int64_t)*(const int32_t *)value;
    case FIELD_I64:
    case FIELD_MONEY:
    case FIELD_MONEY_DOUBLE:
        return (uint64_t)*(const int64_t *)value;
    case FIELD_U32:
    case FIELD_ENUM:
    case FIELD_ENUM_TEXT:
    case FIELD_ENUM_NUMBER:
        return *(const uint32_t *)value;
    case FIELD_U64:
    case FIELD_TIME:
    case FIELD_TIMESTAMP:
    case FIELD_DURATION:
    case FIELD_DURATION_TEXT:
        return *(const uint64_t *)value;
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_JSON:
    case FIELD_MESSAGE:
    case FIELD_MAP:
        break;
    }
    assert(!"a kind that is not a number");
    return 0;
}

void value_store(enum field_kind kind, void *value, uint64_t bits)
{
    switch (kinds[kind].size) {
    case sizeof(bool):
        *(bool *)value = bits != 0;
        break;
    case sizeof(uint32_t):
        *(uint32_t *)value = (uint32_t)bits;
        break;
    default:
        assert(kinds[kind].size == sizeof(uint64_t) && kind != FIELD_MESSAGE);
        *(uint64_t *)value = bits;
    }
}

bool value_filled(enum field_kind kind, const void *value)
{
    switch (kind) {
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_JSON:
        return ((const struct slice *)value)->size > 0;
    case FIELD_MESSAGE:
        return *(const void *const *)value != NULL;
    case FIELD_MAP:
        return ((const struct list *)value)->count > 0;
    default:
        return value_load(kind, value) != 0;
    }
}

static uint64_t presence(const struct message *message, const void *record)
{
    const uint8_t *bytes = record;

    return *(const uint64_t *)(const void *)(bytes + message->has_offset);
}

bool field_present(const struct message *message, const void *record, const struct field *field)
{
    assert(field->bit >= 1 && field->bit <= 64);
    return (presence(message, record) >> (field->bit - 1)) & 1;
}

bool field_written(const struct message *message, const void *record, const struct field *field)
{
    const void *value = field_value(record, field);

    if (field_is_bare(field)) {
        return false;
    }
    if (field->bit) {
        return field_present(message, record, field);
    }
    if (field->flags & FIELD_LIST) {
        return ((const struct list *)value)->count > 0;
    }
    return value_filled(field->kind, value);
}

static uint64_t *presence_slot(const struct message *message, void *record)
{
    return (void *)((uint8_t *)record + message->has_offset);
}

void field_mark(const struct message *message, void *record, const struct field *field)
{
    if (field->bit) {
        *presence_slot(message, record) |= UINT64_C(1) << (field->bit - 1);
    }
}

void field_unmark(const struct message *message, void *record, const struct field *field)
{
    if (field->bit) {
        *presence_slot(message, record) &= ~(UINT64_C(1) << (field->bit - 1));
    }
}

void record_init(const struct message *message, void *record)
{
    memset(record, 0, message->size);
    if (message->init) {
        message->init(record);
    }
}

const char *words_name(const struct words *words, uint32_t value)
{
    return value < words->count ? words->names[value] : NULL;
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static bool same_word(const char *name, struct slice word)
{
    for (size_t i = 0; i < word.size; i++) {
        if (name[i] == '\0' || lower((uint8_t)name[i]) != lower(word.data[i])) {
            return false;
        }
    }
    return name[word.size] == '\0';
}

bool words_find(const struct words *words, struct slice word, uint32_t *ret_value)
{
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->names[i] && same_word(words->names[i], word)) {
            *ret_value = i;
            return true;
        }
    }
    return false;
}

/* Where a text of at most size_max bytes may end without cutting a character in two. */
static size_t boundary(struct slice text, size_t size_max)
{
    size_t size = size_max;

    assert(size < text.size);
    while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

bool text_fit(const struct field *field, struct slice text, struct arena *arena,
              struct slice *ret_text)
{
    static const uint8_t ellipsis[] = {0xe2, 0x80, 0xa6};
    size_t size;
    uint8_t *copy;

    if (!(field->flags & FIELD_CUT) || text.size <= (uint64_t)field->max) {
        *ret_text = text;
        return true;
    }
    assert((uint64_t)field->max >= sizeof(ellipsis));
    size = boundary(text, (size_t)field->max - sizeof(ellipsis));
    copy = arena_bytes(arena, size + sizeof(ellipsis));
    if (!copy) {
        return false;
    }
    memcpy(copy, text.data, size);
    memcpy(copy + size, ellipsis, sizeof(ellipsis));
    *ret_text = slice_of(copy, size + sizeof(ellipsis));
    return true;
}
