/* Starting again: after a clean close, after a crash at every call, on damage. What was
 * acknowledged comes back, or the start is refused. */
#include "replica/segments_format.h"
#include "tests/unit/replica_world.h"

#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

/* Restarts: a new term each, replay from behind `applied`, everything the same. */
static void test_restart_replays(void **state)
{
    struct world world;
    uint64_t term = 0;

    (void)state;
    replica_world_init(&world);
    for (uint32_t round = 0; round < 8; round++) {
        world.options.applied = round % 2 ? world.acked_last - world.acked_last / 3 : 0;
        replica_world_must_open(&world);
        replica_world_must_lead(&world);
        assert_true(replica_status(world.replica).term > term);
        term = replica_status(world.replica).term;
        assert_string_equal(replica_note(world.replica), "");
        replica_world_submit_many(&world, 40);
        replica_world_close(&world);
        mem_disk_crash(world.disk, round % 3 ? MEM_DISK_DROP : MEM_DISK_KEEP);
    }
    replica_world_done(&world);
}

/* The workload of the crash tests: entries singly and in pairs over several segments, with cuts.
 * Ends when the power goes or a call fails. */
static void workload(struct world *world)
{
    replica_world_work_all(world);
    for (uint32_t i = 0; i < 60 && replica_world_state_now(world) == REPLICA_LEADER; i++) {
        if (replica_world_submit(world) != ERR_NONE) {
            break;
        }
        if (i % 3 == 2 && replica_world_submit(world) != ERR_NONE) {
            break;
        }
        replica_world_work_all(world);
        if (i == 35) {
            replica_cut(world->replica, world->applied);
            /* From here on the state machine holds it. */
            world->options.applied = world->applied;
        }
    }
    replica_world_work_all(world);
}

/* Runs the workload until the power goes in changing call `pass`; true when it did. */
static bool crash_at(struct world *world, uint64_t pass, uint64_t seed, enum mem_disk_loss loss)
{
    bool crashed;

    mem_disk_set_power(world->disk, pass);
    if (replica_world_open(world) == ERR_NONE) {
        workload(world);
    }
    crashed = !mem_disk_has_power(world->disk);
    replica_world_close(world);
    mem_disk_set_seed(world->disk, seed);
    mem_disk_crash(world->disk, loss);
    return crashed;
}

/* The power goes at every changing call, unsynced writes are kept, lost or torn: every acknowledged
 * entry is there, and the log goes on. */
static void test_crash_at_every_call(void **state)
{
    bool crashed = true;

    (void)state;
    for (uint64_t pass = 0; crashed; pass++) {
        for (uint64_t seed = 0; seed < 6; seed++) {
            struct world world;
            enum mem_disk_loss loss = seed == 0   ? MEM_DISK_KEEP
                                      : seed == 1 ? MEM_DISK_DROP
                                                  : MEM_DISK_TORN;

            replica_world_init(&world);
            crashed = crash_at(&world, pass, seed, loss);
            if (!replica_world_recovers(&world)) {
                fail_msg("call %d seed %d: %s", (int)pass, (int)seed, world.err.text);
            }
            replica_world_must_lead(&world);
            replica_world_submit_many(&world, 3);
            replica_world_done(&world);
        }
        assert_true(pass < 2000);
        assert_true(crashed || pass > 80);
    }
}

/* The same, twice in a row: the second crash hits the recovery from the first. */
static void test_crash_during_recovery(void **state)
{
    (void)state;
    for (uint64_t first = 5; first < 90; first += 7) {
        for (uint64_t second = 0; second < 14; second++) {
            struct world world;

            replica_world_init(&world);
            (void)crash_at(&world, first, first, MEM_DISK_TORN);
            (void)crash_at(&world, second, second, MEM_DISK_TORN);
            if (!replica_world_recovers(&world)) {
                fail_msg("calls %d, %d: %s", (int)first, (int)second, world.err.text);
            }
            replica_world_must_lead(&world);
            replica_world_done(&world);
        }
    }
}

/* An entry found in the page cache of a killed process is told as committed only when it is
 * durable: the power goes right after the restart. */
