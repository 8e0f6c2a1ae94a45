/* What each field kind is in memory and on the wire, and typed access to values by kind. Of this
 * room only. */
#ifndef WIRE_KIND_H
#define WIRE_KIND_H

#include "base/arena.h"
#include "wire/field.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
};

struct kind_row {
    const char *proto;   /* The .proto type; NULL when it is the sub-message's or the map's. */
    enum wire_type wire; /* Of one value. */
    uint32_t size;       /* Bytes of one value in the struct. */
};

/* The row of a kind. Any thread. */
const struct kind_row *kind_row(enum field_kind kind);

/* Bytes from one item of the field's list or map to the next. Any thread. */
uint32_t field_stride(const struct field *field);

/* A whole number as the 64 bits that a varint or a fixed64 carries: bool 0 or 1, int32
 * sign-extended. Only for kinds whose C type is bool or an integer. Any thread. */
uint64_t value_load(enum field_kind kind, const void *value);

/* The reverse; bits above the C type's width are dropped. Any thread. */
void value_store(enum field_kind kind, void *value, uint64_t bits);

/* True if one value of the kind is not its zero: a number not 0, a text not empty, a message not
 * NULL. Any thread. */
bool value_filled(enum field_kind kind, const void *value);

/* True if writers write the field: its presence bit is set or, without one, it is not zero or
 * empty. False for ignored and unsupported fields. Any thread. */
bool field_written(const struct message *message, const void *record, const struct field *field);

/* Sets the presence bit, if the field has one. Any thread. */
void field_mark(const struct message *message, void *record, const struct field *field);

/* Clears it. Any thread. */
void field_unmark(const struct message *message, void *record, const struct field *field);

/* Zeroes the record and sets its defaults. Any thread. */
void record_init(const struct message *message, void *record);

/* The word of an enumeration's value; NULL when it has none. Any thread. */
const char *words_name(const struct words *words, uint32_t value);

/* The value of a word, ignoring ASCII case. False when there is no such word. Any thread. */
bool words_find(const struct words *words, struct slice word, uint32_t *ret_value);

/* The text as it is or, when the field is FIELD_CUT and its bound is less, cut in the arena at a
 * UTF-8 boundary with an ellipsis behind it that fits the bound too. False: the arena is full. Any
 * thread. */
bool text_fit(const struct field *field, struct slice text, struct arena *arena,
              struct slice *ret_text);

/* The field's value in the record. Any thread. */
static inline const void *field_value(const void *record, const struct field *field)
{
    return (const uint8_t *)record + field->offset;
}

/* The same, to write to. Any thread. */
static inline void *field_slot(void *record, const struct field *field)
{
    return (uint8_t *)record + field->offset;
}

/* True if the field's C type is a struct list. Any thread. */
static inline bool field_is_many(const struct field *field)
{
    return field->kind == FIELD_MAP || (field->flags & FIELD_LIST);
}

/* True if a row only names a field and has no place in the struct. Any thread. */
static inline bool field_is_bare(const struct field *field)
{
    return (field->flags & (FIELD_IGNORED | FIELD_UNSUPPORTED)) != 0;
}

#endif
