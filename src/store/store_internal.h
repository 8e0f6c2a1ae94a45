/* What the files of this room share, and hooks into the store thread for tests of the ordering
 * rules. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "store/store.h"

enum store_point {
    STORE_BEFORE_WRITE, /* An epoch is frozen and not yet written. */
    STORE_AFTER_WRITE,  /* RocksDB has the batch; apply does not know it yet. */
    STORE_BEFORE_FLUSH,
    STORE_AFTER_FLUSH, /* Durable, and store_persisted has not moved yet. */
    STORE_POINT_COUNT
};

struct store_hooks {
    void *context;
    /* Called on the store thread, which holds no lock; may block, or end the process. At a BEFORE
     * point an error takes the place of the call that would follow. */
    enum err_code (*at)(void *context, enum store_point point, struct err *err);
    uint64_t stuck_ns; /* In place of the time after which RocksDB is given up; 0 = as usual. */
};

/* For tests only: sets the hooks of a store, before its first epoch is frozen. */
void store_set_hooks(struct store *store, const struct store_hooks *hooks);

/* The RocksDB of a store. Any thread. */
struct rocks *store_rocks(struct store *store);

#endif
