/* See replica_world.h. */
#include "tests/unit/replica_world.h"

#include <stdlib.h>
#include <string.h>

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>

/* clang-format off */
#include <cmocka.h>
/* clang-format on */

static uint64_t world_now(void *self)
{
    struct world *world = self;

    return world->now_ns;
}

void replica_world_random(void *self, void *ret_bytes, size_t size)
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

size_t replica_world_payload_size(uint64_t number)
{
    return (size_t)(number * 53 % 900) + 1;
}

enum err_code replica_world_submit(struct world *world)
{
    uint64_t number = world->submitted + 1;
    size_t size = replica_world_payload_size(number);
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
    assert_true(index < WORLD_ENTRIES_MAX);
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
        assert_int_equal(replica_world_submit(world), ERR_NONE);
    }
}

static void world_state(void *self, enum replica_state state)
{
    struct world *world = self;

    world->states[state]++;
}

void replica_world_init(struct world *world)
{
    *world = (struct world){.disk = mem_disk_create(7), .random = 5, .now_ns = NS_PER_SECOND};
    world->acked = calloc(WORLD_ENTRIES_MAX, sizeof *world->acked);
    assert_non_null(world->disk);
    assert_non_null(world->acked);
    world->options = (struct replica_options){.node_id = 1,
                                              .address = "127.0.0.1:7000",
                                              .bootstrap = true,
                                              .durable = true,
                                              .segment_size = WORLD_SEGMENT};
    world->jobs_tail = &world->jobs;
}

enum err_code replica_world_open(struct world *world)
{
    struct replica_io io = {.env = &world->env,
                            .disk = mem_disk_interface(world->disk),
                            .self = world,
                            .run = world_run,
                            .set_timer = world_set_timer};
    struct replica_events events = {.self = world, .commit = world_commit, .state = world_state};

    world->env = (struct env){.self = world,
                              .wall_ns = world_now,
                              .monotonic_ns = world_now,
                              .random = replica_world_random};
    world->jobs = NULL;
    world->jobs_tail = &world->jobs;
    world->timer_ns = 0;
    world->replica = NULL;
    world->applied = world->options.applied;
    memset(world->states, 0, sizeof world->states);
    world->err = (struct err){0};
    return replica_open(&world->options, &io, &events, &world->replica, &world->err);
}

void replica_world_must_open(struct world *world)
{
    if (replica_world_open(world) != ERR_NONE) {
        fail_msg("open: %s", world->err.text);
    }
}

void replica_world_close(struct world *world)
{
    replica_close(world->replica);
    world->replica = NULL;
}

void replica_world_done(struct world *world)
{
    replica_world_close(world);
    mem_disk_destroy(world->disk);
    free(world->acked);
}

bool replica_world_work(struct world *world)
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

void replica_world_work_all(struct world *world)
{
    while (replica_world_work(world)) {
    }
}

void replica_world_fire_timer(struct world *world)
{
    assert_true(world->timer_ns > 0);
    if (world->now_ns < world->timer_ns) {
        world->now_ns = world->timer_ns;
    }
    world->timer_ns = 0;
    replica_timeout(world->replica);
}

enum replica_state replica_world_state_now(const struct world *world)
{
    return replica_status(world->replica).state;
}

void replica_world_must_lead(struct world *world)
{
    replica_world_work_all(world);
    assert_int_equal(replica_world_state_now(world), REPLICA_LEADER);
}

void replica_world_submit_many(struct world *world, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(replica_world_submit(world), ERR_NONE);
        replica_world_work_all(world);
    }
}

bool replica_world_recovers(struct world *world)
{
    uint64_t acked_last = world->acked_last;

    if (replica_world_open(world) != ERR_NONE) {
        return false;
    }
    return world->applied >= acked_last;
}

void replica_world_pull_the_plug(struct world *world)
{
    mem_disk_set_power(world->disk, 0);
    replica_world_close(world);
    mem_disk_crash(world->disk, MEM_DISK_DROP);
}
