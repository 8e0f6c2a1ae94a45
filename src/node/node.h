/* The glue of one node: operations in, log entries out, committed entries applied, callers
 * answered.
 *
 * Everything here runs on the loop thread; so do the callbacks. A node decides nothing about what
 * an operation means. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "core/core.h"
#include "core/ops.h"
#include "node/pace.h"
#include "node/presence.h"
#include "replica/replica.h"
#include "store/store.h"
#include "view/view.h"

#include <uv.h>

struct node;

struct node_options {
    const char *data_dir;     /* Created when missing; holds log/ and state/. */
    uint64_t node_id;         /* > 0. */
    const char *address;      /* Of this node in the cluster's configuration. */
    bool durable;             /* false skips only the sync of the log. */
    uint32_t pending_max;     /* Operations accepted and not yet applied; 0 = PENDING_OPS_MAX. */
    uint32_t claims_max;      /* Claims of one queue submitted and not yet applied; 0 =
                                 CLAIMS_IN_FLIGHT_MAX. */
    uint64_t segment_size;    /* Of the log; 0 = its default. */
    uint32_t store_files_max; /* Tables that the store holds open; 0 = all. */
    bool view;                /* Keep what lists and searches read, in data_dir/view. */
    struct core_options core;
    const struct env *env; /* Clocks and randomness. */
    struct disk *log_disk; /* Where the log is, borrowed; NULL = data_dir/log. */
};

/* One operation of a call. The structs are borrowed during node_submit only. */
struct node_op {
    const struct op_spec *spec;
    const void *request;
};

struct node_reply {
    struct err err; /* Of the call as a whole (never submitted, its fate is unknown, or its key is
                       refused). */
    const struct op_result
        *results; /* One for each operation; NULL when err is set. Valid during the callback. */
    uint32_t count;
    uint64_t index, term; /* Of the entry. */
    bool again;           /* This is the first outcome of a keyed request that was repeated. */
};

typedef void (*node_done)(void *context, const struct node_reply *reply);

/* Opens store and log, recovers, starts: operations are taken once node_status says ready, some
 * loop turns later. The options are copied, but for env and log_disk.
 *
 * ERR_STATE: the directory is locked; ERR_CORRUPT, ERR_IO, ERR_NO_SPACE, ERR_NOMEM: see the text.
 */
enum err_code node_open(uv_loop_t *loop, const struct node_options *options, struct node **ret_node,
                        struct err *err) MUST_USE;

/* Stops taking work; answers waiters (empty) and, when nothing is in flight any more, calls
 * `drained`, once, possibly before this returns. `drained` must not close the node. */
void node_drain(struct node *node, void (*drained)(void *context), void *context);

/* Closes; what was committed stays, calls and waiters that are left get ERR_CLOSED. Runs the loop
 * until its handles are gone. Not from a callback of the node. Takes NULL. */
void node_close(struct node *node);

/* Submits operations as one call: all of them in one entry, in order; as a unit when `unit` (all or
 * nothing). `done` is called exactly once, later, unless an error is returned (then never). It may
 * submit, fetch and cancel.
 *
 * What is pending is bounded by options.pending_max operations and PENDING_SIZE_MAX bytes; a call
 * over it is ERR_BUSY (see node_retry_after_ms). ERR_TOO_LARGE: does not fit an entry;
 * ERR_NOT_LEADER, ERR_IO, ERR_NO_SPACE, ERR_CLOSED. */
enum err_code node_submit(struct node *node, const struct op_head *head, const struct node_op *ops,
                          uint32_t count, bool unit, node_done done, void *context,
                          struct err *err) MUST_USE;

/* A fetch that may wait. */
struct waiter;

/* Claims jobs for `fetch`, waiting at most wait_ms for one. `done` is called exactly once, possibly
 * before this returns; its single result's reply is a struct op_fetch_reply. head and fetch are
 * borrowed until then. *ret_waiter is what may be cancelled before `done`; NULL when `done` was
 * already called. Who waits is served in the order of arrival at each queue.
 *
 * Errors as node_submit; ERR_BUSY only when there is a job and no room for the claim. How many wait
 * is not bounded here: a waiter costs memory only, and there is one at most for each connection. */
enum err_code node_fetch(struct node *node, const struct op_head *head,
                         const struct op_fetch *fetch, uint64_t wait_ms, node_done done,
                         void *context, struct waiter **ret_waiter, struct err *err) MUST_USE;

/* Nobody waits any more. True: the waiter is gone and `done` will not be called. False: a claim is
 * in the log already, and `done` follows with what it took. */
bool node_fetch_cancel(struct node *node, struct waiter *waiter);

