/* The driver over a disk that fails and a clock that is turned by hand: what was acknowledged
 * survives everything that was promised, and nothing is acknowledged that would not. */
#include "base/limits.h"
#include "replica/replica.h"
#include "tests/unit/mem_disk.h"

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

#define SEGMENT 16384
#define ENTRIES_MAX 12000

/* What the state machine saw of an entry. */
struct seen {
    size_t size;
    uint64_t term;
    uint64_t first; /* All bytes of a payload are equal. */
};

struct world {
    struct mem_disk *disk;
    struct env env;
    struct replica *replica;
    struct replica_options options;
    struct err err;
    uint64_t now_ns;
    uint64_t random;
    uint64_t timer_ns;                     /* 0 = none. */
    struct replica_job *jobs, **jobs_tail; /* Not yet worked on. */
    struct seen *acked; /* By index, over all restarts: what had been told as committed. */
    uint64_t acked_last;
    uint64_t applied; /* In this run. */
    uint64_t commits;
    uint32_t states[REPLICA_FAILED + 1]; /* How often each was told. */
    uint64_t submitted;
    bool submit_inside; /* Submit one from inside the next commit. */
};

static uint64_t world_now(void *self)
{
    struct world *world = self;

    return world->now_ns;
}

static void world_random(void *self, void *ret_bytes, size_t size)
{
    struct world *world = self;
    uint8_t *bytes = ret_bytes;

    for (size_t i = 0; i < size; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        bytes[i] = (uint8_t)(world->random >> 56);
    }
}

static void world_run(void *self, struct replica_job *job)
{
    struct world *world = self;

    job->next = NULL;
    *world->jobs_tail = job;
    world->jobs_tail = &job->next;
}

static void world_set_timer(void *self, uint64_t at_ns)
{
    struct world *world = self;

    world->timer_ns = at_ns;
}

static size_t size_of_submit(uint64_t number)
{
    return (size_t)(number * 53 % 900) + 1;
}

/* Submits a payload that is known by its number. */
static enum err_code submit(struct world *world)
{
    uint64_t number = world->submitted + 1;
    size_t size = size_of_submit(number);
    uint8_t *bytes = malloc(size);
    uint64_t index;
    enum err_code code;

    assert_non_null(bytes);
    memset(bytes, (int)(number & 0xff), size);
    code = replica_submit(world->replica, bytes, size, &index, &world->err);
    if (code != ERR_NONE) {
        free(bytes);
        return code;
    }
    world->submitted = number;
    assert_int_equal(index, replica_status(world->replica).last_index);
    return ERR_NONE;
}

static void world_commit(void *self, uint64_t index, uint64_t term, struct slice bytes)
{
    struct world *world = self;
    struct seen seen = {
        .size = bytes.size, .term = term, .first = bytes.size > 0 ? bytes.data[0] : 0};

    assert_int_equal(index, world->applied + 1);
    assert_int_equal(world->states[REPLICA_FAILED], 0);
    assert_true(index < ENTRIES_MAX);
    for (size_t i = 0; i < bytes.size; i++) {
        assert_int_equal(bytes.data[i], seen.first);
    }
    world->applied = index;
    world->commits++;
    if (index <= world->acked_last) {
        /* Again after a restart: the same as when it was acknowledged. */
        assert_memory_equal(&world->acked[index], &seen, sizeof seen);
    } else {
        world->acked[index] = seen;
        world->acked_last = index;
    }
    if (world->submit_inside && world->replica) {
        world->submit_inside = false;
        assert_int_equal(submit(world), ERR_NONE);
    }
}

static void world_state(void *self, enum replica_state state)
{
    struct world *world = self;

    world->states[state]++;
}

