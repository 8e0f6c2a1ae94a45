/* Space: a full disk refuses and recovers by itself, writes are held and not lost, old segments go.
 */
#include "tests/unit/replica_world.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* 10,000 entries over many segments, cut as the state machine goes, opened again behind the cut. */
static void test_many_entries_and_cuts(void **state)
{
    struct world world;
    struct replica_status status;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(replica_world_submit(&world), ERR_NONE);
        if (i % 2) {
            replica_world_work_all(&world);
        }
        if (i % 500 == 499 && i < 9000) {
            replica_cut(world.replica, world.applied - 100);
        }
    }
    replica_world_work_all(&world);
    status = replica_status(world.replica);
    assert_int_equal(status.last_index, 10002);
    assert_true(status.first_index > 8700);
    assert_true(replica_bytes_after(world.replica, world.applied) == 0);
    assert_true(replica_bytes_after(world.replica, 9000) <= status.log_bytes);
    replica_cut(world.replica, UINT64_MAX);
    replica_world_work_all(&world);
    assert_true(replica_status(world.replica).first_index > 9900);
    replica_world_submit_many(&world, 5);
    world.options.applied = world.acked_last - 10;
    replica_world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    assert_int_equal(world.applied, 10008);
    replica_world_submit_many(&world, 100);
    replica_world_close(&world);

    /* Behind what the state machine holds: refused. */
    world.options.applied = 100;
    assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "starts with entry"));
    world.options.applied = world.acked_last + 1;
    assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "the log ends with entry"));
    replica_world_done(&world);
}

/* The disk fills up: submits are refused, the leader stays, and with space it goes on by itself. */
static void test_no_space_refuses_and_recovers(void **state)
{
    struct world world;
    uint64_t accepted;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    mem_disk_set_capacity(world.disk, 3 * WORLD_SEGMENT + 128);
    while (replica_world_submit(&world) == ERR_NONE) {
        replica_world_work_all(&world);
    }
    assert_int_equal(world.err.code, ERR_NO_SPACE);
    accepted = world.submitted;
    assert_true(accepted > 20);
    assert_int_equal(replica_world_state_now(&world), REPLICA_LEADER);
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
    assert_int_equal(world.acked_last, accepted + 2);
    for (uint32_t i = 0; i < 20; i++) {
        replica_world_fire_timer(&world);
        assert_int_equal(replica_world_submit(&world),
                         ERR_NO_SPACE); /* Also while it is being tried again. */
        replica_world_work_all(&world);
        assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
    }
    mem_disk_set_capacity(world.disk, UINT64_MAX);
    for (uint32_t i = 0; i < 20 && replica_world_submit(&world) != ERR_NONE; i++) {
        replica_world_fire_timer(&world);
        replica_world_work_all(&world);
    }
    replica_world_work_all(&world);
    assert_int_equal(world.submitted, accepted + 1);
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
    replica_world_submit_many(&world, 100);
    replica_world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(replica_world_recovers(&world));
    replica_world_done(&world);
}

/* A node whose disk is full starts, leads and replays. */
static void test_starts_on_a_full_disk(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    mem_disk_set_capacity(world.disk, 2 * WORLD_SEGMENT + 128);
    while (replica_world_submit(&world) == ERR_NONE) {
        replica_world_work_all(&world);
    }
    for (uint32_t i = 0; i < 6; i++) {
        replica_world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(replica_world_recovers(&world));
        replica_world_work_all(&world);
        assert_int_equal(replica_world_state_now(&world), REPLICA_LEADER);
        assert_int_equal(replica_world_submit(&world), ERR_NO_SPACE);
    }
    mem_disk_set_capacity(world.disk, UINT64_MAX);
    for (uint32_t i = 0; i < 20 && replica_world_submit(&world) != ERR_NONE; i++) {
        replica_world_fire_timer(&world);
        replica_world_work_all(&world);
    }
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
    replica_world_done(&world);
}

/* Writes in flight that find no space are held, tried again each second in order, and acknowledged
 * then. */
