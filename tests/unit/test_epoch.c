/* Epochs: rows against what was put while the hash grows, and memory that goes back to the kernel.
 *
 * mmap and munmap are interposed, to count what is mapped and to fail the n-th call. */
#include "base/limits.h"
#include "store/epoch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static uint32_t maps_seen;
static uint32_t maps_fail_at; /* 0 = none. */
static size_t mapped;

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    maps_seen++;
    if (maps_seen == maps_fail_at) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    mapped += size;
    return (void *)syscall(SYS_mmap, at, size, protection, flags, file, offset);
}

int munmap(void *at, size_t size)
{
    mapped -= size;
    return (int)syscall(SYS_munmap, at, size);
}

struct fixture {
    struct epoch *epoch;
    size_t mapped_before;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->mapped_before = mapped;
    maps_seen = 0;
    maps_fail_at = 0;
    assert_int_equal(epoch_create(&fixture->epoch, &fixture->err), ERR_NONE);
    *state = fixture;
    return 0;
}

/* Each test ends with all of its memory given back. */
static int teardown(void **state)
{
    struct fixture *fixture = *state;

    maps_fail_at = 0;
    epoch_destroy(fixture->epoch);
    assert_int_equal(mapped, fixture->mapped_before);
    free(fixture);
    return 0;
}

static enum err_code put(struct fixture *fixture, uint32_t number, const char *value,
                         uint32_t flags)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "key-%u", number);
    return epoch_put(fixture->epoch, (uint8_t)(number % 3), slice_text(key), slice_text(value),
                     flags, &fixture->err);
}

static const struct row *find(struct fixture *fixture, uint32_t number)
{
    char key[16];

    (void)snprintf(key, sizeof(key), "key-%u", number);
    return epoch_find(fixture->epoch, (uint8_t)(number % 3), slice_text(key));
}

static bool row_is(const struct row *row, const char *value)
{
    return row && row->state == ROW_LIVE && slice_is(slice_of(row->value, row->value_size), value);
}

/* 300,000 rows: at each doubling of the hash, and in the midst of each move, old and new rows are
 * found. */
static void test_growth(void **state)
{
    struct fixture *fixture = *state;
    uint32_t random = 1;
    char value[16];

    assert_null(find(fixture, 0));
    for (uint32_t i = 0; i < 300000; i++) {
        uint32_t earlier;

        (void)snprintf(value, sizeof(value), "%u", i);
        assert_null(find(fixture, i));
        assert_int_equal(put(fixture, i, value, KV_FRESH), ERR_NONE);
        assert_true(row_is(find(fixture, i), value));
        random = random * 1664525 + 1013904223;
        earlier = (uint32_t)(((uint64_t)random * (i + 1)) >> 32);
        (void)snprintf(value, sizeof(value), "%u", earlier);
        assert_true(row_is(find(fixture, earlier), value));
    }
    assert_int_equal(epoch_row_count(fixture->epoch), 300000);
    for (uint32_t i = 0; i < 300000; i++) {
        (void)snprintf(value, sizeof(value), "%u", i);
        assert_ptr_equal(epoch_row(fixture->epoch, i), find(fixture, i));
        assert_true(row_is(find(fixture, i), value));
    }
    /* 100 bytes or so a row: 32 of row, 16 to 32 of hash, the key and the value. */
    assert_true(epoch_bytes(fixture->epoch) < (size_t)300000 * 110);
    assert_true(mapped - fixture->mapped_before < (size_t)300000 * 110 + 2 * MIB);
}

/* What a removed row says depends on whether something may lie below it. */
static void test_states(void **state)
{
    struct fixture *fixture = *state;
    struct epoch *epoch = fixture->epoch;
    struct err *err = &fixture->err;

    assert_int_equal(epoch_put(epoch, 1, slice_text("fresh"), slice_text("1"), KV_FRESH, err),
                     ERR_NONE);
    assert_int_equal(epoch_put(epoch, 1, slice_text("known"), slice_text("1"), 0, err), ERR_NONE);
    assert_int_equal(epoch_remove(epoch, 1, slice_text("fresh"), err), ERR_NONE);
    assert_int_equal(epoch_remove(epoch, 1, slice_text("known"), err), ERR_NONE);
    assert_int_equal(epoch_remove(epoch, 1, slice_text("other"), err), ERR_NONE);
    assert_int_equal(epoch_find(epoch, 1, slice_text("fresh"))->state, ROW_VANISHED);
    assert_int_equal(epoch_find(epoch, 1, slice_text("known"))->state, ROW_REMOVED);
    assert_int_equal(epoch_find(epoch, 1, slice_text("other"))->state, ROW_REMOVED);
    assert_null(epoch_find(epoch, 2, slice_text("known")));

    /* A row that came back is fresh only if it was so at first. */
    assert_int_equal(epoch_put(epoch, 1, slice_text("fresh"), slice_text("2"), 0, err), ERR_NONE);
    assert_int_equal(epoch_put(epoch, 1, slice_text("known"), slice_text("2"), KV_FRESH, err),
                     ERR_NONE);
    assert_true(row_is(epoch_find(epoch, 1, slice_text("fresh")), "2"));
    assert_int_equal(epoch_remove(epoch, 1, slice_text("fresh"), err), ERR_NONE);
    assert_int_equal(epoch_remove(epoch, 1, slice_text("known"), err), ERR_NONE);
    assert_int_equal(epoch_find(epoch, 1, slice_text("fresh"))->state, ROW_VANISHED);
    assert_int_equal(epoch_find(epoch, 1, slice_text("known"))->state, ROW_REMOVED);
    assert_int_equal(epoch_row_count(epoch), 3);
}

