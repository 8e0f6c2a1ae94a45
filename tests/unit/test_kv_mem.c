/* The kv over memory: the common suite, and what a crash leaves. */
#include "store/kv_mem.h"
#include "tests/unit/kv_suite.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct kv_mem *mem;
    struct kv *kv;
    struct arena arena;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(kv_mem_create(SUITE_TABLES, &fixture->mem, &fixture->err), ERR_NONE);
    fixture->kv = kv_mem_kv(fixture->mem);
    arena_init(&fixture->arena, 1 << 16);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    kv_mem_destroy(fixture->mem);
    arena_done(&fixture->arena);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, const char *key, const char *value, uint32_t flags)
{
    assert_int_equal(fixture->kv->put(fixture->kv->self, 0, slice_text(key), slice_text(value),
                                      flags, &fixture->err),
                     ERR_NONE);
}

static void remove_key(struct fixture *fixture, const char *key)
{
    assert_int_equal(fixture->kv->remove(fixture->kv->self, 0, slice_text(key), &fixture->err),
                     ERR_NONE);
}

static void commit(struct fixture *fixture, uint64_t index)
{
    struct kv_mark mark = {.index = index, .term = 7, .state_hash = index * 3};

    assert_int_equal(fixture->kv->commit(fixture->kv->self, &mark, &fixture->err), ERR_NONE);
}

/* value NULL: the key must not be there. */
static void expect(struct fixture *fixture, const char *key, const char *value)
{
    struct slice found = slice_of("junk", 4);

    assert_int_equal(fixture->kv->get(fixture->kv->self, 0, slice_text(key), &fixture->arena,
                                      &found, &fixture->err),
                     ERR_NONE);
    if (value) {
        assert_non_null(found.data);
        assert_true(slice_is(found, value));
    } else {
        assert_null(found.data);
    }
}

/* Random entries against the reference, with flushes and crashes thrown in. */
static void test_suite(void **state)
{
    struct fixture *fixture = *state;
    struct suite suite;

    suite_init(&suite, fixture->kv, 1);
    for (int i = 0; i < 3000; i++) {
        suite_entry(&suite);
        if (suite_random(&suite, 40) == 0) {
            kv_mem_flush(fixture->mem);
            assert_int_equal(kv_mem_flushed(fixture->mem).index, suite.now.mark.index);
        }
        if (suite_random(&suite, 100) == 0) {
            suite_change(&suite); /* Of an entry that never ends. */
            kv_mem_crash(fixture->mem);
            suite_rewind(&suite, kv_mem_flushed(fixture->mem));
            assert_int_equal(kv_mem_committed(fixture->mem).index, suite.now.mark.index);
            suite_check(&suite);
        }
        if (i % 10 == 0) {
            suite_check(&suite);
        }
    }
    suite_done(&suite);
}

/* A flush in the middle of an entry keeps what was committed before it, and nothing of the entry.
 */
static void test_flush_within_an_entry(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1", 0);
    put(fixture, "gone", "1", 0);
    commit(fixture, 1);
    put(fixture, "a", "2", 0);
    remove_key(fixture, "gone");
    put(fixture, "new", "2", KV_FRESH);
    kv_mem_flush(fixture->mem);
    expect(fixture, "a", "2");
    expect(fixture, "gone", NULL);
    kv_mem_crash(fixture->mem);
    expect(fixture, "a", "1");
    expect(fixture, "gone", "1");
    expect(fixture, "new", NULL);
    assert_int_equal(kv_mem_committed(fixture->mem).index, 1);
}

/* Committed is not flushed: a crash before the first flush leaves nothing, mark included. */
static void test_crash_before_flush(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1", 0);
    commit(fixture, 5);
    assert_int_equal(kv_mem_committed(fixture->mem).index, 5);
    assert_int_equal(kv_mem_committed(fixture->mem).state_hash, 15);
    kv_mem_crash(fixture->mem);
    expect(fixture, "a", NULL);
    assert_int_equal(kv_mem_committed(fixture->mem).index, 0);
}

/* A value outlives its row's next change: it is the arena's. */
static void test_value_stays(void **state)
{
    struct fixture *fixture = *state;
    struct slice value = {0};

    put(fixture, "a", "first", 0);
    commit(fixture, 1);
    assert_int_equal(fixture->kv->get(fixture->kv->self, 0, slice_text("a"), &fixture->arena,
                                      &value, &fixture->err),
                     ERR_NONE);
    put(fixture, "a", "later", 0);
    remove_key(fixture, "a");
    commit(fixture, 2);
    kv_mem_flush(fixture->mem);
    assert_true(slice_is(value, "first"));
}

/* A value that does not fit the arena is ERR_NOMEM, and an empty one is not NULL. */
static void test_value_sizes(void **state)
{
    struct fixture *fixture = *state;
    struct slice value = {0};
    struct arena small;

    put(fixture, "a", "not so small", 0);
    put(fixture, "empty", "", 0);
    expect(fixture, "empty", "");
    arena_init(&small, 4);
    assert_int_equal(
        fixture->kv->get(fixture->kv->self, 0, slice_text("a"), &small, &value, &fixture->err),
        ERR_NOMEM);
    arena_done(&small);
}

/* Puts and removes are counted, a remove of nothing is none. */
static void test_writes(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, "a", "1", KV_FRESH);
    put(fixture, "a", "2", 0);
    remove_key(fixture, "a");
    remove_key(fixture, "a");
    assert_int_equal(kv_mem_writes(fixture->mem), 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_suite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_within_an_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_crash_before_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(test_value_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_value_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writes, setup, teardown),
    };

    kv_mem_destroy(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
