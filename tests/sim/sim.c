/* The simulator's main: seeds in, verdicts and the fault x invariant table out.
 *
 *   run                   SEEDS (50) seeds from 1 on, or from the time of day with --from
 *   run --seed N          one seed with its trace
 *   run --plant skip-sync a planted bug: the log is not synced; the run must fail
 *   run --plant forget-clear  another: a clear is answered and not done
 *
 * Each seed: a world of its own, at least 60 simulated seconds and 2,000 client operations, power
 * cuts at random moments and at random persist points, failing syncs, full and slow disks, jumping
 * clocks; then the faults stop, all work must come to its end, and everything the clients know is
 * compared with the rows. */
#include "clients.h"
#include "tests/unit/mem_disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MIN 60
#define OPERATIONS_MIN 2000
#define DRAIN_SECONDS_MAX 600
#define PLANTED_SEEDS 20

enum fault {
    FAULT_POWER_CUT,
    FAULT_PERSIST_POINT,
    FAULT_SYNC_ERROR,
    FAULT_NO_SPACE,
    FAULT_SLOW_DISK,
    FAULT_CLOCK_JUMP,
    FAULT_COUNT
};

static const char *const fault_names[FAULT_COUNT] = {
    "power cut", "at a persist point", "sync error", "no space", "slow disk", "clock jump",
};

struct run {
    struct world world;
    struct ledger ledger;
    struct server server;
    struct clients clients;
    uint64_t fired[FAULT_COUNT];
    uint64_t cells[FAULT_COUNT][INVARIANT_COUNT];
    uint32_t since[FAULT_COUNT]; /* Faults that met calls in flight, not judged yet. */
    uint32_t met[FAULT_COUNT];   /* All that met calls in flight. */
    bool faults_on;
    uint32_t fault_weights[FAULT_COUNT]; /* Each seed draws its own mix. */
};

/* --- Faults --------------------------------------------------------------------------------------
 */

/* A cell counts a fault that fired while calls were in flight that a checker judges later. */
static void count_fault(struct run *run, enum fault fault)
{
    run->fired[fault]++;
    if (run->clients.in_flight > 0) {
        run->since[fault]++;
        run->met[fault]++;
    }
}

static void settle_cells(struct run *run, const uint64_t *checks_before)
{
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        for (uint32_t i = 0; run->since[f] && i < INVARIANT_COUNT; i++) {
            if (run->ledger.checks[i] > checks_before[i]) {
                run->cells[f][i] += run->since[f];
            }
        }
        run->since[f] = 0;
    }
}

static void heal_disk(struct run *run)
{
    mem_disk_set_fault(run->server.disk, (struct mem_disk_fault){0});
    mem_disk_set_power(run->server.disk, UINT64_MAX);
    mem_disk_set_capacity(run->server.disk, UINT64_MAX);
}

static void restart(void *context, uint64_t argument)
{
    struct run *run = context;

    (void)argument;
    if (run->server.running) {
        return;
    }
    heal_disk(run);
    if (!server_start(&run->server)) {
        ledger_judge(&run->ledger, I1_ENQUEUE_KEPT, false, "the start was refused: %.150s",
                     run->server.refusal.text);
    }
}

/* Looks after the server: a dead or failed one is restarted, as a supervisor does. */
static void supervise(void *context, uint64_t argument)
{
    struct run *run = context;

    (void)argument;
    if (run->server.running && run->server.failed) {
        server_crash(&run->server);
    }
    if (!run->server.running) {
        restart(run, 0);
    }
    world_after(&run->world, 100 * NS_PER_MS, supervise, run, 0);
}

static void end_slow_disk(void *context, uint64_t argument)
{
    (void)argument;
    ((struct run *)context)->server.slow_disk_ns = 0;
}

static void end_no_space(void *context, uint64_t argument)
{
    (void)argument;
    mem_disk_set_capacity(((struct run *)context)->server.disk, UINT64_MAX);
}

