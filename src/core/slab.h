/* Numbered items of one size, in segments: growing never moves an item and never copies more than a
 * small directory.
 *
 * Items are numbered from 1; 0 means none. A free item's first four bytes link the free ones. */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include "base/common.h"

struct slab {
    uint8_t **segments;
    uint32_t segment_count;
    uint32_t segment_room; /* Places in `segments`. */
    uint32_t item_size;
    uint32_t used; /* Highest number ever given. */
    uint32_t free; /* Head of the free list. */
};

/* An empty slab; item_size >= 4. Allocates nothing. */
void slab_init(struct slab *slab, uint32_t item_size);

/* Frees everything. */
void slab_done(struct slab *slab);

/* A zeroed item's number; 0 when out of memory. The item given back last is taken first. */
uint32_t slab_take(struct slab *slab);

/* Gives an item back. */
void slab_give(struct slab *slab, uint32_t id);

/* The item of a number that was taken. */
void *slab_at(const struct slab *slab, uint32_t id);

#endif
