/* Unique keys: no lock is left behind, a lock that is not what it should be is found, failures of
 * the store stop the replica, and many answers with large results are bounded. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/key.h"
#include "core/rows.h"
#include "core/tables.h"
#include "tests/unit/core_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define CACHED "{\"queue\":\"q\",\"unique_key\":\"k\",\"unique_period\":60}"

static enum err_code count_row(void *context, struct slice key, struct slice value, struct err *err)
{
    (void)key;
    (void)value;
    (void)err;
    ++*(uint32_t *)context;
    return ERR_NONE;
}

static uint32_t count_locks(struct core_fixture *fixture)
{
    struct kv *kv = kv_mem_kv(fixture->mem);
    uint32_t count = 0;

    assert_int_equal(
        kv->scan(kv->self, TABLE_LOCK, slice_of(NULL, 0), count_row, &count, &fixture->err),
        ERR_NONE);
    return count;
}

/* Claims one job of q and acknowledges it with a result of that many bytes. */
static void complete(struct core_fixture *fixture, size_t result_size)
{
    const struct op_fetch_reply *reply =
        core_fixture_run(fixture, "fetch", "{\"queues\":[\"q\"]}")->reply;
    const struct op_fetch_job *job = reply->jobs.items;
    char *json = malloc(result_size + 128);
    int used;

    assert_int_equal(reply->jobs.count, 1);
    assert_non_null(json);
    used = snprintf(json, 128, "{\"job_id\":\"%.*s\",\"result\":\"", (int)job->job_id.size,
                    (const char *)job->job_id.data);
    memset(json + used, 'r', result_size);
    (void)snprintf(json + (size_t)used + result_size, 8, "\"}");
    assert_int_equal(core_fixture_run(fixture, "ack", json)->err.code, ERR_NONE);
    free(json);
}

static const struct op_enqueue_reply *enqueue(struct core_fixture *fixture, const char *json)
{
    const struct op_result *result = core_fixture_run(fixture, "enqueue", json);

    assert_int_equal(result->err.code, ERR_NONE);
    return result->reply;
}

/* Whatever happened to 300 jobs with keys, when all rows are gone no lock is there. */
static void test_defect_9_no_lock_is_left(void **state)
{
    static const char *const ends[] = {"clear", "destroy"};
    static const char *const modes[] = {"started", "completed", "period"};
    struct core_fixture fixture;
    char json[160];

    (void)state;
    core_fixture_init(&fixture);
    fixture.options.retention_ms = 1000;
    core_set_options(fixture.core, &fixture.options);
    for (uint32_t i = 0; i < 300; i++) {
        (void)snprintf(json, sizeof(json),
                       "{\"queue\":\"q\",\"unique_key\":\"k%u\",\"unique_until\":\"%s\","
                       "\"unique_period\":\"%ums\",\"expire_after\":\"%us\"}",
                       i % 100, modes[i % 3], 300 + i, 1 + i % 3);
        (void)core_fixture_run(&fixture, "enqueue", json);
        fixture.now_ns += 10 * NS_PER_MS;
        if (i % 4 == 0) {
            const struct op_fetch_reply *reply =
                core_fixture_run(&fixture, "fetch", "{\"queues\":[\"q\"],\"timeout\":1}")->reply;

            assert_true(reply->jobs.count <= 1);
        }
        if (i % 90 == 89) {
            (void)core_fixture_run(&fixture, ends[i / 90 % 2], "{\"queue\":\"q\"}");
        }
        if (i % 50 == 0) {
            core_fixture_check(&fixture);
            core_fixture_reopen(&fixture);
        }
    }
    assert_true(count_locks(&fixture) > 0);
    for (uint32_t i = 0; i < 30; i++) {
        fixture.now_ns += 70 * NS_PER_SECOND;
        (void)core_fixture_run(&fixture, "tick", "{\"retention_ms\":1000}");
        core_fixture_check(&fixture);
    }
    assert_int_equal(count_locks(&fixture), 0);
    core_fixture_done(&fixture);
}

static struct slice read_lock(struct core_fixture *fixture, const struct row_key *key)
{
    struct kv *kv = kv_mem_kv(fixture->mem);
    struct slice value;

    assert_int_equal(
        kv->get(kv->self, TABLE_LOCK, row_key_slice(key), &fixture->arena, &value, &fixture->err),
        ERR_NONE);
    return value;
}

static void put_lock(struct core_fixture *fixture, const struct row_key *key, struct slice value)
{
    struct kv *kv = kv_mem_kv(fixture->mem);

    assert_int_equal(kv->put(kv->self, TABLE_LOCK, row_key_slice(key), value, 0, &fixture->err),
                     ERR_NONE);
}

