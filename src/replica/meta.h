/* Term and vote on disk: two small files, each a whole copy, so that one damaged copy is no loss.
 *
 * Every change is written and synced to the older copy, then to the other; it counts only when both
 * are done. */
#ifndef REPLICA_META_H
#define REPLICA_META_H

#include "base/disk.h"
#include "replica/segments_format.h"

struct meta {
    struct disk *disk; /* Borrowed. */
    struct meta_slot slot;
    int files[2];
    bool found;     /* At least one good copy was there. */
    bool existed;   /* At least one of the files was there. */
    bool damaged;   /* One copy was missing or damaged; the next meta_store mends it. */
    uint32_t newer; /* The file that holds `slot`. */
};

/* Reads both copies. Without a good one meta->found is false: the caller decides whether that is a
 * new log or a loss.
 *
 * ERR_CORRUPT: the copies belong to different clusters; ERR_UNSUPPORTED: a later version wrote it;
 * ERR_IO. The disk is borrowed until meta_done. Loop thread, blocks. */
enum err_code meta_open(struct meta *meta, struct disk *disk, struct err *err) MUST_USE;

/* Creates missing files, then stores meta->slot as changed by the caller in both, synced, with a
 * new sequence.
 *
 * ERR_IO, ERR_NO_SPACE. Loop thread, blocks: elections and start only. */
enum err_code meta_store(struct meta *meta, struct err *err) MUST_USE;

/* Closes the files. Takes a zeroed struct. Loop thread. */
void meta_done(struct meta *meta);

#endif
