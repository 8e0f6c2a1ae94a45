/* The driver: submits, order, failures that end it, sizes. */
#include "base/limits.h"
#include "tests/unit/replica_world.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Leads at once, without a timeout, and only when its barrier is committed. */
static void test_leads_at_once(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    assert_int_equal(replica_world_state_now(&world), REPLICA_STARTING);
    assert_false(replica_writable(world.replica));
    assert_int_equal(replica_world_submit(&world), ERR_NOT_LEADER);
    assert_int_equal(world.commits, 1); /* The configuration. */
    replica_world_must_lead(&world);
    assert_true(replica_writable(world.replica));
    assert_int_equal(world.states[REPLICA_LEADER], 1);
    assert_int_equal(world.commits, 2);
    assert_int_equal(world.acked[1].size, 0);
    assert_int_equal(world.acked[2].size, 0);
    assert_true(replica_status(world.replica).cluster_id != 0);
    replica_world_done(&world);
}

/* Entries come back in order, once, with their bytes; two in flight and no third. */
static void test_submit_in_order(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    for (uint32_t round = 0; round < 50; round++) {
        uint64_t commits = world.commits;

        assert_int_equal(replica_world_submit(&world), ERR_NONE);
        assert_true(replica_writable(world.replica));
        assert_int_equal(replica_world_submit(&world), ERR_NONE);
        assert_false(replica_writable(world.replica));
        assert_int_equal(replica_world_submit(&world), ERR_BUSY);
        assert_int_equal(replica_status(world.replica).writes_in_flight, LOG_WRITES_IN_FLIGHT);
        assert_false(replica_idle(world.replica));
        assert_int_equal(world.commits, commits);
        replica_world_work_all(&world);
        assert_true(replica_idle(world.replica));
        assert_int_equal(world.commits, commits + 2);
        assert_int_equal(world.acked[world.applied].first, world.submitted & 0xff);
        assert_int_equal(world.acked[world.applied].size,
                         replica_world_payload_size(world.submitted));
    }
    assert_int_equal(replica_status(world.replica).commit_index, world.applied);
    assert_true(replica_status(world.replica).syncs >= 101);
    replica_world_done(&world);
}

/* Nothing is told as committed before the sync that covers it. */
static void test_commit_after_sync(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    for (uint32_t i = 0; i < 20; i++) {
        struct replica_job *job;
        uint64_t syncs = mem_disk_count(world.disk, MEM_DISK_SYNC);
        uint64_t commits = world.commits;

        assert_int_equal(replica_world_submit(&world), ERR_NONE);
        job = world.jobs;
        world.jobs = job->next;
        if (!world.jobs) {
            world.jobs_tail = &world.jobs;
        }
        job->work(job);
        assert_true(mem_disk_count(world.disk, MEM_DISK_SYNC) > syncs);
        assert_true(mem_disk_is_synced(world.disk));
        assert_int_equal(world.commits, commits);
        job->done(job);
        assert_int_equal(world.commits, commits + 1);
        replica_world_work_all(&world);
    }
    replica_world_done(&world);
}

/* A commit callback may submit. */
static void test_submit_inside_commit(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    world.submit_inside = true;
    assert_int_equal(replica_world_submit(&world), ERR_NONE);
    replica_world_work_all(&world);
    assert_int_equal(world.submitted, 2);
    assert_int_equal(world.acked_last, 4);
    replica_world_done(&world);
}

/* An idle leader's timers change nothing on disk. */
static void test_idle_writes_nothing(void **state)
{
    struct world world;
    uint64_t changes;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    changes = mem_disk_count(world.disk, MEM_DISK_CHANGES);
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t before_ns = world.now_ns;

        replica_world_fire_timer(&world);
        replica_world_work_all(&world);
        assert_true(world.now_ns >= before_ns + 50 * NS_PER_MS);
        replica_timeout(world.replica); /* Too early: no harm. */
    }
    assert_int_equal(mem_disk_count(world.disk, MEM_DISK_CHANGES), changes);
    assert_int_equal(replica_world_state_now(&world), REPLICA_LEADER);
    replica_world_done(&world);
}

/* A failed sync: nothing is acknowledged from then on, not even what had been in flight beside it.
 */
static void test_sync_failure_ends_acknowledgement(void **state)
{
    struct world world;
    uint64_t commits;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_submit_many(&world, 10);
    commits = world.commits;
    assert_int_equal(replica_world_submit(&world), ERR_NONE);
    assert_int_equal(replica_world_submit(&world), ERR_NONE);
    mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_SYNC, .code = ERR_IO});
    replica_world_work_all(&world);
    assert_int_equal(world.commits, commits);
    assert_int_equal(replica_world_state_now(&world), REPLICA_FAILED);
    assert_int_equal(world.states[REPLICA_FAILED], 1);
    assert_non_null(strstr(replica_status(world.replica).failure.text, "segment-"));
    assert_int_equal(replica_world_submit(&world), ERR_IO);
    assert_false(replica_writable(world.replica));
    assert_true(replica_idle(world.replica));
    replica_timeout(world.replica);
    replica_cut(world.replica, 5);
    assert_null(world.jobs);
    replica_world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(replica_world_recovers(&world));
    replica_world_done(&world);
}

/* Sizes at the limits. */
static void test_submit_sizes(void **state)
{
    struct world world;
    uint8_t *bytes = calloc(1, ENTRY_SIZE_MAX + 1);
    uint64_t index;

    (void)state;
    assert_non_null(bytes);
    replica_world_init(&world);
    world.options.segment_size = 0;
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    assert_int_equal(replica_submit(world.replica, bytes, 0, &index, &world.err), ERR_INVALID);
    assert_int_equal(replica_submit(world.replica, bytes, ENTRY_SIZE_MAX + 1, &index, &world.err),
                     ERR_TOO_LARGE);
    assert_int_equal(replica_submit(world.replica, bytes, ENTRY_SIZE_MAX, &index, &world.err),
                     ERR_NONE);
    replica_world_work_all(&world);
    assert_int_equal(world.acked_last, index);
    replica_world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(replica_world_recovers(&world));
    assert_int_equal(world.acked[index].size, ENTRY_SIZE_MAX);
    replica_world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leads_at_once),
        cmocka_unit_test(test_submit_in_order),
        cmocka_unit_test(test_commit_after_sync),
        cmocka_unit_test(test_submit_inside_commit),
        cmocka_unit_test(test_idle_writes_nothing),
        cmocka_unit_test(test_sync_failure_ends_acknowledgement),
        cmocka_unit_test(test_submit_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
