/* The heap of due instants: see heap.h. */
#include "core/heap.h"

#include <stdlib.h>

#define CHILDREN 4

void heap_init(struct heap *heap, void (*moved)(void *context, uint32_t id, uint32_t place),
               void *context)
{
    *heap = (struct heap){.moved = moved, .context = context};
}

void heap_done(struct heap *heap)
{
    free(heap->entries);
    heap->entries = NULL;
    heap->count = 0;
    heap->room = 0;
}

static bool comes_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void put(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    heap->entries[at] = entry;
    heap->moved(heap->context, entry.id, at + 1);
}

static void sift_up(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;

        if (!comes_before(&entry, &heap->entries[parent])) {
            break;
        }
        put(heap, at, heap->entries[parent]);
        at = parent;
    }
    put(heap, at, entry);
}

static uint32_t first_child(const struct heap *heap, uint32_t at)
{
    uint32_t first = at * CHILDREN + 1;
    uint32_t best = first;

    for (uint32_t i = first + 1; i < first + CHILDREN && i < heap->count; i++) {
        if (comes_before(&heap->entries[i], &heap->entries[best])) {
            best = i;
        }
    }
    return best;
}

static void sift_down(struct heap *heap, uint32_t at, struct heap_entry entry)
{
    while (at * CHILDREN + 1 < heap->count) {
        uint32_t child = first_child(heap, at);

        if (!comes_before(&heap->entries[child], &entry)) {
            break;
        }
        put(heap, at, heap->entries[child]);
        at = child;
    }
    put(heap, at, entry);
}

/* Large blocks are moved by the kernel's page tables, so doubling does not copy. */
static bool grow(struct heap *heap)
{
    uint32_t room = heap->room ? heap->room * 2 : 64;
    struct heap_entry *entries;

    if (heap->room > UINT32_MAX / (2 * CHILDREN)) {
        return false;
    }
    entries = realloc(heap->entries, room * sizeof(*entries));
    if (!entries) {
        return false;
    }
    heap->entries = entries;
    heap->room = room;
    return true;
}

bool heap_add(struct heap *heap, struct heap_entry entry)
{
    if (heap->count == heap->room && !grow(heap)) {
        return false;
    }
    heap->count++;
    sift_up(heap, heap->count - 1, entry);
    return true;
}

void heap_remove(struct heap *heap, uint32_t place)
{
    uint32_t at = place - 1;
    struct heap_entry last;

    assert(place >= 1 && place <= heap->count);
    heap->moved(heap->context, heap->entries[at].id, 0);
    last = heap->entries[--heap->count];
    if (at == heap->count) {
        return;
    }
    if (at > 0 && comes_before(&last, &heap->entries[(at - 1) / CHILDREN])) {
        sift_up(heap, at, last);
    } else {
        sift_down(heap, at, last);
    }
}

const struct heap_entry *heap_top(const struct heap *heap)
{
    return heap->count ? &heap->entries[0] : NULL;
}

bool heap_is_ordered(const struct heap *heap)
{
    for (uint32_t i = 1; i < heap->count; i++) {
        if (comes_before(&heap->entries[i], &heap->entries[(i - 1) / CHILDREN])) {
            return false;
        }
    }
    return true;
}
