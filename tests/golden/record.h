/* A kv that passes everything on and notes which rows changed: what transcripts show to the right
 * of the bar. */
#ifndef GOLDEN_RECORD_H
#define GOLDEN_RECORD_H

#include "core/key.h"
#include "core/kv.h"

struct change {
    uint8_t table;
    struct row_key key;
    bool existed; /* Before the first change noted. */
    bool exists;  /* Now. */
};

struct changes {
    struct change *items;
    uint32_t count;
    uint32_t room;
};

struct record {
    struct kv kv; /* Hand this to core. */
    struct kv *below;
    struct changes entry; /* Since record_clear. */
    struct changes epoch; /* Since epoch_clear: what a store that writes back would write. */
};

void recorder_init(struct record *record, struct kv *below);
void recorder_done(struct record *record);

/* Rows that a store would have to write for these changes: those that appeared and vanished again
 * are none. */
uint32_t changes_written(const struct changes *changes, uint8_t table);

#endif