static void fire(struct run *run, enum fault fault)
{
    struct world *world = &run->world;

    world_trace(world, "fault: %s", fault_names[fault]);
    count_fault(run, fault);
    switch (fault) {
    case FAULT_POWER_CUT:
        server_crash(&run->server);
        break;
    case FAULT_PERSIST_POINT:
        mem_disk_set_power(run->server.disk, world_random(world, 12));
        break;
    case FAULT_SYNC_ERROR:
        mem_disk_set_fault(run->server.disk, (struct mem_disk_fault){.calls = MEM_DISK_SYNC,
                                                                     .pass = world_random(world, 4),
                                                                     .sticky = true,
                                                                     .code = ERR_IO});
        break;
    case FAULT_NO_SPACE:
        mem_disk_set_capacity(run->server.disk, 0);
        world_after(world, (1 + world_random(world, 3000)) * NS_PER_MS, end_no_space, run, 0);
        break;
    case FAULT_SLOW_DISK:
        run->server.slow_disk_ns = (1 + world_random(world, 300)) * NS_PER_MS;
        world_after(world, (1 + world_random(world, 4000)) * NS_PER_MS, end_slow_disk, run, 0);
        break;
    case FAULT_CLOCK_JUMP:
        world->wall_offset_ns +=
            (int64_t)(world_random(world, 20000) * NS_PER_MS) - (int64_t)(10 * NS_PER_SECOND);
        break;
    default:
        abort();
    }
}

/* argument counts how often the fault was put off, waiting for a call to be in flight. */
static void inject(void *context, uint64_t argument)
{
    struct run *run = context;
    uint32_t total = 0;
    uint64_t dice;

    if (!run->faults_on) {
        return;
    }
    if (run->clients.in_flight == 0 && argument < 1000) {
        world_after(&run->world, 200000, inject, run, argument + 1);
        return;
    }
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        total += run->fault_weights[f];
    }
    dice = world_random(&run->world, total);
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        if (dice < run->fault_weights[f]) {
            if (run->server.running) {
                fire(run, f);
            }
            break;
        }
        dice -= run->fault_weights[f];
    }
    world_after(&run->world, (100 + world_random(&run->world, 6000)) * NS_PER_MS, inject, run, 0);
}

static void flush_now_and_then(void *context, uint64_t argument)
{
    struct run *run = context;

    (void)argument;
    server_flush(&run->server);
    world_after(&run->world, (1 + world_random(&run->world, 8000)) * NS_PER_MS, flush_now_and_then,
                run, 0);
}

static void draw_mix(struct run *run)
{
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        run->fault_weights[f] = (uint32_t)world_random(&run->world, 5);
    }
    run->fault_weights[FAULT_PERSIST_POINT] += 2;
}

/* --- The end of a seed ---------------------------------------------------------------------------
 */

static bool is_at_its_end(struct run *run, const struct known_job *known, struct arena *arena)
{
    struct job_object *job;
    struct err err;

    arena_clear(arena);
    if (core_job_get(run->server.core, slice_text(known->id), arena, &job, &err)) {
        if (known->fate != FATE_SPARED) {
            return true;
        }
        ledger_judge(&run->ledger, I1_ENQUEUE_KEPT, false, "%s is gone: %.120s", known->id,
                     err.text);
        return true;
    }
    ledger_judge(&run->ledger, I1_ENQUEUE_KEPT, true, "-");
    ledger_judge(&run->ledger, I17_STRUCK, known->fate != FATE_DESTROYED,
                 "%s is there after its queue was destroyed", known->id);
    if (known->ended) {
        ledger_judge(&run->ledger, I3_TERMINAL_FINAL, job->state == (uint32_t)known->end,
                     "%s ended as %s and is %s", known->id, job_state_name(known->end),
                     job_state_name((enum job_state)job->state));
    }
    return job_state_is_terminal((enum job_state)job->state);
}

/* True when every known job is at its end. Judges what the rows say of it on the way. */
static bool judge_jobs(struct run *run, bool must_be_done)
{
    struct arena arena;
    bool all = true;

    arena_init(&arena, 64 * MIB);
    for (uint32_t i = 0; i < run->ledger.job_count; i++) {
        bool done = is_at_its_end(run, &run->ledger.jobs[i], &arena);

        all = all && done;
        if (must_be_done) {
            ledger_judge(&run->ledger, ILIVE_DRAINS, done, "%s never came to its end",
                         run->ledger.jobs[i].id);
        }
    }
    arena_done(&arena);
    return all;
}

