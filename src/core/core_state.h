/* The core itself. Of this room only. */
#ifndef CORE_CORE_STATE_H
#define CORE_CORE_STATE_H

#include "core/tx.h"

struct core {
    struct kv *kv;
    struct core_options options;
    struct kv_mark mark;
    struct meta_row meta;
    uint64_t meta_hash; /* Of the meta row as it is stored; 0 = not yet. */
    struct index index;
    struct tx tx;
    bool want_replies;
    struct core_woken *woken; /* Room for woken_room; filled by each apply. */
    uint32_t woken_room;
    struct core_grown *grown; /* Likewise. */
    uint32_t grown_room;
};

/* Fills an index and a meta row from the store's rows. ret_meta_hash is 0 when the store is empty.
 */
enum err_code core_load(struct kv *kv, struct index *index, struct meta_row *ret_meta,
                        uint64_t *ret_meta_hash, struct err *err) MUST_USE;

/* A job, live or terminal, by its id. ERR_NOT_FOUND, also for what is no id; others stop the
 * replica. */
enum err_code core_job_find(struct core *core, struct slice job_id, struct arena *arena,
                            struct job *ret_job, struct err *err) MUST_USE;

#endif