static void test_replay_is_durable(void **state)
{
    bool crashed = true;

    (void)state;
    for (uint64_t pass = 0; crashed; pass++) {
        struct world world;

        replica_world_init(&world);
        crashed = crash_at(&world, pass, 0, MEM_DISK_KEEP);
        replica_world_must_open(&world);
        mem_disk_set_power(world.disk, 0);
        replica_world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(replica_world_recovers(&world));
        replica_world_done(&world);
    }
}

/* The planted bug: without the sync of each batch the same crashes do lose acknowledged entries. */
static void test_skipped_sync_is_found(void **state)
{
    uint32_t lost = 0;
    bool crashed = true;

    (void)state;
    for (uint64_t pass = 0; crashed; pass++) {
        struct world world;

        replica_world_init(&world);
        world.options.durable = false;
        crashed = crash_at(&world, pass, pass, MEM_DISK_DROP);
        lost += !replica_world_recovers(&world);
        replica_world_done(&world);
    }
    assert_true(lost > 20);
}

/* A killed process without the sync loses nothing: the page cache lives on. */
static void test_not_durable_survives_kill(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    world.options.durable = false;
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_submit_many(&world, 97);
    assert_false(mem_disk_is_synced(world.disk));
    mem_disk_set_power(world.disk, 0);
    replica_world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_KEEP);
    assert_true(replica_world_recovers(&world));
    replica_world_done(&world);
}

/* Each disk call fails in turn: opening says so, or the replica fails at once and for good, or
 * nothing happened; and what was acknowledged is there afterwards. */
static void test_every_call_fails(void **state)
{
    bool hit = true;

    (void)state;
    for (uint64_t pass = 0; hit; pass++) {
        for (uint32_t variant = 0; variant < 4; variant++) {
            struct world world;

            replica_world_init(&world);
            mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_ALL,
                                                                   .pass = pass,
                                                                   .sticky = variant & 1,
                                                                   .partial = variant & 2,
                                                                   .code = ERR_IO});
            hit = true;
            if (replica_world_open(&world) == ERR_NONE) {
                workload(&world);
                hit = replica_world_state_now(&world) == REPLICA_FAILED;
                if (hit) {
                    assert_int_equal(world.states[REPLICA_FAILED], 1);
                    assert_int_equal(replica_status(world.replica).failure.code, ERR_IO);
                    assert_int_equal(replica_world_submit(&world), ERR_IO);
                }
            }
            replica_world_close(&world);
            mem_disk_crash(world.disk, MEM_DISK_TORN);
            if (!replica_world_recovers(&world)) {
                fail_msg("call %d: %s", (int)pass, world.err.text);
            }
            replica_world_must_lead(&world);
            replica_world_done(&world);
        }
        assert_true(pass < 2000);
    }
}

/* A start records what it found as durable, before anything else is written: damage to it is no
 * torn tail any more. */
static void test_start_makes_the_tail_known(void **state)
{
    struct world world;
    uint8_t *bytes;
    size_t size;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_submit_many(&world, 5);
    replica_world_pull_the_plug(&world);
    replica_world_must_open(&world);
    replica_world_pull_the_plug(&world);
    bytes = mem_disk_bytes(world.disk, "segment-0000000001", &size);
    while (bytes[size - 1] == 0) {
        size--;
    }
    mem_disk_flip(world.disk, "segment-0000000001", size - 1, 2);
    assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "segment-0000000001: offset"));
    replica_world_done(&world);
}

/* Rot in one copy of meta is mended and told; in both it is refused. */
static void test_damaged_meta(void **state)
{
    (void)state;
    for (size_t at = 0; at < 64; at++) {
        for (unsigned which = 0; which < 2; which++) {
            struct world world;
            char name[8];
            uint64_t term;

            (void)snprintf(name, sizeof name, "meta-%u", which);
            replica_world_init(&world);
            replica_world_must_open(&world);
            replica_world_must_lead(&world);
            replica_world_submit_many(&world, 3);
            term = replica_status(world.replica).term;
            if (at % 2) {
                replica_world_close(&world);
            } else {
                replica_world_pull_the_plug(&world);
            }
            mem_disk_flip(world.disk, name, at, 0x40);
            replica_world_must_open(&world);
            assert_non_null(strstr(replica_note(world.replica), name));
            replica_world_must_lead(&world);
            assert_int_equal(replica_status(world.replica).term, term + 1);
            replica_world_close(&world);
            replica_world_must_open(&world);
            assert_string_equal(replica_note(world.replica), "");
            replica_world_close(&world);
            mem_disk_flip(world.disk, "meta-0", at, 0x40);
            mem_disk_flip(world.disk, "meta-1", 63 - at, 0x40);
            assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
            assert_non_null(strstr(world.err.text, "meta-0: offset"));
            replica_world_done(&world);
        }
    }
}