static void world_init(struct world *world)
{
    *world = (struct world){.disk = mem_disk_create(7), .random = 5, .now_ns = NS_PER_SECOND};
    world->acked = calloc(ENTRIES_MAX, sizeof *world->acked);
    assert_non_null(world->disk);
    assert_non_null(world->acked);
    world->options = (struct replica_options){.node_id = 1,
                                              .address = "127.0.0.1:7000",
                                              .bootstrap = true,
                                              .durable = true,
                                              .segment_size = SEGMENT};
    world->jobs_tail = &world->jobs;
}

static enum err_code world_open(struct world *world)
{
    struct replica_io io = {.env = &world->env,
                            .disk = mem_disk_interface(world->disk),
                            .self = world,
                            .run = world_run,
                            .set_timer = world_set_timer};
    struct replica_events events = {.self = world, .commit = world_commit, .state = world_state};

    world->env = (struct env){
        .self = world, .wall_ns = world_now, .monotonic_ns = world_now, .random = world_random};
    world->jobs = NULL;
    world->jobs_tail = &world->jobs;
    world->timer_ns = 0;
    world->replica = NULL;
    world->applied = world->options.applied;
    memset(world->states, 0, sizeof world->states);
    world->err = (struct err){0};
    return replica_open(&world->options, &io, &events, &world->replica, &world->err);
}

static void must_open(struct world *world)
{
    if (world_open(world) != ERR_NONE) {
        fail_msg("open: %s", world->err.text);
    }
}

static void world_close(struct world *world)
{
    replica_close(world->replica);
    world->replica = NULL;
}

static void world_done(struct world *world)
{
    world_close(world);
    mem_disk_destroy(world->disk);
    free(world->acked);
}

/* Works on one job and ends it. False: there is none. */
static bool work(struct world *world)
{
    struct replica_job *job = world->jobs;

    if (!job) {
        return false;
    }
    world->jobs = job->next;
    if (!world->jobs) {
        world->jobs_tail = &world->jobs;
    }
    job->work(job);
    world->now_ns += 1000;
    job->done(job);
    return true;
}

static void work_all(struct world *world)
{
    while (work(world)) {
    }
}

static void fire_timer(struct world *world)
{
    assert_true(world->timer_ns > 0);
    if (world->now_ns < world->timer_ns) {
        world->now_ns = world->timer_ns;
    }
    world->timer_ns = 0;
    replica_timeout(world->replica);
}

static enum replica_state state_of(const struct world *world)
{
    return replica_status(world->replica).state;
}

static void must_lead(struct world *world)
{
    work_all(world);
    assert_int_equal(state_of(world), REPLICA_LEADER);
}

static void submit_many(struct world *world, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(submit(world), ERR_NONE);
        work_all(world);
    }
}

/* Leads at once, without a timeout, and only when its barrier is committed. */
static void test_leads_at_once(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    must_open(&world);
    assert_int_equal(state_of(&world), REPLICA_STARTING);
    assert_false(replica_writable(world.replica));
    assert_int_equal(submit(&world), ERR_NOT_LEADER);
    assert_int_equal(world.commits, 1); /* The configuration. */
    must_lead(&world);
    assert_true(replica_writable(world.replica));
    assert_int_equal(world.states[REPLICA_LEADER], 1);
    assert_int_equal(world.commits, 2);
    assert_int_equal(world.acked[1].size, 0);
    assert_int_equal(world.acked[2].size, 0);
    assert_true(replica_status(world.replica).cluster_id != 0);
    world_done(&world);
}

/* Entries come back in order, once, with their bytes; two in flight and no third. */
static void test_submit_in_order(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    for (uint32_t round = 0; round < 50; round++) {
        uint64_t commits = world.commits;

        assert_int_equal(submit(&world), ERR_NONE);
        assert_true(replica_writable(world.replica));
        assert_int_equal(submit(&world), ERR_NONE);
        assert_false(replica_writable(world.replica));
        assert_int_equal(submit(&world), ERR_BUSY);
        assert_int_equal(replica_status(world.replica).writes_in_flight, LOG_WRITES_IN_FLIGHT);
        assert_false(replica_idle(world.replica));
        assert_int_equal(world.commits, commits);
        work_all(&world);
        assert_true(replica_idle(world.replica));
        assert_int_equal(world.commits, commits + 2);
        assert_int_equal(world.acked[world.applied].first, world.submitted & 0xff);
        assert_int_equal(world.acked[world.applied].size, size_of_submit(world.submitted));
    }
    assert_int_equal(replica_status(world.replica).commit_index, world.applied);
    assert_true(replica_status(world.replica).syncs >= 101);
    world_done(&world);
}

