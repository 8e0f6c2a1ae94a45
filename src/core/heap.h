/* A 4-ary heap of (due instant, order, item) whose items know their place, so that any of them can
 * be taken out.
 *
 * Entries with equal instants come in the order of `order`, which is unique: what is popped does
 * not depend on how the heap came about. */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include "base/common.h"

struct heap_entry {
    uint64_t due_ns;
    uint64_t order;
    uint32_t id;
};

struct heap {
    struct heap_entry *entries;
    uint32_t count;
    uint32_t room;
    /* Called with 1 + the new place of an item. */
    void (*moved)(void *context, uint32_t id, uint32_t place);
    void *context;
};

/* An empty heap. Allocates nothing. */
void heap_init(struct heap *heap, void (*moved)(void *context, uint32_t id, uint32_t place),
               void *context);

/* Frees the entries. */
void heap_done(struct heap *heap);

/* Adds an entry; false when out of memory. */
bool heap_add(struct heap *heap, struct heap_entry entry);

/* Takes out the entry at `place` (as told to `moved`). */
void heap_remove(struct heap *heap, uint32_t place);

/* The entry that is due first; NULL when there is none. */
const struct heap_entry *heap_top(const struct heap *heap);

/* True if no entry comes before its parent. For checks. */
bool heap_is_ordered(const struct heap *heap);

#endif
