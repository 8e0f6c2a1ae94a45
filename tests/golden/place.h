/* Where the rows of a transcript lie: in memory, or in a real store in a directory of its own.
 *
 * In a store, epochs freeze and are written between commands, and in the middle of the transcript
 * it is closed and opened again: in good order, or without a flush, when the entries that were lost
 * are applied again as the log would hand them out. A transcript must print the same everywhere. */
#ifndef GOLDEN_PLACE_H
#define GOLDEN_PLACE_H

#include "core/core.h"
#include "store/kv_mem.h"
#include "store/store.h"

enum place_kind { PLACE_MEMORY, PLACE_ROCKS, PLACE_CRASH, PLACE_COUNT };

/* An entry as the log keeps it. */
struct place_entry {
    uint64_t index;
    struct slice bytes; /* Owned. */
};

struct place {
    enum place_kind kind;
    struct kv_mem *mem;
    struct store *store;
    char dir[40];
    uint64_t now_ns; /* Of the store's clock; grows by a second a turn. */
    uint32_t turns;
    uint64_t epochs_written; /* By stores that are closed. */
    struct place_entry *entries;
    uint32_t entry_count;
    uint32_t entry_room;
};

/* "memory", "rocks", "crash". */
const char *place_name(enum place_kind kind);

/* An empty place; aborts when there can be none, as the others do. */
void place_init(struct place *place, enum place_kind kind);
void place_done(struct place *place);

/* The rows; another kv after each place_reopen. */
struct kv *place_kv(struct place *place);

/* Keeps a copy of an entry for place_reopen. */
void place_note(struct place *place, uint64_t index, struct slice bytes);

/* A turn of the loop between two entries. False: the store failed, *err says how. */
bool place_turn(struct place *place, struct err *err);

/* Makes what is committed durable. */
bool place_flush(struct place *place, struct err *err);

/* Closes and opens; no core may be open over it. *ret_mark is where the rows then stand. */
bool place_reopen(struct place *place, const struct core_options *options, struct kv_mark *ret_mark,
                  struct err *err);

/* Epochs that were written so far; 0 in memory. */
uint64_t place_epochs(const struct place *place);

#endif