/* Nothing is told as committed before the sync that covers it. */
static void test_commit_after_sync(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    for (uint32_t i = 0; i < 20; i++) {
        struct replica_job *job;
        uint64_t syncs = mem_disk_count(world.disk, MEM_DISK_SYNC);
        uint64_t commits = world.commits;

        assert_int_equal(submit(&world), ERR_NONE);
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
        work_all(&world);
    }
    world_done(&world);
}

/* A commit callback may submit. */
static void test_submit_inside_commit(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    world.submit_inside = true;
    assert_int_equal(submit(&world), ERR_NONE);
    work_all(&world);
    assert_int_equal(world.submitted, 2);
    assert_int_equal(world.acked_last, 4);
    world_done(&world);
}

/* An idle leader's timers change nothing on disk. */
static void test_idle_writes_nothing(void **state)
{
    struct world world;
    uint64_t changes;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    changes = mem_disk_count(world.disk, MEM_DISK_CHANGES);
    for (uint32_t i = 0; i < 200; i++) {
        uint64_t before_ns = world.now_ns;

        fire_timer(&world);
        work_all(&world);
        assert_true(world.now_ns >= before_ns + 50 * NS_PER_MS);
        replica_timeout(world.replica); /* Too early: no harm. */
    }
    assert_int_equal(mem_disk_count(world.disk, MEM_DISK_CHANGES), changes);
    assert_int_equal(state_of(&world), REPLICA_LEADER);
    world_done(&world);
}

/* Restarts: a new term each, replay from behind `applied`, everything the same. */
static void test_restart_replays(void **state)
{
    struct world world;
    uint64_t term = 0;

    (void)state;
    world_init(&world);
    for (uint32_t round = 0; round < 8; round++) {
        world.options.applied = round % 2 ? world.acked_last - world.acked_last / 3 : 0;
        must_open(&world);
        must_lead(&world);
        assert_true(replica_status(world.replica).term > term);
        term = replica_status(world.replica).term;
        assert_string_equal(replica_note(world.replica), "");
        submit_many(&world, 40);
        world_close(&world);
        mem_disk_crash(world.disk, round % 3 ? MEM_DISK_DROP : MEM_DISK_KEEP);
    }
    world_done(&world);
}

/* 10,000 entries over many segments, cut as the state machine goes, opened again behind the cut. */
static void test_many_entries_and_cuts(void **state)
{
    struct world world;
    struct replica_status status;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    for (uint64_t i = 0; i < 10000; i++) {
        assert_int_equal(submit(&world), ERR_NONE);
        if (i % 2) {
            work_all(&world);
        }
        if (i % 500 == 499 && i < 9000) {
            replica_cut(world.replica, world.applied - 100);
        }
    }
    work_all(&world);
    status = replica_status(world.replica);
    assert_int_equal(status.last_index, 10002);
    assert_true(status.first_index > 8700);
    assert_true(replica_bytes_after(world.replica, world.applied) == 0);
    assert_true(replica_bytes_after(world.replica, 9000) <= status.log_bytes);
    replica_cut(world.replica, UINT64_MAX);
    work_all(&world);
    assert_true(replica_status(world.replica).first_index > 9900);
    submit_many(&world, 5);
    world.options.applied = world.acked_last - 10;
    world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    must_open(&world);
    must_lead(&world);
    assert_int_equal(world.applied, 10008);
    submit_many(&world, 100);
    world_close(&world);

    /* Behind what the state machine holds: refused. */
    world.options.applied = 100;
    assert_int_equal(world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "starts with entry"));
    world.options.applied = world.acked_last + 1;
    assert_int_equal(world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "the log ends with entry"));
    world_done(&world);
}