static void judge_rows(struct run *run)
{
    struct err err = {0};
    uint64_t scanned;

    ledger_judge(&run->ledger, I12_INDEXES, !core_check(run->server.core, &err),
                 "at the end: %.150s", err.text);
    ledger_judge(&run->ledger, I14_STATE_HASH,
                 !core_hash_scan(run->server.core, &scanned, &err) &&
                     scanned == core_mark(run->server.core).state_hash,
                 "the rows do not hash to the state hash at the end");
}

static void run_until(struct run *run, uint64_t until_ns)
{
    while (run->world.now_ns < until_ns && !run->ledger.violation[0] && world_step(&run->world)) {
    }
}

static void drain(struct run *run)
{
    uint64_t until = run->world.now_ns + DRAIN_SECONDS_MAX * NS_PER_SECOND;
    bool done = false;

    run->faults_on = false;
    run->clients.finishing = true;
    heal_disk(run);
    while (!done && run->world.now_ns < until && !run->ledger.violation[0]) {
        run_until(run, run->world.now_ns + 2 * NS_PER_SECOND);
        done = run->server.ready && !run->server.failed && judge_jobs(run, false);
    }
    if (run->server.ready) {
        (void)judge_jobs(run, true);
        judge_rows(run);
        for (uint32_t f = 0; f < FAULT_COUNT; f++) {
            run->cells[f][ILIVE_DRAINS] += run->met[f];
        }
    } else {
        ledger_judge(&run->ledger, ILIVE_DRAINS, false, "the server never came back");
    }
}

/* Bugs that are planted: each must be found, for a checker that can not fail shows nothing. */
enum plant { PLANT_NONE, PLANT_SKIP_SYNC, PLANT_FORGET_CLEAR, PLANT_COUNT };

static const char *const plant_names[PLANT_COUNT] = {
    [PLANT_NONE] = "none",
    [PLANT_SKIP_SYNC] = "skip-sync",
    [PLANT_FORGET_CLEAR] = "forget-clear",
};

static void start(struct run *run, uint64_t seed, bool trace, enum plant plant)
{
    memset(run, 0, sizeof(*run));
    world_init(&run->world, seed, trace);
    ledger_init(&run->ledger);
    server_init(&run->server, &run->world, &run->ledger, plant != PLANT_SKIP_SYNC);
    clients_init(&run->clients, &run->world, &run->server, &run->ledger);
    run->clients.forget_clear = plant == PLANT_FORGET_CLEAR;
    draw_mix(run);
    run->faults_on = true;
    world_after(&run->world, 0, supervise, run, 0);
    world_after(&run->world, NS_PER_SECOND, inject, run, 0);
    world_after(&run->world, NS_PER_SECOND, flush_now_and_then, run, 0);
    clients_start(&run->clients);
}

/* Runs a seed; true when nothing was violated. */
static bool run_seed(struct run *run, uint64_t seed, bool trace, enum plant plant)
{
    uint64_t seconds = SECONDS_MIN;

    start(run, seed, trace, plant);
    while (!run->ledger.violation[0] && (run->world.now_ns < (seconds + 1) * NS_PER_SECOND ||
                                         run->clients.operations < OPERATIONS_MIN)) {
        uint64_t before[INVARIANT_COUNT];

        memcpy(before, run->ledger.checks, sizeof(before));
        run_until(run, run->world.now_ns + 5 * NS_PER_SECOND);
        settle_cells(run, before);
    }
    drain(run);
    return !run->ledger.violation[0];
}

static void finish(struct run *run)
{
    server_done(&run->server);
    ledger_done(&run->ledger);
    world_done(&run->world);
}

/* --- Many seeds ----------------------------------------------------------------------------------
 */

struct totals {
    uint64_t passed, failed;
    uint64_t seconds, operations, restarts, replayed, entries;
    uint64_t fired[FAULT_COUNT];
    uint64_t cells[FAULT_COUNT][INVARIANT_COUNT];
    uint64_t checks[INVARIANT_COUNT];
};

