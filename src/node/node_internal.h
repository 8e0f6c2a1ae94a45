/* What the files of this room share. */
#ifndef NODE_NODE_INTERNAL_H
#define NODE_NODE_INTERNAL_H

#include "base/buf.h"
#include "base/limits.h"
#include "node/clock.h"
#include "node/node.h"
#include "node/view_lag.h"
#include "replica/log_thread.h"

/* One node_submit. */
struct call {
    struct call *next;
    node_done done;
    void *context;
    uint32_t first; /* Of its operations in the group. */
    uint32_t count;
};

/* What a call wants to submit; borrowed for the moment. */
struct submission {
    const struct op_head *head;
    const struct node_op *ops;
    uint32_t count;
    bool unit;
    bool urgent;   /* Makes room itself, so the bounds on what is pending do not hold it up. */
    uint32_t work; /* Jobs that it touches at most. */
    node_done done;
    void *context;
};

/* The operations that will be, or are, one entry. Owned by the pipeline from open to applied. */
struct group {
    struct group *next;
    struct buf bytes;
    struct call *calls, *calls_last;
    uint32_t op_count;
    uint32_t call_count; /* Numbers given to units and keyed requests. */
    uint32_t work;       /* Jobs that its operations touch at most. */
    size_t size;         /* Of its bytes, also when they are the replica's. */
    uint64_t index;      /* 0 until submitted. */
};

struct pipeline {
    struct group *open, *open_last;           /* Waiting to be submitted, oldest first. */
    struct group *submitted, *submitted_last; /* In the log's hands, in index order. */
    struct group *spare;
    uint32_t pending_ops;
    size_t pending_size;                     /* Bytes of all groups. */
    uint64_t groups_opened, groups_answered; /* Ever. */
};

struct wait_queue;

struct waiters {
    struct wait_queue **buckets;
    uint32_t bucket_count, queue_count;
    uint32_t count;       /* Waiting now. */
    uint64_t next_ticket; /* They are numbered as they come. */
    struct waiter *all;   /* Every waiter, newest first. */

    /* Queues that have a job and a waiter, but no room for the claim, oldest first. */
    struct wait_queue *refused, *refused_last;
    uint32_t refused_count;
};

struct read_list {
    struct waiting_read *first, *last;
};

struct reads {
    struct read_list waiting, ready; /* `ready` is filled and emptied at once. */
    uint32_t count;
    uint32_t view_count;                         /* Of them, those that wait for the view. */
    uint64_t seen_index, seen_groups, seen_view; /* When the list was last looked through. */
    bool seen_recovered;
};

/* The view as the loop knows it. */
struct node_view {
    struct view *view; /* NULL: it is off, or not open yet. */
    struct view_status status;
    struct view_lag lag;
    uint64_t noted_index; /* Last one that `lag` has. */
    bool told_trouble;
};

struct node {
    uv_loop_t *loop;
    struct node_options options;
    char *data_dir, *address;

    struct store *store;
    struct core *core;
    struct disk *owned_disk; /* NULL when the log's disk is another's. */
    struct replica *replica;
    struct log_thread *log_thread;
    struct node_clock clock;
    struct arena apply_arena;

    struct pipeline pipeline;
    struct waiters waiters;
    struct reads reads;
    struct pace pace;
    struct presence presence;
    struct node_view view;

    uv_prepare_t prepare;
    uv_check_t check;
    uv_async_t wake_log, wake_store, wake_view;
    uv_timer_t raft_timer, due_timer, sweep_timer;
    uv_timer_t hurry_timer; /* Turns the loop while somebody waits for the view. */
    uint32_t open_handles;

    uint64_t armed_due_ns; /* What due_timer waits for; 0 = nothing. */
    uint64_t ready_at_ns;  /* Since when the node takes work. */
    bool recovered;        /* Every committed entry of the log is applied. */
    bool tick_in_flight;
    bool draining, closing;
    struct err failure;       /* Final: the node refuses until restarted. */
    struct err store_trouble; /* ERR_NO_SPACE while the store thread has no room. */
    bool told_full;           /* The log (of messages) says that there is no room. */

    void (*drained)(void *context);
    void *drained_context;

    uint64_t turn_started_ns, turn_idle_ns, turn_ns_max;
    uint64_t turn_cpu_ns, turn_cpu_ns_max;
    uint64_t tick_late_ns_max;
    uint64_t applied_ops_total, overload_total;
    uint64_t keyed_again_total, keyed_mismatch_total;
    uint64_t kept_evicted_told;               /* Of core's count, when it was last warned of, */
    uint64_t kept_told_at_ns;                 /* and when that was. */
    uint64_t rate_window_ns, rate_window_ops; /* For the drain rate. */
    uint64_t rate_ops_s;
    uint64_t seed;       /* Of the next entry. */
    uint64_t log_cut_at; /* Index of the last cut. */
};

/* submit.c */
enum err_code pipeline_submit(struct node *node, const struct submission *submission,
                              struct err *err) MUST_USE;
enum err_code pipeline_refusal(const struct node *node, uint32_t count, struct err *err) MUST_USE;
enum err_code node_refusal(const struct node *node, struct err *err) MUST_USE;
void pipeline_flush(struct node *node);
void pipeline_fail(struct node *node, const struct err *err);
void pipeline_free(struct node *node);
struct group *pipeline_first(const struct node *node, uint64_t index);
void pipeline_answer_first(struct node *node, const struct core_applied *applied, uint64_t term);

/* apply.c */
void node_commit(void *self, uint64_t index, uint64_t term, struct slice bytes);
void node_stop(struct node *node, const struct err *err);

/* timers.c */
void timers_arm(struct node *node);
void timers_sweep(uv_timer_t *timer);

/* reads.c */
void reads_wake(struct node *node);
void reads_fail(struct node *node, const struct err *err);

/* view.c */
void node_view_open(struct node *node);
void node_view_close(struct node *node);
void node_view_take(struct node *node);
void node_view_written(struct node *node);
void node_view_turn(struct node *node);
void node_view_cut(struct node *node);

/* waiters.c */
bool waiters_wait_for(const struct node *node, struct slice queue);
void waiters_wake(struct node *node, const struct core_woken *woken, uint32_t count);
void waiters_retry(struct node *node);
void waiters_fail(struct node *node, const struct err *err);
void waiters_release(struct node *node);
void waiters_free(struct node *node);

#endif
