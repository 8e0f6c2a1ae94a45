/* Job ids, keys and lease tokens: round trips, and every way to be none. */
#include "core/key.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static struct arena arena;

/* Ids are written and read back for the least, a middle and the last key. */
static void test_ids_round_trip(void **state)
{
    const struct job_key keys[] = {
        {0, 0}, {UINT64_C(1767225600123456789), 7}, {UINT64_MAX, JOB_SEQ_MAX}};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(keys); i++) {
        struct slice text = job_id_text(keys[i], &arena);
        struct row_key row = job_row_key(keys[i]);
        struct job_key back;

        assert_int_equal(text.size, 30);
        assert_true(job_id_parse(text, &back));
        assert_true(back.time_ns == keys[i].time_ns && back.seq == keys[i].seq);
        assert_true(job_key_read(row_key_slice(&row), &back));
        assert_true(back.time_ns == keys[i].time_ns && back.seq == keys[i].seq);
    }
    assert_true(
        slice_is(job_id_text((struct job_key){1, 255}, &arena), "job_000000000000000100000000ff"));
}

/* Keys sort as creation does: by time, then by sequence; ids sort the same. */
static void test_keys_sort_by_creation(void **state)
{
    struct row_key a = job_row_key((struct job_key){5, 900});
    struct row_key b = job_row_key((struct job_key){5, 901});
    struct row_key c = job_row_key((struct job_key){6, 1});

    (void)state;
    assert_true(slice_compare(row_key_slice(&a), row_key_slice(&b)) < 0);
    assert_true(slice_compare(row_key_slice(&b), row_key_slice(&c)) < 0);
    assert_true(slice_compare(job_id_text((struct job_key){5, 901}, &arena),
                              job_id_text((struct job_key){6, 1}, &arena)) < 0);
}

/* A table of texts that are no job ids. */
static void test_bad_ids_are_refused(void **state)
{
    const char *const bad[] = {
        "",
        "job_",
        "job_1",
        "job_000000000000000100000000f",
        "job_000000000000000100000000fff",
        "job_000000000000000100000000FF",
        "job_00000000000000010000000 ff",
        "JOB_000000000000000100000000ff",
        "batch_0000000000000100000000ff",
    };
    struct job_key key;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_false(job_id_parse(slice_text(bad[i]), &key));
    }
}

/* Tokens round trip with the least and the greatest epoch; a table of texts that are none. */
static void test_lease_tokens(void **state)
{
    const uint32_t epochs[] = {1, 10, UINT32_MAX};
    const char *const bad[] = {
        "",
        ".1",
        "000000000000000100000000ff",
        "000000000000000100000000ff.",
        "000000000000000100000000ff.0",
        "000000000000000100000000ff.01",
        "000000000000000100000000ff.-1",
        "000000000000000100000000ff.1 ",
        "000000000000000100000000ff.4294967296",
        "000000000000000100000000ff.99999999999",
        "00000000000000010000000gff.1",
        "job_000000000000000100000000ff.1",
    };
    struct job_key key;
    uint32_t epoch;
    struct err err;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_COUNT(epochs); i++) {
        struct slice text = lease_token_text((struct job_key){1, 255}, epochs[i], &arena);

        assert_true(text.size <= 64);
        assert_int_equal(lease_token_parse(text, &key, &epoch, &err), ERR_NONE);
        assert_true(key.time_ns == 1 && key.seq == 255 && epoch == epochs[i]);
    }
    for (uint32_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_int_equal(lease_token_parse(slice_text(bad[i]), &key, &epoch, &err), ERR_INVALID);
    }
}

/* Reading a key of the wrong size says so. */
static void test_short_keys_are_refused(void **state)
{
    struct job_key key;
    uint64_t number;

    (void)state;
    assert_false(job_key_read(slice_of("123456789012", 12), &key));
    assert_false(number_key_read(slice_of("1234567", 7), &number));
    assert_false(number_key_read(slice_of("123456789", 9), &number));
}

/* A full arena gives the empty slice, not a crash. */
static void test_full_arena(void **state)
{
    struct arena none;

    (void)state;
    arena_init(&none, 8);
    assert_null(job_id_text((struct job_key){1, 1}, &none).data);
    assert_null(lease_token_text((struct job_key){1, 1}, 1, &none).data);
    arena_done(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_round_trip),         cmocka_unit_test(test_keys_sort_by_creation),
        cmocka_unit_test(test_bad_ids_are_refused),    cmocka_unit_test(test_lease_tokens),
        cmocka_unit_test(test_short_keys_are_refused), cmocka_unit_test(test_full_arena),
    };
    int failed;

    arena_init(&arena, 1 << 16);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
