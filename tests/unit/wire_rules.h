/* A message with the rules that rows can state, and helpers to read and write it, for the tests of
 * wire. */
#ifndef TESTS_UNIT_WIRE_RULES_H
#define TESTS_UNIT_WIRE_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reply.h"
#include "wire/json.h"
#include "wire/protobuf.h"

/* cmocka.h wants these two before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
/* clang-format on */

#define RULES_MEMORY_MAX ((size_t)1 << 26)

struct rules_item {
    struct slice queue;
    uint64_t delay;
    const struct rules_item *item;
};

struct rules_entry {
    struct slice key;
    struct rules_item value;
};

struct rules {
    struct slice queue;
    uint64_t has;
    int32_t small;
    uint64_t delay;
    struct slice note;
    struct slice any;
    int64_t number;
    bool yes;
    struct slice raw;
    struct list jobs;
    struct list entries;
    struct list names;
    uint32_t level;
    uint64_t at;
    struct slice extra;
    const struct rules_item *item;
    struct list tags;
    int64_t cost;
    int32_t retries;
    uint32_t unsigned_small;
};

extern const struct message rules_message;

/* One test's memory. */
struct rules_case {
    struct arena arena;
    struct buf buf;
    struct err err;
    struct rules rules;
};

void rules_begin(struct rules_case *test);
void rules_end(struct rules_case *test);

/* Reads JSON into test->rules; test->err is zero before. */
enum err_code rules_read(struct rules_case *test, enum json_dialect dialect, struct slice json);

/* test->rules as JSON, in test->buf. */
struct slice rules_write(struct rules_case *test, enum json_dialect dialect);

#endif
