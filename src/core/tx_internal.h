/* What the files of the transaction share. Of this room only. */
#ifndef CORE_TX_INTERNAL_H
#define CORE_TX_INTERNAL_H

#include "core/tx.h"

enum undo_kind { UNDO_ROW, UNDO_INDEX, UNDO_QUEUE, UNDO_QUEUE_NEW, UNDO_DOOM, UNDO_CLAIM };

struct undo_row {
    enum table table;
    struct row_key key;
    struct slice old; /* data NULL: there was none. */
};

struct undo_index {
    bool has_old;
    bool has_now;
    struct index_job old;
    struct index_job now;
};

/* Copies lie in the entry's arena. */
struct undo_queue {
    struct queue *queue;
    const struct queue_row *row;   /* UNDO_QUEUE. */
    const struct queue_jobs *jobs; /* UNDO_DOOM. */
    uint32_t claimed;              /* UNDO_CLAIM. */
    bool dirty;
};

struct undo {
    enum undo_kind kind;
    union {
        struct undo_row row;
        struct undo_index index;
        struct undo_queue queue;
    } of;
};

/* A place at the end of the undo list; NULL when failed. */
struct undo *tx_push_undo(struct tx *tx, enum undo_kind kind);

/* Writes a row that is kept in memory between entries: only the hash of what is stored is at hand.
 * Returns the new one. */
uint64_t tx_write_back(struct tx *tx, enum table table, const struct row_key *key,
                       struct slice value, uint64_t stored_hash);

/* Undoes a change of a queue. */
void tx_queue_undo(struct tx *tx, const struct undo *undo);

/* Writes the queues that the entry changed. */
void tx_queues_commit(struct tx *tx);

#endif
