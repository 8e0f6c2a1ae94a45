/* One simulated server: see server.h. */
#include "server.h"

#include "tests/unit/mem_disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORK_NS_MIN 20000
#define WORK_NS_SPREAD 800000

/* --- Disk work: one job after the other, each taking its time -----------------------------------
 */

static void run_first_job(struct server *server);

static void job_finished(void *context, uint64_t life)
{
    struct server *server = context;
    struct replica_job *job = server->jobs;

    if (life != server->life) {
        return;
    }
    job->work(job);
    if (!mem_disk_has_power(server->disk)) {
        server_crash(server);
        return;
    }
    server->jobs = job->next;
    if (!server->jobs) {
        server->jobs_last = NULL;
    } else {
        run_first_job(server);
    }
    job->done(job);
}

static void run_first_job(struct server *server)
{
    uint64_t delay =
        WORK_NS_MIN + world_random(server->world, WORK_NS_SPREAD) + server->slow_disk_ns;

    world_after(server->world, delay, job_finished, server, server->life);
}

static void io_run(void *self, struct replica_job *job)
{
    struct server *server = self;

    job->next = NULL;
    if (server->jobs_last) {
        server->jobs_last->next = job;
        server->jobs_last = job;
        return;
    }
    server->jobs = server->jobs_last = job;
    run_first_job(server);
}

static void timer_due(void *context, uint64_t life)
{
    struct server *server = context;

    if (life == server->life && server->running) {
        replica_timeout(server->replica);
    }
}

static void io_set_timer(void *self, uint64_t at_ns)
{
    struct server *server = self;
    uint64_t now_ns = server->world->now_ns;

    world_after(server->world, at_ns > now_ns ? at_ns - now_ns : 0, timer_due, server,
                server->life);
}

/* --- Entries -------------------------------------------------------------------------------------
 */

static void judge_hash(struct server *server, uint64_t index, uint64_t hash)
{
    if (index < server->hash_count) {
        ledger_judge(server->ledger, I14_STATE_HASH, server->hashes[index] == hash,
                     "index %" PRIu64 ": %016" PRIx64 ", was %016" PRIx64, index, hash,
                     server->hashes[index]);
        server->replayed++;
        return;
    }
    while (index >= server->hash_capacity) {
        server->hash_capacity = server->hash_capacity ? server->hash_capacity * 2 : 1024;
        server->hashes = realloc(server->hashes, server->hash_capacity * sizeof(*server->hashes));
        assert(server->hashes);
    }
    ledger_judge(server->ledger, I14_STATE_HASH,
                 index == server->hash_count || server->hash_count == 0,
                 "index %" PRIu64 " applied after %" PRIu64, index, server->hash_count - 1);
    while (server->hash_count < index) {
        server->hashes[server->hash_count++] = 0;
    }
    server->hashes[server->hash_count++] = hash;
    server->entries++;
}

static void answer_group(struct server_group *group, const struct core_applied *applied,
                         uint64_t index)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct server_call *call = &group->calls[i];

        call->answer(call->context, call->number, applied ? &applied->results[i] : NULL, index);
    }
    group->count = 0;
}

static struct server_group *group_at(struct server *server, uint64_t position)
{
    return &server->groups[position % SERVER_GROUPS_MAX];
}

static void on_commit(void *self, uint64_t index, uint64_t term, struct slice bytes)
{
    struct server *server = self;
    struct server_group *group = NULL;
    struct core_applied applied;
    struct err err;

    if (server->group_first < server->group_submitted &&
        group_at(server, server->group_first)->index == index) {
        group = group_at(server, server->group_first++);
    }
    arena_clear(&server->arena);
    if (core_apply(server->core, index, term, bytes, &server->arena, &applied, &err)) {
        ledger_judge(server->ledger, I12_INDEXES, false, "apply stopped: %.150s", err.text);
        return;
    }
    judge_hash(server, index, core_mark(server->core).state_hash);
    if (group) {
        answer_group(group, &applied, index);
    }
}

static void on_state(void *self, enum replica_state state)
{
    struct server *server = self;

    if (state == REPLICA_LEADER) {
        node_clock_init(&server->clock, &server->env, core_now_ns(server->core));
        server->ready = true;
    } else if (state == REPLICA_FAILED) {
        world_trace(server->world, "server: the log failed");
        server->failed = true;
    }
}

static void flush_open(struct server *server)
{
    while (server->group_submitted < server->group_open ||
           group_at(server, server->group_open)->count) {
        struct server_group *group = group_at(server, server->group_submitted);
        struct err err;

        if (!replica_writable(server->replica) ||
            server->group_submitted + 1 - server->group_first >= SERVER_GROUPS_MAX) {
            return;
        }
        if (!entry_seal(&group->bytes, node_clock_now(&server->clock), 0) ||
            replica_submit(server->replica, group->bytes.data, group->bytes.size, &group->index,
                           &err)) {
            /* Nothing of it is in the log; to the clients its fate is as good as unknown. */
            buf_done(&group->bytes);
            answer_group(group, NULL, 0);
            return;
        }
        group->bytes = (struct buf){0};
        server->group_submitted++;
        if (server->group_open < server->group_submitted) {
            server->group_open = server->group_submitted;
        }
    }
}

static void on_tick_done(void *context, uint64_t number, const struct op_result *result,
                         uint64_t index)
{
    struct server *server = context;

    (void)number;
    (void)index;
    server->tick_in_flight = false;
    if (result) {
        ledger_judge(server->ledger, I5_LEGAL_EDGES, !result->err.code, "tick: %.100s",
                     result->err.text);
    }
}