/* The workload of the crash tests: entries singly and in pairs over several segments, with cuts.
 * Ends when the power goes or a call fails. */
static void workload(struct world *world)
{
    work_all(world);
    for (uint32_t i = 0; i < 60 && state_of(world) == REPLICA_LEADER; i++) {
        if (submit(world) != ERR_NONE) {
            break;
        }
        if (i % 3 == 2 && submit(world) != ERR_NONE) {
            break;
        }
        work_all(world);
        if (i == 35) {
            replica_cut(world->replica, world->applied);
            /* From here on the state machine holds it. */
            world->options.applied = world->applied;
        }
    }
    work_all(world);
}

/* After a crash: opens, and tells whether all that was acknowledged came back. */
static bool recovers(struct world *world)
{
    uint64_t acked_last = world->acked_last;

    if (world_open(world) != ERR_NONE) {
        return false;
    }
    return world->applied >= acked_last;
}

/* Runs the workload until the power goes in changing call `pass`; true when it did. */
static bool crash_at(struct world *world, uint64_t pass, uint64_t seed, enum mem_disk_loss loss)
{
    bool crashed;

    mem_disk_set_power(world->disk, pass);
    if (world_open(world) == ERR_NONE) {
        workload(world);
    }
    crashed = !mem_disk_has_power(world->disk);
    world_close(world);
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

            world_init(&world);
            crashed = crash_at(&world, pass, seed, loss);
            if (!recovers(&world)) {
                fail_msg("call %d seed %d: %s", (int)pass, (int)seed, world.err.text);
            }
            must_lead(&world);
            submit_many(&world, 3);
            world_done(&world);
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

            world_init(&world);
            (void)crash_at(&world, first, first, MEM_DISK_TORN);
            (void)crash_at(&world, second, second, MEM_DISK_TORN);
            if (!recovers(&world)) {
                fail_msg("calls %d, %d: %s", (int)first, (int)second, world.err.text);
            }
            must_lead(&world);
            world_done(&world);
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

        world_init(&world);
        crashed = crash_at(&world, pass, 0, MEM_DISK_KEEP);
        must_open(&world);
        mem_disk_set_power(world.disk, 0);
        world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(recovers(&world));
        world_done(&world);
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

        world_init(&world);
        world.options.durable = false;
        crashed = crash_at(&world, pass, pass, MEM_DISK_DROP);
        lost += !recovers(&world);
        world_done(&world);
    }
    assert_true(lost > 20);
}

/* A killed process without the sync loses nothing: the page cache lives on. */
static void test_not_durable_survives_kill(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    world.options.durable = false;
    must_open(&world);
    must_lead(&world);
    submit_many(&world, 97);
    assert_false(mem_disk_is_synced(world.disk));
    mem_disk_set_power(world.disk, 0);
    world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_KEEP);
    assert_true(recovers(&world));
    world_done(&world);
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

            world_init(&world);
            mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_ALL,
                                                                   .pass = pass,
                                                                   .sticky = variant & 1,
                                                                   .partial = variant & 2,
                                                                   .code = ERR_IO});
            hit = true;
            if (world_open(&world) == ERR_NONE) {
                workload(&world);
                hit = state_of(&world) == REPLICA_FAILED;
                if (hit) {
                    assert_int_equal(world.states[REPLICA_FAILED], 1);
                    assert_int_equal(replica_status(world.replica).failure.code, ERR_IO);
                    assert_int_equal(submit(&world), ERR_IO);
                }
            }
            world_close(&world);
            mem_disk_crash(world.disk, MEM_DISK_TORN);
            if (!recovers(&world)) {
                fail_msg("call %d: %s", (int)pass, world.err.text);
            }
            must_lead(&world);
            world_done(&world);
        }
        assert_true(pass < 2000);
    }
}

