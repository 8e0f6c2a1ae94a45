/* The transaction of one entry: the only way to change rows and indexes, and to take changes back.
 *
 * Savepoints nest by position: rolling back to one undoes everything after it, newest first,
 * through the same functions that made it. Operations may fail; what must stop the replica goes
 * through tx_fail, is remembered here, and makes everything after it a no-op, so that writers write
 * many times and core_apply checks once. */
#ifndef CORE_TX_H
#define CORE_TX_H

#include "base/buf.h"
#include "base/limits.h"
#include "core/event.h"
#include "core/index.h"
#include "core/tables.h"

/* Bytes of stored payloads, checkpoints and the like that one entry may read: more than one job can
 * have, and far below ENTRY_ARENA_MAX. */
#define TX_READ_MAX (48 * MIB)

struct undo;

struct tx {
    struct kv *kv;
    struct index *index;
    struct meta_row *meta;
    struct arena *arena; /* Of the entry. */
    const struct op_head *head;
    uint64_t now_ns;
    uint64_t state_hash;
    uint64_t meta_hash; /* Of the meta row as it is stored. */
    size_t read_left;   /* See tx_reserve. */
    bool in_unit;       /* The operation may be rolled back after it succeeded. */
    bool want_replies;  /* False on replay and on followers: payloads need not be read. */
    struct err fatal;   /* code ERR_NONE: all is well. */
    struct undo *undos;
    uint32_t undo_count;
    uint32_t undo_room;
    struct event *events; /* Of this entry so far. */
    uint32_t event_count;
    uint32_t event_room;
    struct buf scratch; /* For encoding rows. */
    struct arena peek;  /* Of the row that tx_peek read last. */
};

struct savepoint {
    uint32_t undo_count;
    uint32_t event_count;
    uint64_t state_hash;
    struct meta_row meta;
};

/* Prepares the transaction of one entry; keeps memory of earlier ones. */
void tx_begin(struct tx *tx, struct arena *arena, uint64_t now_ns, uint64_t state_hash);

/* Writes the rows that are kept in memory (queues, meta, events) and commits. On failure tx->fatal
 * says why. */
void tx_commit(struct tx *tx, uint64_t index, uint64_t term);

/* Frees what tx_begin keeps. */
void tx_done(struct tx *tx);

/* Where to come back to, and coming back. */
struct savepoint tx_savepoint(const struct tx *tx);
void tx_rollback(struct tx *tx, const struct savepoint *savepoint);

/* Notes the failure that stops the replica; the first one counts. Returns its code. */
enum err_code tx_fail(struct tx *tx, enum err_code code, const char *text);
bool tx_failed(const struct tx *tx);

/* Takes `size` bytes from what the entry may still read; false when that is less. The answer
 * follows from rows, so it is the same on all replicas. tx_busy is the error to answer with. */
bool tx_reserve(struct tx *tx, size_t size) MUST_USE;
enum err_code tx_busy(struct err *err);

/* Entry memory that must not run out. NULL, and failed, when it does. */
void *tx_array(struct tx *tx, size_t count, size_t size);

/* The job's id in entry memory; empty, and failed, when it runs out. */
struct slice tx_job_id(struct tx *tx, struct job_key key);

/* A text that arena_printf made in the entry's arena; empty, and failed, when it is NULL. */
struct slice tx_text(struct tx *tx, const char *text);

/* The instant `ms` milliseconds after now, at most the last one there is. */
uint64_t tx_after(const struct tx *tx, uint64_t ms);

/* A row's value; data is NULL when there is none or the transaction failed. Valid during the entry.
 */
struct slice tx_get(struct tx *tx, enum table table, const struct row_key *key);

/* The same for a row that is only looked at: valid until the next peek. It takes nothing of the
 * entry's memory, however many large rows an entry looks at. */
struct slice tx_peek(struct tx *tx, enum table table, const struct row_key *key);

/* Writes a row. `old` is its present value (data NULL = none), as read by tx_get; `flags` as in
 * kv.h. */
void tx_put(struct tx *tx, enum table table, const struct row_key *key, struct slice old,
            struct slice value, uint32_t flags);

/* Removes a row whose present value is `old`. */
void tx_delete(struct tx *tx, enum table table, const struct row_key *key, struct slice old);

/* Removes a row of which only the hash is known. Can not be undone: not in a unit, and the
 * operation must not fail after it. */
void tx_forget(struct tx *tx, enum table table, const struct row_key *key, uint64_t hash);

/* Removes a row of which size and hash are known: reads it first only where that may be undone.
 * The caller has reserved `size` then (tx->in_unit); the operation must not fail after it. */
void tx_drop(struct tx *tx, enum table table, const struct row_key *key, uint64_t hash);

/* The record in wire form, valid until the next call; empty and failed when there is no memory. */
struct slice tx_encode(struct tx *tx, const struct message *message, const void *record);

/* Tells the index of a changed job; NULL as in index_change. */
void tx_index(struct tx *tx, const struct index_job *old, const struct index_job *now);

/* Call before changing queue->row. */
void tx_queue_edit(struct tx *tx, struct queue *queue);

/* The queue of that name, made when it does not exist; NULL when failed. The name was checked. */
struct queue *tx_queue(struct tx *tx, struct slice name);

/* The same with the check, for an operation of a queue. REPLY_VALIDATION_ERROR: no such name can
 * be. */
enum err_code tx_queue_open(struct tx *tx, struct slice name, struct queue **ret_queue,
                            struct err *err) MUST_USE;

/* Strikes the queue's pending, scheduled and retrying jobs: they are gone, and the boundary in its
 * row says so. O(1): their rows go with later sweeps. */
void tx_queue_clear(struct tx *tx, struct queue *queue);

/* Strikes all its jobs, also those that are done, and everything that was set for it. */
void tx_queue_destroy(struct tx *tx, struct queue *queue);

/* The queue, which has a rate limit, hands out a job. */
void tx_queue_claim(struct tx *tx, struct queue *queue);

/* Removes rows of claims that are too old for the limit, up to `count_max`; returns how many. Not
 * in a unit, and the operation must not fail after it. */
uint32_t tx_queue_trim(struct tx *tx, struct queue *queue, uint32_t count_max);

/* Sets the queue's rate limit: 0 = none; then the width is kept, as the claims of the last window
 * are, should there be a limit again. */
void tx_queue_limit(struct tx *tx, struct queue *queue, uint32_t rate, uint64_t window_ms);

/* Records an event of the queue. */
void tx_queue_event(struct tx *tx, const struct queue *queue, enum event_type type,
                    struct slice data);

/* Records an event; its data must live as long as the entry. */
void tx_event(struct tx *tx, const struct event *event);

/* What a row adds to the state hash, which is the sum over all rows mod 2^64. Never 0. */
uint64_t row_hash(enum table table, struct slice key, struct slice value);

/* The key of the one row of TABLE_META. */
struct row_key meta_row_key(void);

#endif