static void turn(void *context, uint64_t life)
{
    struct server *server = context;
    struct op_tick tick;

    if (life != server->life || !server->running) {
        return;
    }
    if (server->ready && !server->failed) {
        if (!server->tick_in_flight &&
            core_next_due_ns(server->core) <= node_clock_now(&server->clock)) {
            core_tick(server->core, &tick);
            server->tick_in_flight =
                server_submit(server, op_find_name("tick"), &tick, on_tick_done, server, 0);
        }
        flush_open(server);
    }
    world_after(server->world, 1 * NS_PER_MS, turn, server, server->life);
}

bool server_submit(struct server *server, const struct op_spec *spec, const void *request,
                   server_answer answer, void *context, uint64_t number)
{
    static const struct op_head head;
    struct server_group *group;

    if (!server->running || !server->ready || server->failed) {
        return false;
    }
    group = group_at(server, server->group_open);
    if (group->count >= SERVER_GROUP_MAX) {
        return false;
    }
    if (group->count == 0) {
        buf_init(&group->bytes, ENTRY_SIZE_MAX);
    }
    if (!entry_add(&group->bytes, spec, &head, request)) {
        return false;
    }
    group->calls[group->count++] =
        (struct server_call){.answer = answer, .context = context, .number = number};
    return true;
}

/* --- Life ----------------------------------------------------------------------------------------
 */

void server_init(struct server *server, struct world *world, struct ledger *ledger, bool durable)
{
    struct err err;
    uint32_t table_count;

    memset(server, 0, sizeof(*server));
    server->world = world;
    server->ledger = ledger;
    server->durable = durable;
    server->env = world_env(world);
    server->disk = mem_disk_create(world_random(world, UINT64_MAX));
    assert(server->disk);
    (void)core_tables(&table_count);
    if (kv_mem_create(table_count, &server->mem, &err)) {
        abort();
    }
    arena_init(&server->arena, ENTRY_ARENA_MAX);
}

/* What the process held is gone; the disk is not. */
static void forget(struct server *server)
{
    server->life++;
    server->running = server->ready = server->failed = false;
    server->tick_in_flight = false;
    server->jobs = server->jobs_last = NULL;
    replica_close(server->replica);
    server->replica = NULL;
    core_close(server->core);
    server->core = NULL;
    for (uint64_t i = server->group_first; i <= server->group_open; i++) {
        buf_done(&group_at(server, i)->bytes);
        answer_group(group_at(server, i), NULL, 0);
    }
    server->group_first = server->group_submitted = server->group_open = 0;
}

static void judge_recovery(struct server *server)
{
    struct err err = {0};
    uint64_t scanned = 0;
    enum err_code code = core_check(server->core, &err);

    ledger_judge(server->ledger, I12_INDEXES, !code, "after recovery: %.150s", err.text);
    code = core_hash_scan(server->core, &scanned, &err);
    ledger_judge(server->ledger, I14_STATE_HASH,
                 !code && scanned == core_mark(server->core).state_hash,
                 "the rows hash to %016" PRIx64 ", the mark says %016" PRIx64, scanned,
                 core_mark(server->core).state_hash);
}

bool server_start(struct server *server)
{
    struct kv_mark mark = kv_mem_flushed(server->mem);
    struct core_options core = {.retention_ms = 0, .events_max = 5000};
    struct replica_options options = {.node_id = 1,
                                      .address = "sim",
                                      .bootstrap = true,
                                      .durable = server->durable,
                                      .segment_size = 256 * KIB};
    struct replica_io io = {.env = &server->env,
                            .disk = mem_disk_interface(server->disk),
                            .self = server,
                            .run = io_run,
                            .set_timer = io_set_timer};
    struct replica_events events = {.self = server, .commit = on_commit, .state = on_state};

    server->restarts++;
    server->refusal = (struct err){0};
    if (core_open(kv_mem_kv(server->mem), &mark, &core, &server->core, &server->refusal)) {
        return false;
    }
    node_clock_init(&server->clock, &server->env, 0);
    options.applied = mark.index;
    server->running = true;
    if (replica_open(&options, &io, &events, &server->replica, &server->refusal)) {
        server->running = false;
        forget(server);
        return false;
    }
    world_after(server->world, 0, turn, server, server->life);
    judge_recovery(server);
    world_trace(server->world, "server: started on index %" PRIu64, mark.index);
    return true;
}

void server_crash(struct server *server)
{
    static const enum mem_disk_loss losses[] = {MEM_DISK_KEEP, MEM_DISK_DROP, MEM_DISK_TORN};

    world_trace(server->world, "server: power cut at index %" PRIu64,
                server->core ? core_mark(server->core).index : 0);
    /* No parting words: what closing would write does not reach a disk without power. */
    mem_disk_set_power(server->disk, 0);
    forget(server);
    mem_disk_crash(server->disk, losses[world_random(server->world, ARRAY_COUNT(losses))]);
    kv_mem_crash(server->mem);
}

void server_flush(struct server *server)
{
    if (server->running && server->ready && !server->failed) {
        kv_mem_flush(server->mem);
        server->flushes++;
        replica_cut(server->replica, kv_mem_flushed(server->mem).index);
    }
}

void server_done(struct server *server)
{
    if (server->running) {
        forget(server);
    }
    kv_mem_destroy(server->mem);
    mem_disk_destroy(server->disk);
    arena_done(&server->arena);
    free(server->hashes);
}