/* A failed sync: nothing is acknowledged from then on, not even what had been in flight beside it.
 */
static void test_sync_failure_ends_acknowledgement(void **state)
{
    struct world world;
    uint64_t commits;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    submit_many(&world, 10);
    commits = world.commits;
    assert_int_equal(submit(&world), ERR_NONE);
    assert_int_equal(submit(&world), ERR_NONE);
    mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_SYNC, .code = ERR_IO});
    work_all(&world);
    assert_int_equal(world.commits, commits);
    assert_int_equal(state_of(&world), REPLICA_FAILED);
    assert_int_equal(world.states[REPLICA_FAILED], 1);
    assert_non_null(strstr(replica_status(world.replica).failure.text, "segment-"));
    assert_int_equal(submit(&world), ERR_IO);
    assert_false(replica_writable(world.replica));
    assert_true(replica_idle(world.replica));
    replica_timeout(world.replica);
    replica_cut(world.replica, 5);
    assert_null(world.jobs);
    world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(recovers(&world));
    world_done(&world);
}

/* The disk fills up: submits are refused, the leader stays, and with space it goes on by itself. */
static void test_no_space_refuses_and_recovers(void **state)
{
    struct world world;
    uint64_t accepted;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    mem_disk_set_capacity(world.disk, 3 * SEGMENT + 128);
    while (submit(&world) == ERR_NONE) {
        work_all(&world);
    }
    assert_int_equal(world.err.code, ERR_NO_SPACE);
    accepted = world.submitted;
    assert_true(accepted > 20);
    assert_int_equal(state_of(&world), REPLICA_LEADER);
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
    assert_int_equal(world.acked_last, accepted + 2);
    for (uint32_t i = 0; i < 20; i++) {
        fire_timer(&world);
        assert_int_equal(submit(&world), ERR_NO_SPACE); /* Also while it is being tried again. */
        work_all(&world);
        assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
    }
    mem_disk_set_capacity(world.disk, UINT64_MAX);
    for (uint32_t i = 0; i < 20 && submit(&world) != ERR_NONE; i++) {
        fire_timer(&world);
        work_all(&world);
    }
    work_all(&world);
    assert_int_equal(world.submitted, accepted + 1);
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
    submit_many(&world, 100);
    world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(recovers(&world));
    world_done(&world);
}

