/* What core must find without reading the store: jobs by id, jobs of a queue in order, due
 * instants, queues and their counts.
 *
 * Everything here follows from rows and is rebuilt from them by one scan. index_change is the only
 * way in: it is called with a job before and after, and a roll-back calls it the other way round.
 *
 * A live job that its queue's clear or destroy struck (job_is_gone) is in no count and in none of
 * the lists that are read; it waits in `gone` until a sweep removes its row. */
#ifndef CORE_INDEX_H
#define CORE_INDEX_H

#include "core/heap.h"
#include "core/map.h"
#include "core/rows.h"
#include "core/window.h"

/* What the index keeps of a job's row. */
struct index_job {
    uint64_t time_ns; /* The key. */
    uint64_t seq;
    uint64_t move_seq; /* Of its last state change; a pending job's place in the order. */
    uint64_t due_ns;   /* job_due_ns. */
    uint32_t queue;    /* Queue number. */
    uint8_t state;     /* enum job_state; never terminal. */
    uint8_t priority;
};

/* A live job's place in memory: 56 bytes. */
struct index_slot {
    struct index_job job;
    uint32_t next; /* In its list; 0 = none. */
    uint32_t previous;
    uint32_t heap_place; /* 0 = not in the heap. */
    uint32_t map_link;
};

/* Each live job is in one list of its queue: pending ones in that of their priority, which comes
 * first, the others in that of their state. */
enum index_list {
    LIST_READY = 0,
    LIST_SCHEDULED = JOB_PRIORITY_COUNT,
    LIST_RETRYING,
    LIST_CLEARED, /* Not a list: those before it are what a clear strikes. */
    LIST_ACTIVE = LIST_CLEARED,
    LIST_HELD,
    LIST_COUNT
};

/* Jobs by move_seq. */
struct slot_list {
    uint32_t head;
    uint32_t tail;
};

/* The live jobs of a queue. */
struct queue_jobs {
    struct slot_list lists[LIST_COUNT];
    struct slot_list gone[LIST_COUNT]; /* Rows to be removed. */
    uint64_t counts[JOB_STATE_COUNT];  /* Of those in `lists`. */
};

/* What a queue's row counted when the entry began. */
struct queue_totals {
    uint64_t enqueued;
    uint64_t completed;
    uint64_t failed;
};

/* A queue: its row, kept here while the server runs and written back at the end of each entry that
 * changed it, and what follows from the rows of its jobs. */
struct queue {
    struct queue_row row; /* The name is in owned_name. */
    uint8_t *owned_name;
    uint32_t number;
    uint32_t map_link;
    uint32_t due_place; /* In the heap of queues that are due; 0 = not in it. */
    struct queue_jobs jobs;
    struct window window;
    uint32_t claimed;      /* By this entry, under a rate limit. */
    uint64_t stored_hash;  /* Of the row as it is stored; 0 = not yet. */
    uint64_t ready_before; /* queue_ready when the entry began; valid while touched, as the next. */
    struct queue_totals totals_before;
    struct queue *touched_next;
    bool touched; /* Changed by this entry. */
    bool cut;     /* A claim left ready jobs because the entry was full. */
    bool dirty;   /* The row differs from what is stored. */
};

struct index {
    struct slab slots; /* struct index_slot. */
    struct map jobs;
    struct heap due;
    struct slab queues; /* struct queue; the number is the queue's. */
    struct map queue_names;
    struct heap due_queues; /* By queue_due_ns, then number. */
    uint32_t queue_count;
    uint64_t now_ns;     /* Of the entry that is applied, or the last one. */
    uint64_t live_count; /* Without those that are gone. */
    struct queue *touched;
};

/* An empty index. It must not be moved afterwards. Allocates nothing. */
void index_init(struct index *index);
void index_done(struct index *index);

/* What the index keeps of a live job. */
struct index_job index_job_of(const struct job *job);

/* Replaces `old` (NULL = the job is new) by `now` (NULL = the job is no longer live). False when
 * out of memory; never so when it undoes a change. */
bool index_change(struct index *index, const struct index_job *old, const struct index_job *now);

/* For the scan at start: adds jobs in any order, then sorts them into their lists once. False when
 * out of memory. */
bool index_load(struct index *index, const struct index_job *job);
bool index_load_end(struct index *index);

/* The live job of a key, gone or not; NULL when there is none. */
const struct index_job *index_find(const struct index *index, struct job_key key);

/* The live job that is due first, gone or not; NULL when none ever is. */
const struct index_job *index_first_due(const struct index *index);

/* The pending job of the queue that is handed out next; NULL when there is none. */
const struct index_job *index_first_ready(const struct index *index, const struct queue *queue);

/* The first job of one of the queue's lists, and the one behind a job in its list; NULL when there
 * is none. */
const struct index_job *index_first_of(const struct index *index, const struct queue *queue,
                                       enum index_list list);
const struct index_job *index_next_of(const struct index *index, const struct index_job *job);

/* A job of the queue that is gone, always the same one of the same rows; NULL when there is none.
 */
const struct index_job *index_first_gone(const struct index *index, const struct queue *queue);

/* True if the job is one of those. */
bool index_is_gone(const struct index *index, const struct index_job *job);

/* A queue by number (which exists) or name (NULL when it does not). */
struct queue *index_queue(const struct index *index, uint32_t number);
struct queue *index_queue_find(const struct index *index, struct slice name);

/* A new queue with the next number and a copy of the name; NULL when out of memory. */
struct queue *index_queue_add(struct index *index, struct slice name);

/* Takes the queue that was added last away again. */
void index_queue_remove(struct index *index, struct queue *queue);

/* The queue's jobs of the lists before LIST_CLEARED, or all of them, are gone from now on. The row
 * must say the same. O(1). */
void index_doom(struct index *index, struct queue *queue, bool all);

/* Takes index_doom back; `before` is what the queue had. */
void index_undoom(struct index *index, struct queue *queue, const struct queue_jobs *before);

/* How many jobs the queue has, in any state. */
uint64_t queue_count(const struct queue *queue);

/* How many claims pause, concurrency and rate allow, and how many jobs can be handed out: right at
 * the entry's time when the queue is touched, else as of the last entry that touched it. */
uint64_t queue_room(const struct queue *queue);
uint64_t queue_ready(const struct queue *queue);

/* When a tick has something to do for the queue itself: at once while it has rows to remove (1);
 * when its rate limit lets pending jobs through again; when the claims under that limit are too old
 * to matter. 0 = never. Follows from rows alone, not from the present time. */
uint64_t queue_due_ns(const struct queue *queue);

/* The queue that is due first; NULL when none is. */
struct queue *index_first_due_queue(const struct index *index);

/* Brings the queue's place among the due ones up to date. Call it for each queue that was touched,
 * and after the scan at start. False when out of memory. */
bool index_queue_refresh(struct index *index, struct queue *queue);

/* Notes what queue_ready was, before its first change in an entry, and brings what depends on the
 * time up to the entry's. */
void index_touch(struct index *index, struct queue *queue);

/* The queue's rate limit changed. */
void index_limit_changed(struct index *index, struct queue *queue);

/* Compares two indexes; ERR_CORRUPT names the first difference. */
enum err_code index_compare(const struct index *index, const struct index *other,
                            struct err *err) MUST_USE;

#endif