/* What a read wants to have been applied before it (A2). */
struct read_bound {
    bool linearizable;  /* Everything that was accepted before it. */
    uint64_t min_index; /* This entry; 0 = none. */
    uint64_t wait_ms;   /* How long to wait for that. */
    bool view;          /* All that is wanted of the view as well. Met at once when it is off. */
    bool soft;          /* When the time is over, read what there is: `done` gets ERR_NONE. */
};

struct waiting_read;
typedef void (*node_read_done)(void *context, const struct err *err);

/* Begins a read. When its bound is met already, *ret_read is NULL and `done` is never called: read
 * now. Otherwise `done` is called once, in a later turn, with ERR_NONE when it is met, or with
 * ERR_TIMEOUT (CONSISTENCY_TIMEOUT), ERR_CLOSED, or the node's failure; *ret_read is what may be
 * cancelled before. ERR_BUSY: READS_WAITING_MAX wait; ERR_TIMEOUT when wait_ms is 0; ERR_NOMEM. */
enum err_code node_read_begin(struct node *node, const struct read_bound *bound,
                              node_read_done done, void *context, struct waiting_read **ret_read,
                              struct err *err) MUST_USE;

/* Nobody waits any more: `done` will not be called. */
void node_read_cancel(struct node *node, struct waiting_read *read);

/* The view; NULL when it is off or not open yet. Queries are the view's own (view/view.h). */
struct view *node_view(struct node *node);

struct node_view_figures {
    bool on; /* False: there is none, and searches are unsupported. */
    struct view_status status;
    uint64_t lag_ms; /* Since when something is applied that the view does not show. */
};

/* How the view is, as of its last step. */
struct node_view_figures node_view_figures(struct node *node);

/* The loop that all of this runs on. */
uv_loop_t *node_loop(struct node *node);

/* For reads: rows through core's getters. */
struct core *node_core(struct node *node);

/* Other options of core from now on; they reach the log with the next tick. */
void node_set_core_options(struct node *node, const struct core_options *options);

/* The cluster's time now, as the next entry would be stamped. */
uint64_t node_now_ns(struct node *node);

/* False when the log is not synced before replies. */
bool node_is_durable(const struct node *node);

/* How long a refused client should wait, from the backlog and its real drain rate, with jitter. */
uint32_t node_retry_after_ms(struct node *node);

/* How fast a queue goes; the last hour by minutes. */
struct pace_figures node_pace(struct node *node, struct slice queue);
void node_add_waits(struct node *node, struct slice queue, struct pace_waits *waits);
void node_minutes(struct node *node, struct pace_minute ret_minutes[PACE_MINUTES]);

/* All workers as a list of worker_object in the arena; ERR_NOMEM. */
enum err_code node_workers(struct node *node, struct arena *arena, struct list *ret_workers,
                           struct err *err) MUST_USE;

/* Counts since the start, and who is there. */
struct node_soft {
    uint64_t enqueued_total, completed_total, failed_total;
    uint32_t workers, workers_heard; /* Known; of those not lost. */
    uint32_t pending_max;            /* Operations that may be pending. */
};
struct node_soft node_soft(struct node *node);

struct node_attendance {
    bool present;         /* Somebody waits for the queue or runs one of its jobs. */
    bool unknown;         /* The node leads for too short a time to tell that nobody does. */
    uint64_t asked_at_ns; /* When somebody last asked for its jobs; 0 = not yet. */
};
struct node_attendance node_attendance(struct node *node, struct slice queue);

enum node_health {
    NODE_READY,
    NODE_STARTING,
    NODE_DRAINING,
    NODE_DISK_FULL,
    NODE_STORAGE_FAILED,
};

/* The word that /readyz says: "ready", "disk_full". Any thread. */
const char *node_health_word(enum node_health health);

struct node_status {
    enum node_health health;
    bool leader, durable;
    uint64_t node_id, cluster_id, term, applied_index, commit_index, persisted_index;
    uint64_t first_index, log_bytes, log_syncs;
    uint64_t state_hash;
    uint32_t pending_ops, waiters, waiting_reads;
    uint64_t overload_total, applied_ops_total;
    struct core_kept_stats kept; /* Outcomes of keyed requests; */
    uint64_t keyed_again_total;  /* answered from there since the start, */
    uint64_t keyed_mismatch_total;
    uint64_t turn_ns_max;      /* Longest turn of the loop so far, */
    uint64_t turn_cpu_ns_max;  /* and the most that a turn worked: others may have had the CPU. */
    uint64_t tick_late_ns_max; /* Due work was submitted so late, at the worst. */
    struct store_stats store;
    struct err failure;
};

/* How the node is now, for health, status and metrics. */
struct node_status node_status(struct node *node);

#endif
