/* Field rows: the one description from which both JSON dialects, the protobuf wire form, docs and
 * clients follow.
 *
 * A `struct message` lists the fields of one C struct. Several messages may map one struct (REST
 * and RPC names and forms may differ). The walkers in wire/json.h and wire/protobuf.h read and
 * write structs by these rows; there is no other codec in the program. */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include "base/common.h"
#include "base/slice.h"

enum field_kind {
    FIELD_BOOL, /* bool. Protobuf bool. */
    FIELD_I32,  /* int32_t. Protobuf int32. */
    FIELD_I64,  /* int64_t. Protobuf int64; RPC JSON prints a string. */
    FIELD_U32,  /* uint32_t. Protobuf uint32. */
    FIELD_U64,  /* uint64_t. Protobuf uint64; RPC JSON prints a string. */
    /* uint64_t ns since 1970, 0 = unset. JSON RFC 3339 with Z; protobuf fixed64. */
    FIELD_TIME,
    /* The same in C and JSON; protobuf is google.protobuf.Timestamp. */
    FIELD_TIMESTAMP,
    /* uint64_t ms. JSON Go duration plus d and w; protobuf uint64 ms. */
    FIELD_DURATION,
    /* The same in C and JSON; protobuf is the string. */
    FIELD_DURATION_TEXT,
    /* int64_t nano-dollars. JSON number, parsed from its digits; protobuf int64. */
    FIELD_MONEY,
    /* The same in C and JSON; protobuf is a double of dollars. */
    FIELD_MONEY_DOUBLE,
    /* uint32_t: an index of `words`. JSON the word; protobuf uint32. */
    FIELD_ENUM,
    /* The same in C and JSON; protobuf is the word as a string. */
    FIELD_ENUM_TEXT,
    /* The same in C and protobuf; JSON writes the number, reads word or number. */
    FIELD_ENUM_NUMBER,
    FIELD_TEXT,  /* struct slice, UTF-8. JSON string; protobuf string. */
    FIELD_BYTES, /* struct slice. JSON base64; protobuf bytes. */
    /* struct slice: one JSON value, the client's bytes, compacted when written as JSON. REST JSON
     * embeds it; RPC JSON and protobuf carry it as a string. An explicit null stays "null". */
    FIELD_JSON,
    /* const struct T *, NULL when absent; `sub` describes T. A list of them holds the structs
     * themselves, sub->size apart. */
    FIELD_MESSAGE,
    /* struct list of {struct slice key; ...value struct at value_offset}; `sub` describes the
     * value. JSON object; protobuf map<string, T>. */
    FIELD_MAP,
};

enum field_flag {
    /* struct list of the kind's C type (messages: of structs). Not with FIELD_MAP. */
    FIELD_LIST = 1 << 0,
    /* Reading JSON without it (or with an empty text or list) is VALIDATION_ERROR. */
    FIELD_REQUIRED = 1 << 1,
    /* REST JSON writes it even when zero, empty or absent (times, JSON, messages: null). */
    FIELD_ALWAYS = 1 << 2,
    /* Known in JSON, skipped whatever its type. */
    FIELD_IGNORED = 1 << 3,
    /* JSON of another type is taken where it has a meaning: texts as the raw JSON, whole numbers
     * from strings and bools, bools from 0 and 1 and their words, durations from whole seconds
     * (negative ones as 0), RPC raw JSON that is no string. */
    FIELD_LENIENT = 1 << 4,
    /* Reserved name: sending a non-null value is UNSUPPORTED (never silently dropped). */
    FIELD_UNSUPPORTED = 1 << 5,
    /* A repeated scalar that is written unpacked. Readers accept both. */
    FIELD_UNPACKED = 1 << 6,
    /* A text over its bound is cut at a UTF-8 boundary and marked with an ellipsis. */
    FIELD_CUT = 1 << 7,
    /* Not in JSON, where the name means nothing: the server sets it by itself. */
    FIELD_INNER = 1 << 8,
};

struct message;

struct list {
    void *items; /* `count` consecutive values of the field's C type, in the reader's arena. */
    uint32_t count;
};

/* Words of an enumeration: index = value; a NULL word is not accepted. ASCII case is ignored. */
struct words {
    const char *const *names;
    uint32_t count;
};

struct field {
    const char *name; /* REST JSON, snake_case. RPC JSON: lowerCamelCase (reads either). */
    enum field_kind kind;
    uint16_t flags;  /* enum field_flag. */
    uint16_t tag;    /* Protobuf field number; 0 = not in the protobuf form. */
    uint16_t bit;    /* 1 + bit number in the presence word; 0 = presence is not tracked. */
    uint32_t offset; /* Of the value in the struct. */
    int64_t min;     /* Numbers: least value, checked only if min < max. */
    int64_t max;     /* Numbers: most. Text, bytes, JSON: bytes, 0 = no bound. Lists: count_max. */
    uint32_t count_max;    /* Lists and maps: most items (0 = no bound). */
    uint32_t value_offset; /* FIELD_MAP: of the value in the item. */
    const struct message *sub;
    const struct words *words;
    const char *help; /* One line for docs, OpenAPI and --help. */
};

struct message {
    const char *name; /* "EnqueueRequest": protobuf and OpenAPI name. */
    const struct field *fields;
    uint32_t field_count;       /* At most 128. */
    uint32_t size;              /* sizeof the struct. */
    uint32_t has_offset;        /* Of the uint64_t presence word; only for fields with a bit. */
    uint32_t item_size;         /* As a map's value: sizeof the whole item {key, value}; else 0. */
    void (*init)(void *record); /* Sets defaults before reading; NULL = all zero. */
};

/* True if the field's presence bit is set in the record. Any thread. */
bool field_present(const struct message *message, const void *record, const struct field *field);

#endif