/* A row rewritten with no more bytes than it had takes no more memory, however often. */
static void test_rewrite_in_place(void **state)
{
    struct fixture *fixture = *state;
    size_t before;

    assert_int_equal(put(fixture, 1, "twelve bytes", 0), ERR_NONE);
    before = epoch_bytes(fixture->epoch);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(put(fixture, 1, i % 2 ? "" : "TWELVE BYTES", 0), ERR_NONE);
    }
    assert_true(row_is(find(fixture, 1), ""));
    assert_int_equal(epoch_bytes(fixture->epoch), before);
    assert_int_equal(put(fixture, 1, "thirteen bytes", 0), ERR_NONE);
    assert_true(row_is(find(fixture, 1), "thirteen bytes"));
    assert_true(epoch_bytes(fixture->epoch) > before);
}

/* Large values between small ones: each is whole, and small ones still share a chunk. */
static void test_large_values(void **state)
{
    static uint8_t large[3 * MIB];
    struct fixture *fixture = *state;
    const struct row *row;

    for (uint32_t i = 0; i < 8; i++) {
        uint8_t key = (uint8_t)i;

        memset(large, (int)i, sizeof(large));
        assert_int_equal(epoch_put(fixture->epoch, 0, slice_of(&key, 1),
                                   slice_of(large, sizeof(large)), 0, &fixture->err),
                         ERR_NONE);
        assert_int_equal(put(fixture, 100 + i, "small", 0), ERR_NONE);
    }
    assert_true(mapped - fixture->mapped_before < 8 * sizeof(large) + 3 * MIB);
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t key = (uint8_t)i;

        memset(large, (int)i, sizeof(large));
        row = epoch_find(fixture->epoch, 0, slice_of(&key, 1));
        assert_non_null(row);
        assert_int_equal(row->value_size, sizeof(large));
        assert_memory_equal(row->value, large, sizeof(large));
        assert_true(row_is(find(fixture, 100 + i), "small"));
    }
}

/* A table's rows from a key on, in byte order, removed ones too. */
static void test_sorted(void **state)
{
    static const char *const keys[] = {"b", "", "ab", "a", "c", "aa"};
    static const char *const expected[] = {"a", "aa", "ab", "b", "c"};
    struct fixture *fixture = *state;
    struct epoch *epoch = fixture->epoch;
    const struct row **rows = NULL;
    uint32_t count = 0;

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_int_equal(
            epoch_put(epoch, 1, slice_text(keys[i]), slice_text("x"), 0, &fixture->err), ERR_NONE);
    }
    assert_int_equal(epoch_put(epoch, 0, slice_text("aa"), slice_text("x"), 0, NULL), ERR_NONE);
    assert_int_equal(epoch_remove(epoch, 1, slice_text("ab"), NULL), ERR_NONE);
    assert_int_equal(epoch_sorted(epoch, 1, slice_text("a"), &rows, &count, NULL), ERR_NONE);
    assert_int_equal(count, ARRAY_COUNT(expected));
    for (uint32_t i = 0; i < count; i++) {
        assert_true(slice_is(row_key(rows[i]), expected[i]));
        assert_int_equal(rows[i]->state, i == 2 ? ROW_REMOVED : ROW_LIVE);
    }
    free(rows);
}

/* The n-th mapping fails, for every n: the put says so, nothing else is disturbed, and the same put
 * then works. */
static void test_no_memory(void **state)
{
    struct fixture *fixture = *state;
    uint32_t failures = 0;

    for (uint32_t nth = 1;; nth++) {
        uint32_t failed = 0;

        epoch_destroy(fixture->epoch);
        assert_int_equal(epoch_create(&fixture->epoch, NULL), ERR_NONE);
        maps_seen = 0;
        maps_fail_at = nth;
        for (uint32_t i = 0; i < 20000; i++) {
            if (put(fixture, i, "a value of some size, to fill the chunks", 0)) {
                failed++;
                assert_int_equal(fixture->err.code, ERR_NOMEM);
                assert_null(find(fixture, i));
                assert_int_equal(epoch_row_count(fixture->epoch), i);
                assert_int_equal(put(fixture, i, "again", 0), ERR_NONE);
            }
            assert_non_null(find(fixture, i / 2));
        }
        assert_int_equal(epoch_row_count(fixture->epoch), 20000);
        if (!failed) {
            break;
        }
        assert_int_equal(failed, 1);
        failures++;
    }
    assert_true(failures >= 8); /* Chunks and hashes; none of the mappings escaped. */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_growth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_states, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rewrite_in_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sorted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };

    epoch_destroy(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
