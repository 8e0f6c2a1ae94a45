/* What a clear or destroy leaves behind goes in bounded entries, the same on every replica,
 * whatever fails on the way. */
#include "base/limits.h"
#include "core/tables.h"
#include "tests/unit/core_fixture.h"

#include <stdio.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static void enqueue_many(struct core_fixture *fixture, uint32_t count, const char *json)
{
    for (uint32_t i = 0; i < count; i++) {
        core_fixture_add(fixture, "enqueue", 0, json);
        if (i % 500 == 499 || i + 1 == count) {
            assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
        }
    }
}

static const struct op_tick_reply *tick(struct core_fixture *fixture)
{
    return core_fixture_run(fixture, "tick", "{}")->reply;
}

static bool is_due(const struct core_fixture *fixture)
{
    return core_next_due_ns(fixture->core) <= fixture->now_ns;
}

/* Claims up to 500 jobs of the queue and acknowledges them. */
static uint32_t complete_some(struct core_fixture *fixture, const char *queue)
{
    char json[128];
    const struct op_fetch_reply *reply;
    const struct op_fetch_job *jobs;
    uint32_t count;

    (void)snprintf(json, sizeof(json), "{\"queues\":[\"%s\"],\"count\":500}", queue);
    reply = core_fixture_run(fixture, "fetch", json)->reply;
    jobs = reply->jobs.items;
    count = reply->jobs.count;
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.*s\"}", (int)jobs[i].job_id.size,
                       (const char *)jobs[i].job_id.data);
        core_fixture_add(fixture, "ack", 0, json);
    }
    assert_int_equal(core_fixture_apply(fixture), ERR_NONE);
    return count;
}

/* SWEEP_JOBS_MAX rows an entry, tick after tick, and none is due any more when they are gone. The
 * queue's other jobs and other queues are untouched. */
