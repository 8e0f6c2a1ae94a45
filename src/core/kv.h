/* What core wants of a store: ordered tables of keys and values, changed entry by entry.
 *
 * Core writes through this on the apply thread; the store keeps what it has not written yet
 * readable. There is no roll-back here: core undoes by writing old values back before the commit.
 */
#ifndef CORE_KV_H
#define CORE_KV_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

/* How a table is used, so that the store can lay it out without knowing what is in it. */
enum kv_class {
    KV_HOT,     /* Small rows, rewritten and deleted often. */
    KV_LARGE,   /* Large values, written once, read now and then, deleted late. */
    KV_HISTORY, /* Written once, rarely read. */
    KV_CLASS_COUNT
};

struct kv_table {
    const char *name; /* "job": for dumps and change records. */
    enum kv_class class;
};

/* Where a committed state stands. */
struct kv_mark {
    uint64_t index;      /* Log index of the last applied entry; 0 = nothing yet. */
    uint64_t term;       /* Its term. */
    uint64_t state_hash; /* Sum over all rows, see core/tx.h. */
};

#define KV_FRESH 1u /* put: there is no such row, so nothing of the key lies below it. */

/* Called for each row in key order; slices are valid during the call. An error ends the scan. */
typedef enum err_code (*kv_row_fn)(void *context, struct slice key, struct slice value,
                                   struct err *err);

struct kv {
    void *self;
    /* Finds a row; ret_value->data is NULL when there is none. The value is valid until the commit
     * after next is made or `arena` is cleared, whichever is first. ERR_IO, ERR_CORRUPT, ERR_NOMEM
     * stop the replica. */
    enum err_code (*get)(void *self, uint8_t table, struct slice key, struct arena *arena,
                         struct slice *ret_value, struct err *err);
    /* Sets a row; key (<= 255 bytes) and value (never empty-with-NULL) are copied. */
    enum err_code (*put)(void *self, uint8_t table, struct slice key, struct slice value,
                         uint32_t flags, struct err *err);
    /* Removes a row; it need not exist. */
    enum err_code (*remove)(void *self, uint8_t table, struct slice key, struct err *err);
    /* Walks a table's rows with key >= from, including what is not written yet. Nothing may be
     * changed meanwhile. */
    enum err_code (*scan)(void *self, uint8_t table, struct slice from, kv_row_fn row,
                          void *context, struct err *err);
    /* Ends the entry: everything put and removed since the last commit belongs to mark->index.
     * Never blocks on a disk. */
    enum err_code (*commit)(void *self, const struct kv_mark *mark, struct err *err);
};

/* Called with a row that changed: the index of the mark that the change was written with, table and
 * key. A row that changed often comes often; one that is gone comes too. */
typedef enum err_code (*kv_change_fn)(void *context, uint64_t index, uint8_t table,
                                      struct slice key, struct err *err);

/* The state as one mark left it, which later writes do not touch: for threads beside apply's. One
 * thread at a time. */
struct kv_reader {
    void *self;
    struct kv_mark mark;  /* Where this state stands. */
    uint64_t changes_cut; /* What changed up to this index is no longer known. */
    /* As in struct kv; the value is a copy in the arena. */
    enum err_code (*get)(void *self, uint8_t table, struct slice key, struct arena *arena,
                         struct slice *ret_value, struct err *err);
    enum err_code (*scan)(void *self, uint8_t table, struct slice from, kv_row_fn row,
                          void *context, struct err *err);
    /* Tells what changed above `after` (>= changes_cut), oldest first. */
    enum err_code (*changes)(void *self, uint64_t after, kv_change_fn change, void *context,
                             struct err *err);
};

#endif