static void remove_lock(struct core_fixture *fixture, const struct row_key *key)
{
    struct kv *kv = kv_mem_kv(fixture->mem);

    assert_int_equal(kv->remove(kv->self, TABLE_LOCK, row_key_slice(key), &fixture->err), ERR_NONE);
}

/* core_check sees a lock that is missing, one of nobody, and one under another key. */
static void test_wrong_locks_are_found(void **state)
{
    struct row_key key = lock_row_key(1, slice_text("k"));
    struct row_key other = lock_row_key(1, slice_text("other"));
    struct core_fixture fixture;
    struct slice value;
    uint8_t copy[64];

    (void)state;
    core_fixture_init(&fixture);
    (void)enqueue(&fixture, CACHED);
    core_fixture_check(&fixture);
    value = read_lock(&fixture, &key);
    assert_true(value.size > 0 && value.size <= sizeof(copy));
    memcpy(copy, value.data, value.size);
    value.data = copy;

    put_lock(&fixture, &other, value);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    remove_lock(&fixture, &other);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_NONE);

    remove_lock(&fixture, &key);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    copy[value.size - 1] ^= 1;
    put_lock(&fixture, &key, value);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    put_lock(&fixture, &key, slice_text("rubbish"));
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    core_fixture_done(&fixture);
}

/* Two keys of one hash are told apart: neither is answered with the other's job. */
static void test_keys_with_the_same_hash(void **state)
{
    struct row_key key = lock_row_key(1, slice_text("k"));
    struct row_key other = lock_row_key(1, slice_text("other"));
    struct core_fixture fixture;
    const struct op_result *result;

    (void)state;
    core_fixture_init(&fixture);
    (void)enqueue(&fixture, CACHED);
    put_lock(&fixture, &other, read_lock(&fixture, &key));
    result = core_fixture_run(&fixture, "enqueue", "{\"queue\":\"q\",\"unique_key\":\"other\"}");
    assert_int_equal(result->err.code, ERR_INVALID);
    assert_non_null(strstr(result->err.text, "same hash"));
    core_fixture_done(&fixture);
}

/* Each call of the store that a duplicate, a take-over and an end make fails once: the replica
 * stops, and nothing is an operation's own failure. */
static void test_store_failures_stop_the_replica(void **state)
{
    static const char *const steps[][2] = {
        {"enqueue", CACHED}, {"enqueue", CACHED}, {"destroy", "{\"queue\":\"q\"}"}, {"tick", "{}"}};
    struct core_fixture fixture;
    bool through = false;

    (void)state;
    for (uint64_t n = 1; !through; n++) {
        enum err_code code = ERR_NONE;

        core_fixture_init(&fixture);
        (void)enqueue(&fixture, CACHED);
        complete(&fixture, 4);
        fixture.fault.calls = 0;
        fixture.fault.fail_at = n;
        for (uint32_t i = 0; i < ARRAY_COUNT(steps) && code == ERR_NONE; i++) {
            core_fixture_add(&fixture, steps[i][0], 0, steps[i][1]);
            code = core_fixture_apply(&fixture);
            assert_true(code != ERR_NONE || !fixture.applied.results[0].err.code);
            fixture.now_ns += 60 * NS_PER_SECOND;
        }
        through = code == ERR_NONE;
        assert_true(through ? fixture.fault.calls < n : code == ERR_IO);
        core_fixture_done(&fixture);
        assert_true(n < 100);
    }
}

/* A result of 1 MiB is answered to as many as an entry may read; the others are told to come back,
 * and a unit of too many does nothing. */
static void test_large_results_are_bounded(void **state)
{
    struct core_fixture fixture;
    uint32_t busy = 0;

    (void)state;
    core_fixture_init(&fixture);
    (void)enqueue(&fixture, CACHED);
    complete(&fixture, RESULT_MAX - 2);
    for (uint32_t i = 0; i < 60; i++) {
        core_fixture_add(&fixture, "enqueue", 0, CACHED);
    }
    assert_int_equal(core_fixture_apply(&fixture), ERR_NONE);
    for (uint32_t i = 0; i < 60; i++) {
        const struct op_enqueue_reply *reply = fixture.applied.results[i].reply;

        busy += fixture.applied.results[i].err.reply == REPLY_OVERLOADED;
        assert_true(!reply || reply->result.size == RESULT_MAX);
    }
    assert_int_equal(busy, 60 - 48);
    assert_int_equal(enqueue(&fixture, CACHED)->result.size, RESULT_MAX);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defect_9_no_lock_is_left),
        cmocka_unit_test(test_wrong_locks_are_found),
        cmocka_unit_test(test_keys_with_the_same_hash),
        cmocka_unit_test(test_store_failures_stop_the_replica),
        cmocka_unit_test(test_large_results_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