static void test_writes_are_held_without_space(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 2; kind++) {
        for (uint64_t pass = 0; pass < 2; pass++) {
            struct world world;
            uint64_t commits;

            replica_world_init(&world);
            replica_world_must_open(&world);
            replica_world_must_lead(&world);
            replica_world_submit_many(&world, 10);
            commits = world.commits;
            mem_disk_set_fault(
                world.disk, (struct mem_disk_fault){.calls = kind ? MEM_DISK_SYNC : MEM_DISK_WRITE,
                                                    .pass = pass,
                                                    .sticky = true,
                                                    .partial = true,
                                                    .code = ERR_NO_SPACE});
            assert_int_equal(replica_world_submit(&world), ERR_NONE);
            assert_int_equal(replica_world_submit(&world), ERR_NONE);
            for (uint32_t i = 0; i < 8; i++) {
                replica_world_work_all(&world);
                assert_int_equal(world.commits, commits + pass);
                assert_int_equal(replica_world_state_now(&world), REPLICA_LEADER);
                assert_int_equal(replica_world_submit(&world), ERR_NO_SPACE);
                assert_false(replica_writable(world.replica));
                assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
                replica_world_fire_timer(&world);
            }
            replica_world_work_all(&world);
            mem_disk_set_fault(world.disk, (struct mem_disk_fault){0});
            for (uint32_t i = 0; i < 8; i++) {
                replica_world_fire_timer(&world);
                replica_world_work_all(&world);
            }
            assert_int_equal(world.commits, commits + 2);
            assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
            replica_world_submit_many(&world, 10);
            replica_world_close(&world);
            mem_disk_crash(world.disk, MEM_DISK_DROP);
            assert_true(replica_world_recovers(&world));
            replica_world_done(&world);
        }
    }
}

/* Space comes and goes at random under pairs of writes; every accepted entry is acknowledged in the
 * end. */
static void test_space_comes_and_goes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world world;

        replica_world_init(&world);
        replica_world_must_open(&world);
        replica_world_must_lead(&world);
        world.random = seed;
        for (uint32_t i = 0; i < 400; i++) {
            uint8_t dice;

            replica_world_random(&world, &dice, 1);
            if (dice < 20) {
                mem_disk_set_capacity(world.disk, (uint64_t)(dice % 5 + 2) * WORLD_SEGMENT);
            } else if (dice < 40) {
                mem_disk_set_capacity(world.disk, UINT64_MAX);
            } else if (dice < 50) {
                mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_CHANGES,
                                                                       .pass = dice % 4,
                                                                       .partial = true,
                                                                       .code = ERR_NO_SPACE});
            } else if (dice < 100) {
                replica_world_fire_timer(&world);
            } else if (dice < 200) {
                (void)replica_world_submit(&world);
            } else if (dice < 205) {
                replica_cut(world.replica, world.applied);
                world.options.applied = world.applied;
            } else {
                (void)replica_world_work(&world);
            }
        }
        mem_disk_set_capacity(world.disk, UINT64_MAX);
        mem_disk_set_fault(world.disk, (struct mem_disk_fault){0});
        for (uint32_t i = 0; i < 12; i++) {
            replica_world_work_all(&world);
            replica_world_fire_timer(&world);
        }
        replica_world_work_all(&world);
        if (replica_world_state_now(&world) != REPLICA_LEADER) {
            fail_msg("seed %d: %s", (int)seed, replica_status(world.replica).failure.text);
        }
        assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
        assert_int_equal(world.acked_last, world.submitted + 2);
        replica_world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(replica_world_recovers(&world));
        replica_world_done(&world);
    }
}

/* A cut while the write that begins the newest segment waits for space: the segment before it must
 * stay. */
static void test_cut_spares_the_last_begun_segment(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 50; count++) {
        struct world world;

        replica_world_init(&world);
        replica_world_must_open(&world);
        replica_world_must_lead(&world);
        replica_world_submit_many(&world, count);
        mem_disk_set_fault(
            world.disk,
            (struct mem_disk_fault){.calls = MEM_DISK_WRITE, .sticky = true, .code = ERR_NO_SPACE});
        assert_int_equal(replica_world_submit(&world), ERR_NONE);
        replica_world_work_all(&world);
        replica_cut(world.replica, UINT64_MAX);
        replica_world_work_all(&world);
        world.options.applied = world.applied;
        mem_disk_set_power(world.disk, 0);
        replica_world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(replica_world_recovers(&world));
        replica_world_done(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_entries_and_cuts),
        cmocka_unit_test(test_no_space_refuses_and_recovers),
        cmocka_unit_test(test_starts_on_a_full_disk),
        cmocka_unit_test(test_writes_are_held_without_space),
        cmocka_unit_test(test_space_comes_and_goes),
        cmocka_unit_test(test_cut_spares_the_last_begun_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
