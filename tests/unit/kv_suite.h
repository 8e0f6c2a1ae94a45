/* What every kv must do: random entries over few keys, compared with a plain table of what each key
 * should hold.
 *
 * The table is remembered for every index, so that a test can crash a store and ask that it comes
 * back exactly as some entry left it. */
#ifndef TESTS_UNIT_KV_SUITE_H
#define TESTS_UNIT_KV_SUITE_H

#include "core/kv.h"

#include <stdlib.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SUITE_TABLES 4
#define SUITE_KEYS 40 /* 1 + 3 * (1 + 3 * (1 + 3)). */
#define SUITE_KEY_SIZE 3
#define SUITE_ENTRIES_MAX 4000
#define SUITE_LARGE ((size_t)300 * 1000)

/* A value is `size` bytes that follow from `seed`; 0 = there is no row. */
struct suite_value {
    uint32_t seed;
    uint32_t size;
};

struct suite_model {
    struct kv_mark mark;
    struct suite_value values[SUITE_TABLES][SUITE_KEYS];
};

struct suite {
    struct kv *kv;
    struct arena arena;
    uint64_t random;
    uint32_t seeds;
    struct suite_model now;
    struct suite_model *history; /* By index. */
    struct err err;
};

static inline uint32_t suite_random(struct suite *suite, uint32_t below)
{
    suite->random = suite->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(suite->random >> 33) % below;
}

/* Keys in ascending order that are prefixes of each other: "", 00, 00 00, 00 00 00, 00 00 61 .. ff
 * ff ff. */
static inline struct slice suite_key(uint32_t number, uint8_t bytes[SUITE_KEY_SIZE])
{
    static const uint8_t digits[] = {0x00, 0x61, 0xff};
    uint32_t subtree = SUITE_KEYS;
    size_t size = 0;

    assert_true(number < SUITE_KEYS);
    while (number > 0) {
        number--;
        subtree = (subtree - 1) / 3;
        bytes[size++] = digits[number / subtree];
        number %= subtree;
    }
    return slice_of(bytes, size);
}