/* After a clean close every flipped byte of the log is refused, also in the last batch, but mended
 * where it only names a file that is there and empty; a lost file is refused too. */
static void test_damage_after_a_clean_close(void **state)
{
    struct world world;
    size_t size;
    size_t end;
    uint8_t *bytes;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_submit_many(&world, 3);
    replica_world_close(&world);
    bytes = mem_disk_bytes(world.disk, "segment-0000000001", &size);
    for (end = size; bytes[end - 1] == 0; end--) {
    }
    for (size_t at = 0; at < end; at++) {
        struct mem_disk *disk = world.disk;

        world.disk = mem_disk_clone(disk, 1);
        mem_disk_flip(world.disk, "segment-0000000001", at, 0x08);
        if (at >= SEGMENT_HEADER_SIZE && at < SEGMENT_RECORDS_OFFSET) {
            replica_world_must_open(&world);
            assert_non_null(strstr(replica_note(world.replica), "segment-0000000001: offset 4096"));
            replica_world_must_lead(&world);
            assert_int_equal(world.applied, world.acked_last);
            replica_world_close(&world);
        } else {
            assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
            assert_non_null(strstr(world.err.text, "segment-0000000001"));
            assert_non_null(strstr(world.err.text, "offset"));
        }
        mem_disk_destroy(world.disk);
        world.disk = disk;
    }
    mem_disk_lose(world.disk, "segment-0000000002");
    assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "segment-0000000002 is missing"));
    mem_disk_lose(world.disk, "segment-0000000001");
    assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
    replica_world_done(&world);
}

/* Killed at any time, then the newest begun segment is deleted, with all behind it: refused, and
 * the file is named. */
static void test_the_newest_segments_are_lost(void **state)
{
    (void)state;
    for (uint64_t count = 100; count < 200; count += 3) {
        struct world world;
        char name[40];
        uint32_t begun = 0;

        replica_world_init(&world);
        replica_world_must_open(&world);
        replica_world_must_lead(&world);
        replica_world_submit_many(&world, count);
        mem_disk_set_power(world.disk, 0);
        replica_world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        for (uint32_t i = 1;; i++) {
            size_t size;
            const uint8_t *bytes;

            (void)snprintf(name, sizeof name, "segment-%010u", i);
            bytes = mem_disk_bytes(world.disk, name, &size);
            if (!bytes) {
                break;
            }
            begun = bytes[0] != 0 ? i : begun;
        }
        assert_true(begun >= 2);
        (void)snprintf(name, sizeof name, "segment-%010u", begun + 1);
        mem_disk_lose(world.disk, name);
        assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
        assert_non_null(strstr(world.err.text, name));
        (void)snprintf(name, sizeof name, "segment-%010u", begun);
        mem_disk_lose(world.disk, name);
        assert_int_equal(replica_world_open(&world), ERR_CORRUPT);
        assert_non_null(strstr(world.err.text, name));
        replica_world_done(&world);
    }
}

/* A segment of another cluster among ours. */
static void test_foreign_cluster(void **state)
{
    struct world ours;
    struct world theirs;
    uint8_t *to;
    uint8_t *from;
    size_t size;

    (void)state;
    replica_world_init(&ours);
    replica_world_init(&theirs);
    theirs.random = 99;
    replica_world_must_open(&ours);
    replica_world_must_open(&theirs);
    replica_world_must_lead(&ours);
    replica_world_must_lead(&theirs);
    assert_true(replica_status(ours.replica).cluster_id !=
                replica_status(theirs.replica).cluster_id);
    replica_world_close(&ours);
    replica_world_close(&theirs);
    to = mem_disk_bytes(ours.disk, "segment-0000000001", &size);
    from = mem_disk_bytes(theirs.disk, "segment-0000000001", &size);
    memcpy(to, from, size);
    assert_int_equal(replica_world_open(&ours), ERR_CORRUPT);
    assert_non_null(strstr(ours.err.text, "another cluster"));
    replica_world_done(&ours);
    replica_world_done(&theirs);
}