/* A node whose disk is full starts, leads and replays. */
static void test_starts_on_a_full_disk(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    mem_disk_set_capacity(world.disk, 2 * SEGMENT + 128);
    while (submit(&world) == ERR_NONE) {
        work_all(&world);
    }
    for (uint32_t i = 0; i < 6; i++) {
        world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(recovers(&world));
        work_all(&world);
        assert_int_equal(state_of(&world), REPLICA_LEADER);
        assert_int_equal(submit(&world), ERR_NO_SPACE);
    }
    mem_disk_set_capacity(world.disk, UINT64_MAX);
    for (uint32_t i = 0; i < 20 && submit(&world) != ERR_NONE; i++) {
        fire_timer(&world);
        work_all(&world);
    }
    assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
    world_done(&world);
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

            world_init(&world);
            must_open(&world);
            must_lead(&world);
            submit_many(&world, 10);
            commits = world.commits;
            mem_disk_set_fault(
                world.disk, (struct mem_disk_fault){.calls = kind ? MEM_DISK_SYNC : MEM_DISK_WRITE,
                                                    .pass = pass,
                                                    .sticky = true,
                                                    .partial = true,
                                                    .code = ERR_NO_SPACE});
            assert_int_equal(submit(&world), ERR_NONE);
            assert_int_equal(submit(&world), ERR_NONE);
            for (uint32_t i = 0; i < 8; i++) {
                work_all(&world);
                assert_int_equal(world.commits, commits + pass);
                assert_int_equal(state_of(&world), REPLICA_LEADER);
                assert_int_equal(submit(&world), ERR_NO_SPACE);
                assert_false(replica_writable(world.replica));
                assert_int_equal(replica_status(world.replica).failure.code, ERR_NO_SPACE);
                fire_timer(&world);
            }
            work_all(&world);
            mem_disk_set_fault(world.disk, (struct mem_disk_fault){0});
            for (uint32_t i = 0; i < 8; i++) {
                fire_timer(&world);
                work_all(&world);
            }
            assert_int_equal(world.commits, commits + 2);
            assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
            submit_many(&world, 10);
            world_close(&world);
            mem_disk_crash(world.disk, MEM_DISK_DROP);
            assert_true(recovers(&world));
            world_done(&world);
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

        world_init(&world);
        must_open(&world);
        must_lead(&world);
        world.random = seed;
        for (uint32_t i = 0; i < 400; i++) {
            uint8_t dice;

            world_random(&world, &dice, 1);
            if (dice < 20) {
                mem_disk_set_capacity(world.disk, (uint64_t)(dice % 5 + 2) * SEGMENT);
            } else if (dice < 40) {
                mem_disk_set_capacity(world.disk, UINT64_MAX);
            } else if (dice < 50) {
                mem_disk_set_fault(world.disk, (struct mem_disk_fault){.calls = MEM_DISK_CHANGES,
                                                                       .pass = dice % 4,
                                                                       .partial = true,
                                                                       .code = ERR_NO_SPACE});
            } else if (dice < 100) {
                fire_timer(&world);
            } else if (dice < 200) {
                (void)submit(&world);
            } else if (dice < 205) {
                replica_cut(world.replica, world.applied);
                world.options.applied = world.applied;
            } else {
                (void)work(&world);
            }
        }
        mem_disk_set_capacity(world.disk, UINT64_MAX);
        mem_disk_set_fault(world.disk, (struct mem_disk_fault){0});
        for (uint32_t i = 0; i < 12; i++) {
            work_all(&world);
            fire_timer(&world);
        }
        work_all(&world);
        if (state_of(&world) != REPLICA_LEADER) {
            fail_msg("seed %d: %s", (int)seed, replica_status(world.replica).failure.text);
        }
        assert_int_equal(replica_status(world.replica).failure.code, ERR_NONE);
        assert_int_equal(world.acked_last, world.submitted + 2);
        world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(recovers(&world));
        world_done(&world);
    }
}

/* A cut while the write that begins the newest segment waits for space: the segment before it must
 * stay. */
static void test_cut_spares_the_last_begun_segment(void **state)
{
    (void)state;
    for (uint64_t count = 1; count < 50; count++) {
        struct world world;

        world_init(&world);
        must_open(&world);
        must_lead(&world);
        submit_many(&world, count);
        mem_disk_set_fault(
            world.disk,
            (struct mem_disk_fault){.calls = MEM_DISK_WRITE, .sticky = true, .code = ERR_NO_SPACE});
        assert_int_equal(submit(&world), ERR_NONE);
        work_all(&world);
        replica_cut(world.replica, UINT64_MAX);
        work_all(&world);
        world.options.applied = world.applied;
        mem_disk_set_power(world.disk, 0);
        world_close(&world);
        mem_disk_crash(world.disk, MEM_DISK_DROP);
        assert_true(recovers(&world));
        world_done(&world);
    }
}

/* The power goes; nothing is closed cleanly. */
static void pull_the_plug(struct world *world)
{
    mem_disk_set_power(world->disk, 0);
    world_close(world);
    mem_disk_crash(world->disk, MEM_DISK_DROP);
}

/* A start records what it found as durable, before anything else is written: damage to it is no
 * torn tail any more. */