static inline void suite_fill(struct suite_value value, uint8_t *bytes)
{
    uint32_t state = value.seed;

    for (uint32_t i = 0; i < value.size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static inline void suite_init(struct suite *suite, struct kv *kv, uint64_t seed)
{
    *suite = (struct suite){.kv = kv, .random = seed};
    suite->history = calloc(SUITE_ENTRIES_MAX, sizeof(*suite->history));
    assert_non_null(suite->history);
    arena_init(&suite->arena, (size_t)64 << 20);
}

static inline void suite_done(struct suite *suite)
{
    arena_done(&suite->arena);
    free(suite->history);
}

static inline void suite_put(struct suite *suite, uint8_t table, uint32_t number)
{
    struct suite_value *value = &suite->now.values[table][number];
    uint32_t flags = !value->seed && suite_random(suite, 2) ? KV_FRESH : 0;
    uint32_t size = suite_random(suite, 200) ? suite_random(suite, 60) : SUITE_LARGE;
    uint8_t key[SUITE_KEY_SIZE];
    uint8_t *bytes = malloc(SUITE_LARGE);

    assert_non_null(bytes);
    *value = (struct suite_value){.seed = ++suite->seeds, .size = size};
    suite_fill(*value, bytes);
    assert_int_equal(suite->kv->put(suite->kv->self, table, suite_key(number, key),
                                    slice_of(bytes, size), flags, &suite->err),
                     ERR_NONE);
    free(bytes);
}

static inline void suite_remove(struct suite *suite, uint8_t table, uint32_t number)
{
    uint8_t key[SUITE_KEY_SIZE];

    suite->now.values[table][number] = (struct suite_value){0};
    assert_int_equal(suite->kv->remove(suite->kv->self, table, suite_key(number, key), &suite->err),
                     ERR_NONE);
}

static inline void suite_change(struct suite *suite)
{
    uint8_t table = (uint8_t)suite_random(suite, SUITE_TABLES);
    uint32_t number = suite_random(suite, SUITE_KEYS);

    if (suite_random(suite, 5) < 3) {
        suite_put(suite, table, number);
    } else {
        suite_remove(suite, table, number);
    }
}

static inline void suite_commit(struct suite *suite)
{
    suite->now.mark.index++;
    suite->now.mark.term = 1 + suite->now.mark.index / 100;
    suite->now.mark.state_hash = suite->now.mark.index * UINT64_C(0x9e3779b97f4a7c15);
    assert_int_equal(suite->kv->commit(suite->kv->self, &suite->now.mark, &suite->err), ERR_NONE);
    assert_true(suite->now.mark.index < SUITE_ENTRIES_MAX);
    suite->history[suite->now.mark.index] = suite->now;
}

/* One entry of up to eight changes. */
static inline void suite_entry(struct suite *suite)
{
    for (uint32_t i = suite_random(suite, 8); i > 0; i--) {
        suite_change(suite);
    }
    suite_commit(suite);
}

/* The store fell back to `mark`: from here on that entry's state is what should be there. */
static inline void suite_rewind(struct suite *suite, struct kv_mark mark)
{
    assert_true(mark.index <= suite->now.mark.index);
    suite->now = suite->history[mark.index];
    assert_memory_equal(&mark, &suite->now.mark, sizeof(mark));
}

static inline void suite_check_value(struct suite_value value, struct slice found)
{
    uint8_t *bytes = malloc(SUITE_LARGE);

    assert_non_null(bytes);
    assert_non_null(found.data);
    assert_int_equal(found.size, value.size);
    suite_fill(value, bytes);
    assert_memory_equal(found.data, bytes, value.size);
    free(bytes);
}

struct suite_scan {
    struct suite *suite;
    uint8_t table;
    uint32_t next; /* The first key that was not looked for yet. */
    uint32_t left; /* Rows after which the scan is ended by an error. */
};

static inline enum err_code suite_scanned(void *context, struct slice key, struct slice value,
                                          struct err *err)
{
    struct suite_scan *scan = context;
    const struct suite_value *values = scan->suite->now.values[scan->table];
    uint8_t bytes[SUITE_KEY_SIZE];

    while (scan->next < SUITE_KEYS && !values[scan->next].seed) {
        scan->next++;
    }
    assert_true(scan->next < SUITE_KEYS);
    assert_true(slice_equal(key, suite_key(scan->next, bytes)));
    suite_check_value(values[scan->next], value);
    scan->next++;
    return --scan->left ? ERR_NONE : err_set(err, ERR_BUSY, "enough");
}

static inline void suite_check_scan(struct suite *suite, uint8_t table, uint32_t from)
{
    struct suite_scan scan = {.suite = suite, .table = table, .next = from, .left = SUITE_KEYS + 1};
    const struct suite_value *values = suite->now.values[table];
    uint8_t key[SUITE_KEY_SIZE];

    assert_int_equal(suite->kv->scan(suite->kv->self, table, suite_key(from, key), suite_scanned,
                                     &scan, &suite->err),
                     ERR_NONE);
    for (; scan.next < SUITE_KEYS; scan.next++) {
        assert_int_equal(values[scan.next].seed, 0);
    }
    scan = (struct suite_scan){.suite = suite, .table = table, .next = 0, .left = 2};
    if (suite->kv->scan(suite->kv->self, table, slice_of(NULL, 0), suite_scanned, &scan,
                        &suite->err)) {
        assert_int_equal(scan.left, 0);
        assert_string_equal(suite->err.text, "enough");
    } else {
        assert_true(scan.left > 0);
    }
}

/* Every key by get, every table by scan, from the start and from somewhere. */
static inline void suite_check(struct suite *suite)
{
    for (uint8_t table = 0; table < SUITE_TABLES; table++) {
        for (uint32_t number = 0; number < SUITE_KEYS; number++) {
            struct suite_value value = suite->now.values[table][number];
            struct slice found = slice_of("junk", 4);
            uint8_t key[SUITE_KEY_SIZE];

            assert_int_equal(suite->kv->get(suite->kv->self, table, suite_key(number, key),
                                            &suite->arena, &found, &suite->err),
                             ERR_NONE);
            if (value.seed) {
                suite_check_value(value, found);
            } else {
                assert_null(found.data);
            }
        }
        suite_check_scan(suite, table, 0);
        suite_check_scan(suite, table, suite_random(suite, SUITE_KEYS));
        arena_clear(&suite->arena);
    }
}

#endif
