/* A replica in a world made by hand: a disk in memory, a clock that is turned, jobs that wait to be
 * worked on. It checks every commit against what had been acknowledged before, over all restarts.
 */
#ifndef TESTS_UNIT_REPLICA_WORLD_H
#define TESTS_UNIT_REPLICA_WORLD_H

#include "replica/replica.h"
#include "tests/unit/mem_disk.h"

#define WORLD_SEGMENT 20480
#define WORLD_ENTRIES_MAX 12000

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

/* A disk, a clock and options; the replica is not open. */
void replica_world_init(struct world *world);

/* Opens the replica on what is on the disk; world->err says why not. */
enum err_code replica_world_open(struct world *world);

/* The same, or the test fails. */
void replica_world_must_open(struct world *world);

/* Closes it, cleanly when the disk has power. */
void replica_world_close(struct world *world);

/* Closes it and frees everything. */
void replica_world_done(struct world *world);

/* Submits the next payload, which is known by its number. */
enum err_code replica_world_submit(struct world *world);

/* Bytes of the payload of this number. */
size_t replica_world_payload_size(uint64_t number);

/* Submits so many, each acknowledged before the next. */
void replica_world_submit_many(struct world *world, uint64_t count);

/* Works on one job and ends it. False: there was none. */
bool replica_world_work(struct world *world);

/* Works until there is no job. */
void replica_world_work_all(struct world *world);

/* Turns the clock to the timer asked for and fires it. */
void replica_world_fire_timer(struct world *world);

/* The state of the replica. */
enum replica_state replica_world_state_now(const struct world *world);

/* Works until there is no job; then it leads, or the test fails. */
void replica_world_must_lead(struct world *world);

/* The world's chance, also env->random. */
void replica_world_random(void *self, void *ret_bytes, size_t size);

/* After a crash: opens, and tells whether all that was acknowledged came back, equal. */
bool replica_world_recovers(struct world *world);

/* The power goes, unsynced writes are lost, nothing is closed cleanly. */
void replica_world_pull_the_plug(struct world *world);

#endif