/* Options that can not be: refused with nothing on disk. */
static void test_refused_options(void **state)
{
    struct world world;

    (void)state;
    replica_world_init(&world);
    world.options.bootstrap = false;
    assert_int_equal(replica_world_open(&world), ERR_STATE);
    assert_int_equal(mem_disk_count(world.disk, MEM_DISK_CREATE), 0);
    world.options.bootstrap = true;
    world.options.node_id = 0;
    assert_int_equal(replica_world_open(&world), ERR_INVALID);
    world.options.node_id = 1;
    world.options.segment_size = 100;
    assert_int_equal(replica_world_open(&world), ERR_INVALID);
    world.options.segment_size = WORLD_SEGMENT;
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_close(&world);
    /* A log that another node wrote. */
    world.options.node_id = 2;
    assert_int_equal(replica_world_open(&world), ERR_UNSUPPORTED);
    world.options.node_id = 1;
    world.options.bootstrap = false;
    replica_world_must_open(&world);
    replica_world_done(&world);
}

static uint64_t allocations_left;

static bool may_allocate(void)
{
    return allocations_left == UINT64_MAX || allocations_left-- > 0;
}

static void *failing_malloc(void *data, size_t size)
{
    (void)data;
    return may_allocate() ? malloc(size) : NULL;
}

static void *failing_calloc(void *data, size_t count, size_t size)
{
    (void)data;
    return may_allocate() ? calloc(count, size) : NULL;
}

static void *failing_realloc(void *data, void *bytes, size_t size)
{
    (void)data;
    return may_allocate() ? realloc(bytes, size) : NULL;
}

static void heap_free(void *data, void *bytes)
{
    (void)data;
    free(bytes);
}

/* Each of libraft's allocations fails in turn while opening and submitting: an error, no leak, no
 * double free. */
static void test_libraft_out_of_memory(void **state)
{
    struct raft_heap heap = {.malloc = failing_malloc,
                             .calloc = failing_calloc,
                             .realloc = failing_realloc,
                             .free = heap_free};
    struct world world;

    (void)state;
    replica_world_init(&world);
    replica_world_must_open(&world);
    replica_world_must_lead(&world);
    replica_world_submit_many(&world, 200);
    replica_cut(world.replica, 150);
    replica_world_work_all(&world);
    world.options.applied = 190;
    replica_world_close(&world);
    raft_heap_set(&heap);
    for (uint64_t left = 0;; left++) {
        enum err_code code;

        allocations_left = left;
        code = replica_world_open(&world);
        if (code == ERR_NONE) {
            replica_world_work_all(&world);
            replica_cut(world.replica, 190);
            replica_world_work_all(&world);
        }
        allocations_left = UINT64_MAX;
        if (code == ERR_NONE && replica_world_state_now(&world) == REPLICA_LEADER) {
            assert_true(left > 8);
            replica_world_close(&world);
            break;
        }
        if (code != ERR_NONE) {
            assert_int_equal(code, ERR_NOMEM);
        }
        replica_world_close(&world);
    }
    raft_heap_set_default();
    replica_world_must_open(&world);
    assert_true(world.applied >= 202);
    replica_world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart_replays),
        cmocka_unit_test(test_crash_at_every_call),
        cmocka_unit_test(test_crash_during_recovery),
        cmocka_unit_test(test_replay_is_durable),
        cmocka_unit_test(test_skipped_sync_is_found),
        cmocka_unit_test(test_not_durable_survives_kill),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_start_makes_the_tail_known),
        cmocka_unit_test(test_damaged_meta),
        cmocka_unit_test(test_damage_after_a_clean_close),
        cmocka_unit_test(test_the_newest_segments_are_lost),
        cmocka_unit_test(test_foreign_cluster),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_libraft_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