static void test_start_makes_the_tail_known(void **state)
{
    struct world world;
    uint8_t *bytes;
    size_t size;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    submit_many(&world, 5);
    pull_the_plug(&world);
    must_open(&world);
    pull_the_plug(&world);
    bytes = mem_disk_bytes(world.disk, "segment-0000000001", &size);
    while (bytes[size - 1] == 0) {
        size--;
    }
    mem_disk_flip(world.disk, "segment-0000000001", size - 1, 2);
    assert_int_equal(world_open(&world), ERR_CORRUPT);
    assert_non_null(strstr(world.err.text, "segment-0000000001: offset"));
    world_done(&world);
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
            world_init(&world);
            must_open(&world);
            must_lead(&world);
            submit_many(&world, 3);
            term = replica_status(world.replica).term;
            if (at % 2) {
                world_close(&world);
            } else {
                pull_the_plug(&world);
            }
            mem_disk_flip(world.disk, name, at, 0x40);
            must_open(&world);
            assert_non_null(strstr(replica_note(world.replica), name));
            must_lead(&world);
            assert_int_equal(replica_status(world.replica).term, term + 1);
            world_close(&world);
            must_open(&world);
            assert_string_equal(replica_note(world.replica), "");
            world_close(&world);
            mem_disk_flip(world.disk, "meta-0", at, 0x40);
            mem_disk_flip(world.disk, "meta-1", 63 - at, 0x40);
            assert_int_equal(world_open(&world), ERR_CORRUPT);
            assert_non_null(strstr(world.err.text, "meta-0: offset"));
            world_done(&world);
        }
    }
}

/* After a clean close every flipped byte of the log is refused, also in the last batch; a lost file
 * too. */
static void test_damage_after_a_clean_close(void **state)
{
    struct world world;
    size_t size;
    size_t end;
    uint8_t *bytes;

    (void)state;
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    submit_many(&world, 3);
    world_close(&world);
    bytes = mem_disk_bytes(world.disk, "segment-0000000001", &size);
    for (end = size; bytes[end - 1] == 0; end--) {
    }
    for (size_t at = 0; at < end; at++) {
        struct mem_disk *disk = world.disk;

        world.disk = mem_disk_clone(disk, 1);
        mem_disk_flip(world.disk, "segment-0000000001", at, 0x08);
        assert_int_equal(world_open(&world), ERR_CORRUPT);
        assert_non_null(strstr(world.err.text, "segment-0000000001"));
        assert_non_null(strstr(world.err.text, "offset"));
        mem_disk_destroy(world.disk);
        world.disk = disk;
    }
    mem_disk_lose(world.disk, "segment-0000000001");
    assert_int_equal(world_open(&world), ERR_CORRUPT);
    mem_disk_lose(world.disk, "segment-0000000002");
    assert_int_equal(world_open(&world), ERR_CORRUPT);
    world_done(&world);
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
    world_init(&ours);
    world_init(&theirs);
    theirs.random = 99;
    must_open(&ours);
    must_open(&theirs);
    must_lead(&ours);
    must_lead(&theirs);
    assert_true(replica_status(ours.replica).cluster_id !=
                replica_status(theirs.replica).cluster_id);
    world_close(&ours);
    world_close(&theirs);
    to = mem_disk_bytes(ours.disk, "segment-0000000001", &size);
    from = mem_disk_bytes(theirs.disk, "segment-0000000001", &size);
    memcpy(to, from, size);
    assert_int_equal(world_open(&ours), ERR_CORRUPT);
    assert_non_null(strstr(ours.err.text, "another cluster"));
    world_done(&ours);
    world_done(&theirs);
}

