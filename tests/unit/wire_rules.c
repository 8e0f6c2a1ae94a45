/* See wire_rules.h. */
#include "tests/unit/wire_rules.h"

static const char *const level_names[] = {"low", "High", NULL, "top"};
static const struct words level_words = {level_names, ARRAY_COUNT(level_names)};

static const struct message item_message;

static const struct field item_fields[] = {
    {.name = "queue",
     .kind = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .tag = 1,
     .offset = offsetof(struct rules_item, queue),
     .max = 8},
    {.name = "delay",
     .kind = FIELD_DURATION_TEXT,
     .tag = 2,
     .offset = offsetof(struct rules_item, delay)},
    {.name = "item",
     .kind = FIELD_MESSAGE,
     .tag = 3,
     .offset = offsetof(struct rules_item, item),
     .sub = &item_message},
};

static const struct message item_message = {
    .name = "RulesItem",
    .fields = item_fields,
    .field_count = ARRAY_COUNT(item_fields),
    .size = sizeof(struct rules_item),
    .item_size = sizeof(struct rules_entry),
};

#define ROW(member, row_kind, row_tag)                                                             \
    .name = #member, .kind = row_kind, .tag = row_tag, .offset = offsetof(struct rules, member)

static const struct field fields[] = {
    {ROW(queue, FIELD_TEXT, 1), .flags = FIELD_REQUIRED, .max = 8},
    {ROW(small, FIELD_I32, 2), .min = -1, .max = 5},
    {ROW(delay, FIELD_DURATION, 3), .min = 10, .max = 1000},
    {ROW(note, FIELD_TEXT, 4), .flags = FIELD_CUT, .max = 10},
    {ROW(any, FIELD_TEXT, 5), .flags = FIELD_LENIENT},
    {ROW(number, FIELD_I64, 6), .flags = FIELD_LENIENT},
    {ROW(yes, FIELD_BOOL, 7), .flags = FIELD_LENIENT},
    {ROW(raw, FIELD_JSON, 8), .flags = FIELD_LENIENT, .max = 16},
    {ROW(jobs, FIELD_MESSAGE, 9), .flags = FIELD_LIST, .count_max = 3, .sub = &item_message},
    {ROW(entries, FIELD_MAP, 10), .count_max = 2, .sub = &item_message,
     .value_offset = offsetof(struct rules_entry, value)},
    {ROW(names, FIELD_TEXT, 11), .flags = FIELD_LIST, .max = 4, .count_max = 2},
    {ROW(level, FIELD_ENUM, 12), .flags = FIELD_ALWAYS, .words = &level_words},
    {ROW(at, FIELD_TIME, 13), .flags = FIELD_ALWAYS},
    {ROW(extra, FIELD_JSON, 14), .flags = FIELD_ALWAYS},
    {ROW(item, FIELD_MESSAGE, 15), .flags = FIELD_ALWAYS, .sub = &item_message},
    {ROW(tags, FIELD_TEXT, 16), .flags = FIELD_LIST | FIELD_ALWAYS},
    {ROW(cost, FIELD_MONEY, 17), .flags = FIELD_ALWAYS},
    {ROW(retries, FIELD_I32, 18), .bit = 33},
    {ROW(unsigned_small, FIELD_U32, 19), .min = 2, .max = 9},
    {.name = "old", .flags = FIELD_IGNORED, .tag = 20, .offset = UINT32_MAX},
    {.name = "chain",
     .kind = FIELD_JSON,
     .flags = FIELD_UNSUPPORTED,
     .tag = 21,
     .offset = UINT32_MAX},
};

static void init(void *record)
{
    struct rules *rules = record;

    rules->small = 4;
}

const struct message rules_message = {
    .name = "Rules",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct rules),
    .has_offset = offsetof(struct rules, has),
    .init = init,
};

void rules_begin(struct rules_case *test)
{
    *test = (struct rules_case){.rules = {.small = 0}};
    arena_init(&test->arena, RULES_MEMORY_MAX);
    buf_init(&test->buf, RULES_MEMORY_MAX);
}

void rules_end(struct rules_case *test)
{
    buf_done(&test->buf);
    arena_done(&test->arena);
}

enum err_code rules_read(struct rules_case *test, enum json_dialect dialect, struct slice json)
{
    test->err = (struct err){.code = ERR_NONE};
    arena_clear(&test->arena);
    return json_read(&rules_message, dialect, json, &test->arena, &test->rules, &test->err);
}

struct slice rules_write(struct rules_case *test, enum json_dialect dialect)
{
    buf_clear(&test->buf);
    json_write(&rules_message, dialect, &test->rules, &test->buf);
    return buf_slice(&test->buf);
}
