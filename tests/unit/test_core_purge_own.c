/* Jobs with a retention of their own: they go in bounded entries, a purge row that is not what it
 * should be is found, and failures of the store stop the replica. */
#include "base/limits.h"
#include "core/key.h"
#include "core/tables.h"
#include "tests/unit/core_fixture.h"

#include <stdio.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#define SHORT "{\"queue\":\"q\",\"retention\":\"10s\",\"tags\":{\"a\":1}}"

/* Enqueues and cancels that many jobs. */
static void end_many(struct core_fixture *fixture, uint32_t count)
{
    char json[96];

    for (uint32_t i = 0; i < count; i++) {
        const struct op_enqueue_reply *reply = core_fixture_run(fixture, "enqueue", SHORT)->reply;

        (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.*s\"}", (int)reply->job_id.size,
                       (const char *)reply->job_id.data);
        assert_int_equal(core_fixture_run(fixture, "cancel", json)->err.code, ERR_NONE);
    }
}

static void test_keys(void **state)
{
    struct job_key job = {UINT64_C(1767225600000000000), 7};
    struct row_key early = purge_row_key(5, (struct job_key){99, 99});
    struct row_key late = purge_row_key(6, job);
    struct job_key read;
    uint64_t at_ns;

    (void)state;
    assert_true(slice_compare(row_key_slice(&early), row_key_slice(&late)) < 0);
    assert_true(purge_key_read(row_key_slice(&late), &at_ns, &read));
    assert_true(at_ns == 6 && read.time_ns == job.time_ns && read.seq == job.seq);
    late.size--;
    assert_false(purge_key_read(row_key_slice(&late), &at_ns, &read));
}

/* More than a tick does go in several, without a pause. */
static void test_bounded_entries(void **state)
{
    struct core_fixture fixture;
    uint32_t purged[3];

    (void)state;
    core_fixture_init(&fixture);
    end_many(&fixture, 2 * TICK_JOBS_MAX + 10);
    assert_true(core_next_due_ns(fixture.core) > fixture.now_ns);
    fixture.now_ns += 12 * NS_PER_SECOND;
    for (uint32_t i = 0; i < 3; i++) {
        const struct op_tick_reply *reply;

        assert_true(core_next_due_ns(fixture.core) <= fixture.now_ns);
        reply = core_fixture_run(&fixture, "tick", "{}")->reply;
        purged[i] = reply->purged;
        core_fixture_check(&fixture);
        core_fixture_reopen(&fixture);
    }
    assert_int_equal(purged[0], TICK_JOBS_MAX);
    assert_int_equal(purged[1], TICK_JOBS_MAX);
    assert_int_equal(purged[2], 10);
    assert_true(core_next_due_ns(fixture.core) > fixture.now_ns);
    core_fixture_done(&fixture);
}

static struct row_key first_key;

static enum err_code keep_key(void *context, struct slice key, struct slice value, struct err *err)
{
    (void)context;
    (void)value;
    first_key.size = (uint8_t)key.size;
    memcpy(first_key.bytes, key.data, key.size);
    return err_set(err, ERR_CLOSED, "the first one will do");
}

/* core_check sees a row too many, one at another instant, and a row that is missing. A row that
 * names no job stops the replica when it is due. */
static void test_wrong_rows_are_found(void **state)
{
    struct core_fixture fixture;
    struct row_key other;
    struct job_key job;
    uint64_t at_ns;
    struct kv *kv;

    (void)state;
    core_fixture_init(&fixture);
    kv = kv_mem_kv(fixture.mem);
    end_many(&fixture, 1);
    core_fixture_check(&fixture);
    assert_int_equal(
        kv->scan(kv->self, TABLE_PURGE, slice_of(NULL, 0), keep_key, NULL, &fixture.err),
        ERR_CLOSED);
    assert_true(purge_key_read(row_key_slice(&first_key), &at_ns, &job));
    assert_int_equal(kv->remove(kv->self, TABLE_PURGE, row_key_slice(&first_key), &fixture.err),
                     ERR_NONE);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    other = purge_row_key(at_ns + 1, job);
    assert_int_equal(
        kv->put(kv->self, TABLE_PURGE, row_key_slice(&other), slice_text("."), 0, &fixture.err),
        ERR_NONE);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    other = purge_row_key(at_ns - 1, job);
    assert_int_equal(
        kv->put(kv->self, TABLE_PURGE, row_key_slice(&other), slice_text("."), 0, &fixture.err),
        ERR_NONE);
    assert_int_equal(core_check(fixture.core, &fixture.err), ERR_CORRUPT);
    job.seq++;
    other = purge_row_key(at_ns - 2, job);
    assert_int_equal(
        kv->put(kv->self, TABLE_PURGE, row_key_slice(&other), slice_text("."), 0, &fixture.err),
        ERR_NONE);
    fixture.now_ns = at_ns;
    core_fixture_add(&fixture, "tick", 0, "{}");
    assert_int_equal(core_fixture_apply(&fixture), ERR_CORRUPT);
    core_fixture_done(&fixture);
}

/* Each call of the store fails once while a job ends and goes: the replica stops. */
static void test_store_failures_stop_the_replica(void **state)
{
    struct core_fixture fixture;
    bool through = false;

    (void)state;
    for (uint64_t n = 1; !through; n++) {
        core_fixture_init(&fixture);
        end_many(&fixture, 2);
        fixture.now_ns += 12 * NS_PER_SECOND;
        fixture.fault.calls = 0;
        fixture.fault.fail_at = n;
        core_fixture_add(&fixture, "tick", 0, "{}");
        through = core_fixture_apply(&fixture) == ERR_NONE;
        assert_true(through ? fixture.fault.calls < n : fixture.err.code == ERR_IO);
        core_fixture_done(&fixture);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bounded_entries),
        cmocka_unit_test(test_wrong_rows_are_found),
        cmocka_unit_test(test_store_failures_stop_the_replica),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