/* Options that can not be: refused with nothing on disk. */
static void test_refused_options(void **state)
{
    struct world world;

    (void)state;
    world_init(&world);
    world.options.bootstrap = false;
    assert_int_equal(world_open(&world), ERR_STATE);
    assert_int_equal(mem_disk_count(world.disk, MEM_DISK_CREATE), 0);
    world.options.bootstrap = true;
    world.options.node_id = 0;
    assert_int_equal(world_open(&world), ERR_INVALID);
    world.options.node_id = 1;
    world.options.segment_size = 100;
    assert_int_equal(world_open(&world), ERR_INVALID);
    world.options.segment_size = SEGMENT;
    must_open(&world);
    must_lead(&world);
    world_close(&world);
    /* A log that another node wrote. */
    world.options.node_id = 2;
    assert_int_equal(world_open(&world), ERR_UNSUPPORTED);
    world.options.node_id = 1;
    world.options.bootstrap = false;
    must_open(&world);
    world_done(&world);
}

/* Sizes at the limits. */
static void test_submit_sizes(void **state)
{
    struct world world;
    uint8_t *bytes = calloc(1, ENTRY_SIZE_MAX + 1);
    uint64_t index;

    (void)state;
    assert_non_null(bytes);
    world_init(&world);
    world.options.segment_size = 0;
    must_open(&world);
    must_lead(&world);
    assert_int_equal(replica_submit(world.replica, bytes, 0, &index, &world.err), ERR_INVALID);
    assert_int_equal(replica_submit(world.replica, bytes, ENTRY_SIZE_MAX + 1, &index, &world.err),
                     ERR_TOO_LARGE);
    assert_int_equal(replica_submit(world.replica, bytes, ENTRY_SIZE_MAX, &index, &world.err),
                     ERR_NONE);
    work_all(&world);
    assert_int_equal(world.acked_last, index);
    world_close(&world);
    mem_disk_crash(world.disk, MEM_DISK_DROP);
    assert_true(recovers(&world));
    assert_int_equal(world.acked[index].size, ENTRY_SIZE_MAX);
    world_done(&world);
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
    world_init(&world);
    must_open(&world);
    must_lead(&world);
    submit_many(&world, 200);
    replica_cut(world.replica, 150);
    work_all(&world);
    world.options.applied = 190;
    world_close(&world);
    raft_heap_set(&heap);
    for (uint64_t left = 0;; left++) {
        enum err_code code;

        allocations_left = left;
        code = world_open(&world);
        if (code == ERR_NONE) {
            work_all(&world);
            replica_cut(world.replica, 190);
            work_all(&world);
        }
        allocations_left = UINT64_MAX;
        if (code == ERR_NONE && state_of(&world) == REPLICA_LEADER) {
            assert_true(left > 8);
            world_close(&world);
            break;
        }
        if (code != ERR_NONE) {
            assert_int_equal(code, ERR_NOMEM);
        }
        world_close(&world);
    }
    raft_heap_set_default();
    must_open(&world);
    assert_true(world.applied >= 202);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leads_at_once),
        cmocka_unit_test(test_submit_in_order),
        cmocka_unit_test(test_commit_after_sync),
        cmocka_unit_test(test_submit_inside_commit),
        cmocka_unit_test(test_idle_writes_nothing),
        cmocka_unit_test(test_restart_replays),
        cmocka_unit_test(test_many_entries_and_cuts),
        cmocka_unit_test(test_crash_at_every_call),
        cmocka_unit_test(test_crash_during_recovery),
        cmocka_unit_test(test_replay_is_durable),
        cmocka_unit_test(test_skipped_sync_is_found),
        cmocka_unit_test(test_not_durable_survives_kill),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_sync_failure_ends_acknowledgement),
        cmocka_unit_test(test_no_space_refuses_and_recovers),
        cmocka_unit_test(test_starts_on_a_full_disk),
        cmocka_unit_test(test_writes_are_held_without_space),
        cmocka_unit_test(test_space_comes_and_goes),
        cmocka_unit_test(test_cut_spares_the_last_begun_segment),
        cmocka_unit_test(test_start_makes_the_tail_known),
        cmocka_unit_test(test_damaged_meta),
        cmocka_unit_test(test_damage_after_a_clean_close),
        cmocka_unit_test(test_foreign_cluster),
        cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_submit_sizes),
        cmocka_unit_test(test_libraft_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
