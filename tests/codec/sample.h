/* Two messages for tests of the codec: one field of each kind, each also as a list, most also with
 * a presence bit. `sample_every` has all kinds; `sample_rpc` maps the same struct with only those
 * kinds whose RPC JSON is proto3's own, so that any protobuf library can check it. */
#ifndef TESTS_CODEC_SAMPLE_H
#define TESTS_CODEC_SAMPLE_H

#include "base/common.h"
#include "wire/field.h"

struct sample_inner {
    struct slice name;
    int32_t count;
    struct list texts;
    const struct sample_inner *next; /* A table that names itself: nesting is up to the input. */
};

struct sample_item {
    struct slice key;
    struct sample_inner value;
};

struct sample {
    uint64_t has;
    bool flag;
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    uint64_t time;
    uint64_t timestamp;
    uint64_t duration;
    uint64_t duration_text;
    int64_t money;
    int64_t money_double;
    uint32_t word;
    uint32_t word_text;
    uint32_t word_number;
    struct slice text;
    struct slice bytes;
    struct slice json;
    const struct sample_inner *inner;
    struct list map;
    bool opt_flag;
    int32_t opt_i32;
    uint64_t opt_u64;
    uint64_t opt_timestamp;
    uint64_t opt_duration_text;
    int64_t opt_money_double;
    uint32_t opt_word_text;
    uint32_t opt_word_number;
    struct slice opt_text;
    struct slice opt_bytes;
    struct list flags;
    struct list i32s;
    struct list i64s;
    struct list u32s;
    struct list u64s;
    struct list times;
    struct list timestamps;
    struct list durations;
    struct list duration_texts;
    struct list moneys;
    struct list money_doubles;
    struct list words;
    struct list word_texts;
    struct list word_numbers;
    struct list texts;
    struct list blobs;
    struct list jsons;
    struct list inners;
};

static const char *const sample_names[] = {"none", "low", "High", NULL, "very_high"};
static const struct words sample_words = {sample_names, ARRAY_COUNT(sample_names)};

extern const struct message sample_inner_message;

/* name, kind, tag, then what else the row has. */
#define ROW(member, row_kind, row_tag, ...)                                                        \
    {.name = #member,                                                                              \
     .kind = row_kind,                                                                             \
     .tag = row_tag,                                                                               \
     .offset = offsetof(struct sample, member),                                                    \
     .help = "A " #row_kind " for tests.",                                                         \
     __VA_ARGS__}

/* The kinds whose RPC JSON is proto3's. */
#define RPC_ROWS                                                                                   \
    ROW(flag, FIELD_BOOL, 1, .flags = 0), ROW(i32, FIELD_I32, 2, .flags = 0),                      \
        ROW(i64, FIELD_I64, 3, .flags = 0), ROW(u32, FIELD_U32, 4, .flags = 0),                    \
        ROW(u64, FIELD_U64, 5, .flags = 0), ROW(timestamp, FIELD_TIMESTAMP, 7, .flags = 0),        \
        ROW(duration_text, FIELD_DURATION_TEXT, 9, .flags = 0),                                    \
        ROW(money_double, FIELD_MONEY_DOUBLE, 11, .flags = 0),                                     \
        ROW(word_text, FIELD_ENUM_TEXT, 13, .words = &sample_words),                               \
        ROW(word_number, FIELD_ENUM_NUMBER, 14, .words = &sample_words),                           \
        ROW(text, FIELD_TEXT, 15, .flags = 0), ROW(bytes, FIELD_BYTES, 16, .flags = 0),            \
        ROW(json, FIELD_JSON, 17, .flags = 0),                                                     \
        ROW(inner, FIELD_MESSAGE, 18, .sub = &sample_inner_message),                               \
        ROW(map, FIELD_MAP, 19, .sub = &sample_inner_message,                                      \
            .value_offset = offsetof(struct sample_item, value)),                                  \
        ROW(opt_flag, FIELD_BOOL, 40, .bit = 1), ROW(opt_i32, FIELD_I32, 41, .bit = 2),            \
        ROW(opt_u64, FIELD_U64, 42, .bit = 3), ROW(opt_timestamp, FIELD_TIMESTAMP, 43, .bit = 64), \
        ROW(opt_duration_text, FIELD_DURATION_TEXT, 44, .bit = 5),                                 \
        ROW(opt_money_double, FIELD_MONEY_DOUBLE, 45, .bit = 6),                                   \
        ROW(opt_word_text, FIELD_ENUM_TEXT, 46, .bit = 7, .words = &sample_words),                 \
        ROW(opt_word_number, FIELD_ENUM_NUMBER, 47, .bit = 8, .words = &sample_words),             \
        ROW(opt_text, FIELD_TEXT, 48, .bit = 9), ROW(opt_bytes, FIELD_BYTES, 49, .bit = 10),       \
        ROW(flags, FIELD_BOOL, 100, .flags = FIELD_LIST),                                          \
        ROW(i32s, FIELD_I32, 101, .flags = FIELD_LIST),                                            \
        ROW(i64s, FIELD_I64, 102, .flags = FIELD_LIST | FIELD_UNPACKED),                           \
        ROW(u32s, FIELD_U32, 103, .flags = FIELD_LIST),                                            \
        ROW(u64s, FIELD_U64, 104, .flags = FIELD_LIST),                                            \
        ROW(timestamps, FIELD_TIMESTAMP, 106, .flags = FIELD_LIST),                                \
        ROW(duration_texts, FIELD_DURATION_TEXT, 108, .flags = FIELD_LIST),                        \
        ROW(money_doubles, FIELD_MONEY_DOUBLE, 110, .flags = FIELD_LIST),                          \
        ROW(word_texts, FIELD_ENUM_TEXT, 112, .flags = FIELD_LIST, .words = &sample_words),        \
        ROW(word_numbers, FIELD_ENUM_NUMBER, 113, .flags = FIELD_LIST, .words = &sample_words),    \
        ROW(texts, FIELD_TEXT, 114, .flags = FIELD_LIST),                                          \
        ROW(blobs, FIELD_BYTES, 115, .flags = FIELD_LIST),                                         \
        ROW(jsons, FIELD_JSON, 116, .flags = FIELD_LIST),                                          \
        ROW(inners, FIELD_MESSAGE, 3000, .flags = FIELD_LIST, .sub = &sample_inner_message)

