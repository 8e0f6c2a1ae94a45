/* One simulated server: the real core, consensus driver, log store and recovery over the virtual
 * disk and clock.
 *
 * What stands in for the node room is the least that drives them: one group of operations is one
 * entry, at most two writes are in flight, a commit is applied and answered. State rows are in
 * kv_mem, whose crash model forgets what was not flushed. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "base/buf.h"
#include "base/limits.h"
#include "core/core.h"
#include "core/ops.h"
#include "ledger.h"
#include "node/clock.h"
#include "replica/replica.h"
#include "store/kv_mem.h"
#include "world.h"

struct mem_disk;

/* Called with the result; NULL when the call's fate is unknown (the server died or failed). */
typedef void (*server_answer)(void *context, uint64_t number, const struct op_result *result,
                              uint64_t index);

struct server_call {
    server_answer answer;
    void *context;
    uint64_t number;
    bool unit_last; /* For readability of traces only. */
};

#define SERVER_GROUP_MAX 64
#define SERVER_GROUPS_MAX 64

struct server_group {
    struct buf bytes;
    struct server_call calls[SERVER_GROUP_MAX];
    uint32_t count;
    uint64_t index;
};

struct server {
    struct world *world;
    struct ledger *ledger;
    struct mem_disk *disk;
    struct kv_mem *mem;
    struct env env;
    struct node_clock clock;
    struct core *core;
    struct replica *replica;
    struct arena arena;
    struct server_group groups[SERVER_GROUPS_MAX]; /* A ring: submitted ones, then the open one. */
    uint64_t group_first, group_submitted, group_open;
    struct replica_job *jobs, *jobs_last; /* In order; the first is under way. */
    uint64_t life; /* Grows with each start: events of an earlier life are void. */
    bool running, ready, failed;
    bool durable;
    bool tick_in_flight;
    uint64_t slow_disk_ns; /* Added to each piece of disk work. */
    uint64_t *hashes;      /* State hash by index of every entry ever applied. */
    uint64_t hash_count, hash_capacity;
    uint64_t applied_max;
    uint64_t restarts, replayed, entries, flushes;
    struct err refusal; /* Why the last start was refused. */
};

/* Prepares a server that is down, on an empty disk. */
void server_init(struct server *server, struct world *world, struct ledger *ledger, bool durable);
void server_done(struct server *server);

/* Opens everything and recovers. False when the start was refused (server->refusal); judges I12 and
 * I14. */
bool server_start(struct server *server);

/* Power is cut: un-synced writes are dropped or torn, calls in flight get no answer. */
void server_crash(struct server *server);

/* Submits one operation. False when it is refused (nothing happened). */
bool server_submit(struct server *server, const struct op_spec *spec, const void *request,
                   server_answer answer, void *context, uint64_t number);

/* Makes the state durable up to now, and cuts the log below it. */
void server_flush(struct server *server);

#endif