static void add_totals(struct totals *totals, const struct run *run)
{
    totals->seconds += run->world.now_ns / NS_PER_SECOND;
    totals->operations += run->clients.operations;
    totals->restarts += run->server.restarts;
    totals->replayed += run->server.replayed;
    totals->entries += run->server.entries;
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        totals->fired[f] += run->fired[f];
        for (uint32_t i = 0; i < INVARIANT_COUNT; i++) {
            totals->cells[f][i] += run->cells[f][i];
        }
    }
    for (uint32_t i = 0; i < INVARIANT_COUNT; i++) {
        totals->checks[i] += run->ledger.checks[i];
    }
}

static void print_table(const struct totals *totals)
{
    (void)printf("%-20s %8s", "fault", "fired");
    for (uint32_t i = 0; i < INVARIANT_COUNT; i++) {
        (void)printf(" %11s", invariant_names[i]);
    }
    (void)putchar('\n');
    for (uint32_t f = 0; f < FAULT_COUNT; f++) {
        (void)printf("%-20s %8" PRIu64, fault_names[f], totals->fired[f]);
        for (uint32_t i = 0; i < INVARIANT_COUNT; i++) {
            (void)printf(" %11" PRIu64, totals->cells[f][i]);
        }
        (void)putchar('\n');
    }
    (void)printf("%-20s %8s", "checks", "");
    for (uint32_t i = 0; i < INVARIANT_COUNT; i++) {
        (void)printf(" %11" PRIu64, totals->checks[i]);
    }
    (void)printf("\n%" PRIu64 " simulated seconds, %" PRIu64 " operations, %" PRIu64
                 " entries, %" PRIu64 " starts, %" PRIu64 " entries replayed\n",
                 totals->seconds, totals->operations, totals->entries, totals->restarts,
                 totals->replayed);
}

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* True if one of the seeds finds the planted bug. */
static bool run_planted(struct run *run, enum plant plant, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        bool held = run_seed(run, seed, false, plant);

        if (!held) {
            (void)printf("planted %s: found by seed %" PRIu64 ": %s\n", plant_names[plant], seed,
                         run->ledger.violation);
            finish(run);
            return true;
        }
        finish(run);
    }
    (void)printf("planted %s: NOT found by %" PRIu64 " seeds\n", plant_names[plant], seeds);
    return false;
}

static int run_many(struct run *run, uint64_t from, uint64_t seeds)
{
    struct totals totals = {0};
    double began = cpu_seconds();

    for (uint64_t seed = from; seed < from + seeds; seed++) {
        if (run_seed(run, seed, false, PLANT_NONE)) {
            totals.passed++;
        } else {
            totals.failed++;
            (void)printf("seed %" PRIu64 " failed: %s\n  replay: make sim SEED=%" PRIu64 "\n", seed,
                         run->ledger.violation, seed);
        }
        add_totals(&totals, run);
        finish(run);
    }
    print_table(&totals);
    (void)printf("%.0f ms of CPU a seed\n", (cpu_seconds() - began) * 1000 / (double)seeds);
    for (uint32_t plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++) {
        bool found = run_planted(run, plant, PLANTED_SEEDS);

        totals.passed += found;
        totals.failed += !found;
    }
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", totals.passed, totals.failed);
    return totals.failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct run run;
    const char *seeds = getenv("SEEDS");
    uint64_t from = 1;
    bool held;

    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        held = run_seed(&run, strtoull(argv[2], NULL, 10), true, PLANT_NONE);
        (void)printf("%s\n", held ? "held" : run.ledger.violation);
        finish(&run);
        return held ? 0 : 1;
    }
    for (uint32_t plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++) {
        if (argc == 3 && strcmp(argv[1], "--plant") == 0 &&
            strcmp(argv[2], plant_names[plant]) == 0) {
            return run_planted(&run, plant, PLANTED_SEEDS) ? 0 : 1;
        }
    }
    if (argc == 3 && strcmp(argv[1], "--from") == 0) {
        from = strtoull(argv[2], NULL, 10);
    }
    return run_many(&run, from, seeds ? strtoull(seeds, NULL, 10) : 50);
}