static void test_bounded_entries(void **state)
{
    struct core_fixture fixture;
    const struct op_clear_reply *reply;
    uint64_t left = 2 * SWEEP_JOBS_MAX + 500;

    (void)state;
    core_fixture_init(&fixture);
    enqueue_many(&fixture, 1000, "{\"queue\":\"q\",\"payload\":[1],\"tags\":{\"a\":1}}");
    enqueue_many(&fixture, 1500, "{\"queue\":\"q\",\"delay\":\"1h\"}");
    enqueue_many(&fixture, 3, "{\"queue\":\"other\"}");
    reply = core_fixture_run(&fixture, "clear", "{\"queue\":\"q\"}")->reply;
    assert_int_equal(reply->cleared, left);
    assert_int_equal(core_live_count(fixture.core), 3);
    enqueue_many(&fixture, 2, "{\"queue\":\"q\"}");
    while (left > 0) {
        uint32_t want = left < SWEEP_JOBS_MAX ? (uint32_t)left : SWEEP_JOBS_MAX;

        assert_true(is_due(&fixture));
        core_fixture_check(&fixture);
        assert_int_equal(tick(&fixture)->swept, want);
        left -= want;
    }
    assert_false(is_due(&fixture));
    assert_int_equal(core_live_count(fixture.core), 5);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* Done rows of a destroyed queue lie among those of others: all of the former go, none of the
 * latter. */
static void test_done_rows_of_a_destroyed_queue(void **state)
{
    struct core_fixture fixture;
    const struct op_destroy_reply *reply;
    uint32_t swept = 0;
    uint32_t ticks = 0;

    (void)state;
    core_fixture_init(&fixture);
    for (uint32_t i = 0; i < 4; i++) {
        enqueue_many(&fixture, 500, "{\"queue\":\"q\"}");
        enqueue_many(&fixture, 500, "{\"queue\":\"other\"}");
        assert_int_equal(complete_some(&fixture, "q"), 500);
        assert_int_equal(complete_some(&fixture, "other"), 500);
        fixture.now_ns += NS_PER_SECOND;
    }
    reply = core_fixture_run(&fixture, "destroy", "{\"queue\":\"q\"}")->reply;
    assert_int_equal(reply->deleted, 2000);
    while (is_due(&fixture)) {
        const struct op_tick_reply *ticked = tick(&fixture);

        assert_int_equal(ticked->purged, 0);
        swept += ticked->swept;
        core_fixture_check(&fixture);
        assert_true(++ticks < 10);
    }
    assert_int_equal(swept, 2000);
    fixture.now_ns += UINT64_C(200) * 3600 * NS_PER_SECOND;
    for (swept = 0; is_due(&fixture);) {
        swept += tick(&fixture)->purged;
    }
    assert_int_equal(swept, 2000);
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* A replica that is opened anew between the sweeps does what one does that is not. */
static void test_restarts_change_nothing(void **state)
{
    struct core_fixture fixtures[2];

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        core_fixture_init(&fixtures[i]);
        enqueue_many(&fixtures[i], 700, "{\"queue\":\"q\"}");
        enqueue_many(&fixtures[i], 700, "{\"queue\":\"r\",\"priority\":\"high\"}");
        (void)complete_some(&fixtures[i], "r");
        (void)core_fixture_run(&fixtures[i], "clear", "{\"queue\":\"r\"}");
        enqueue_many(&fixtures[i], 700, "{\"queue\":\"r\",\"delay\":\"1m\"}");
        (void)core_fixture_run(&fixtures[i], "clear", "{\"queue\":\"q\"}");
        (void)core_fixture_run(&fixtures[i], "destroy", "{\"queue\":\"r\"}");
    }
    while (is_due(&fixtures[0])) {
        core_fixture_reopen(&fixtures[1]);
        assert_int_equal(tick(&fixtures[0])->swept, tick(&fixtures[1])->swept);
        assert_true(core_mark(fixtures[0].core).state_hash ==
                    core_mark(fixtures[1].core).state_hash);
    }
    assert_int_equal(core_live_count(fixtures[0].core), 0);
    core_fixture_done(&fixtures[0]);
    core_fixture_done(&fixtures[1]);
}

/* Each call of the store fails once within clear, destroy and sweep: the replica stops, and nothing
 * is an operation's own failure. */
static void test_store_failures_stop_the_replica(void **state)
{
    static const char *const steps[] = {"clear", "destroy", "tick"};
    struct core_fixture fixture;
    bool through = false;

    (void)state;
    for (uint64_t n = 1; !through; n++) {
        enum err_code code = ERR_NONE;

        core_fixture_init(&fixture);
        enqueue_many(&fixture, 3, "{\"queue\":\"q\",\"payload\":[1],\"tags\":{\"a\":1}}");
        assert_int_equal(complete_some(&fixture, "q"), 3);
        enqueue_many(&fixture, 3, "{\"queue\":\"q\"}");
        fixture.fault.calls = 0;
        fixture.fault.fail_at = n;
        for (uint32_t i = 0; i < ARRAY_COUNT(steps) && code == ERR_NONE; i++) {
            core_fixture_add(&fixture, steps[i], 0, i < 2 ? "{\"queue\":\"q\"}" : "{}");
            code = core_fixture_apply(&fixture);
            assert_true(code != ERR_NONE || !fixture.applied.results[0].err.code);
        }
        through = code == ERR_NONE;
        assert_true(through ? fixture.fault.calls < n : code == ERR_IO);
        core_fixture_done(&fixture);
        assert_true(n < 100);
    }
}

/* Error records must be read to be removed: an entry that may not read more leaves the rest. */
static void test_error_records_bound_a_sweep(void **state)
{
    struct core_fixture fixture;
    char json[128];
    uint32_t first;

    (void)state;
    core_fixture_init(&fixture);
    enqueue_many(&fixture, 20, "{\"queue\":\"q\",\"max_retries\":100,\"retry_backoff\":\"none\"}");
    for (uint32_t i = 0; i < 20 * ERROR_RECORDS_MAX; i++) {
        const struct op_fetch_reply *reply;
        const struct op_fetch_job *job;

        reply = core_fixture_run(&fixture, "fetch", "{\"queues\":[\"q\"]}")->reply;
        assert_int_equal(reply->jobs.count, 1);
        job = reply->jobs.items;
        (void)snprintf(json, sizeof(json), "{\"job_id\":\"%.*s\"}", (int)job->job_id.size,
                       (const char *)job->job_id.data);
        assert_int_equal(core_fixture_run(&fixture, "fail", json)->err.code, ERR_NONE);
        assert_int_equal(tick(&fixture)->promoted, 1);
    }
    (void)core_fixture_run(&fixture, "clear", "{\"queue\":\"q\"}");
    first = tick(&fixture)->swept;
    assert_true(first > 0 && first < 20);
    assert_true(is_due(&fixture));
    core_fixture_check(&fixture);
    assert_int_equal(tick(&fixture)->swept, 20 - first);
    assert_false(is_due(&fixture));
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

static enum err_code count_row(void *context, struct slice key, struct slice value, struct err *err)
{
    (void)key;
    (void)value;
    (void)err;
    ++*(uint32_t *)context;
    return ERR_NONE;
}

static uint32_t count_claims(struct core_fixture *fixture)
{
    uint32_t count = 0;

    assert_int_equal(fixture->fault.kv.scan(fixture->fault.kv.self, TABLE_WINDOW, slice_of(NULL, 0),
                                            count_row, &count, &fixture->err),
                     ERR_NONE);
    return count;
}

static void fetch_one(struct core_fixture *fixture)
{
    const struct op_fetch_reply *reply =
        core_fixture_run(fixture, "fetch", "{\"queues\":[\"q\"]}")->reply;

    assert_int_equal(reply->jobs.count, 1);
    fixture->now_ns++;
}

/* Claims that have left the window go with the next ones, WINDOW_TRIM_MAX an entry, and the rest
 * with a tick when no more come. */
static void test_old_claims_go(void **state)
{
    struct core_fixture fixture;

    (void)state;
    core_fixture_init(&fixture);
    enqueue_many(&fixture, 3 * WINDOW_TRIM_MAX, "{\"queue\":\"q\"}");
    (void)core_fixture_run(&fixture, "throttle",
                           "{\"queue\":\"q\",\"rate\":1000,\"window_ms\":1000}");
    for (uint32_t i = 0; i < 2 * WINDOW_TRIM_MAX; i++) {
        fetch_one(&fixture);
    }
    assert_int_equal(count_claims(&fixture), 2 * WINDOW_TRIM_MAX);
    fixture.now_ns += 2 * NS_PER_SECOND;
    fetch_one(&fixture);
    assert_int_equal(count_claims(&fixture), WINDOW_TRIM_MAX + 1);
    core_fixture_check(&fixture);
    fixture.now_ns += 2 * NS_PER_SECOND;
    assert_true(is_due(&fixture));
    (void)tick(&fixture);
    assert_int_equal(count_claims(&fixture), 0);
    assert_false(is_due(&fixture));
    core_fixture_check(&fixture);
    core_fixture_done(&fixture);
}

/* A changed retention holds at once for jobs that ended before, also for those that the sweep under
 * way has passed already. */
static void test_changed_retention(void **state)
{
    const struct op_tick_reply *ticked;
    struct core_fixture fixture;
    uint32_t purged = 0;
    uint32_t ticks = 0;

    (void)state;
    core_fixture_init(&fixture);
    (void)core_fixture_run(&fixture, "queue_retention",
                           "{\"queue\":\"short\",\"completed\":\"1s\"}");
    enqueue_many(&fixture, 1500, "{\"queue\":\"q\"}");
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(complete_some(&fixture, "q"), 500);
    }
    enqueue_many(&fixture, 1, "{\"queue\":\"short\"}");
    assert_int_equal(complete_some(&fixture, "short"), 1);
    fixture.now_ns += 10 * NS_PER_SECOND;
    ticked = tick(&fixture);
    assert_int_equal(ticked->purged, 0);
    assert_true(ticked->more); /* The sweep stopped in the middle. */
    (void)core_fixture_run(&fixture, "queue_retention", "{\"queue\":\"q\",\"completed\":\"5s\"}");
    core_fixture_check(&fixture);
    while (is_due(&fixture)) {
        purged += tick(&fixture)->purged;
        core_fixture_check(&fixture);
        assert_true(++ticks < 10);
    }
    assert_int_equal(purged, 1501);
    core_fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounded_entries),
        cmocka_unit_test(test_changed_retention),
        cmocka_unit_test(test_done_rows_of_a_destroyed_queue),
        cmocka_unit_test(test_restarts_change_nothing),
        cmocka_unit_test(test_store_failures_stop_the_replica),
        cmocka_unit_test(test_error_records_bound_a_sweep),
        cmocka_unit_test(test_old_claims_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