/* The kinds that JSON spells in its own way. */
#define OWN_ROWS                                                                                   \
    ROW(time, FIELD_TIME, 6, .flags = 0), ROW(duration, FIELD_DURATION, 8, .flags = 0),            \
        ROW(money, FIELD_MONEY, 10, .flags = 0),                                                   \
        ROW(word, FIELD_ENUM, 12, .words = &sample_words),                                         \
        ROW(times, FIELD_TIME, 105, .flags = FIELD_LIST),                                          \
        ROW(durations, FIELD_DURATION, 107, .flags = FIELD_LIST),                                  \
        ROW(moneys, FIELD_MONEY, 109, .flags = FIELD_LIST),                                        \
        ROW(words, FIELD_ENUM, 111, .flags = FIELD_LIST, .words = &sample_words)

static const struct field sample_inner_fields[] = {
    {.name = "name", .kind = FIELD_TEXT, .tag = 1, .offset = offsetof(struct sample_inner, name)},
    {.name = "count", .kind = FIELD_I32, .tag = 2, .offset = offsetof(struct sample_inner, count)},
    {.name = "texts",
     .kind = FIELD_TEXT,
     .flags = FIELD_LIST,
     .tag = 3,
     .offset = offsetof(struct sample_inner, texts)},
    {.name = "next",
     .kind = FIELD_MESSAGE,
     .tag = 4,
     .offset = offsetof(struct sample_inner, next),
     .sub = &sample_inner_message},
};

const struct message sample_inner_message = {
    .name = "SampleInner",
    .fields = sample_inner_fields,
    .field_count = ARRAY_COUNT(sample_inner_fields),
    .size = sizeof(struct sample_inner),
    .item_size = sizeof(struct sample_item),
};

static const struct field sample_every_fields[] = {RPC_ROWS, OWN_ROWS};
static const struct field sample_rpc_fields[] = {RPC_ROWS};

static const struct message sample_every = {
    .name = "SampleEvery",
    .fields = sample_every_fields,
    .field_count = ARRAY_COUNT(sample_every_fields),
    .size = sizeof(struct sample),
    .has_offset = offsetof(struct sample, has),
};

static const struct message sample_rpc = {
    .name = "SampleRpc",
    .fields = sample_rpc_fields,
    .field_count = ARRAY_COUNT(sample_rpc_fields),
    .size = sizeof(struct sample),
    .has_offset = offsetof(struct sample, has),
};

#undef ROW
#undef RPC_ROWS
#undef OWN_ROWS

#endif
