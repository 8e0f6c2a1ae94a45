/* A hash map from a 64-bit hash to numbered items that grows by one bucket at a time (linear
 * hashing), so that no insertion ever waits for a rehash.
 *
 * Items with the same bucket are linked through a field of the item, found with `link`; the item's
 * hash is asked for again when its bucket is split. The order of items is never shown: who looks up
 * compares the item itself. */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include "core/slab.h"

struct map_item {
    uint64_t (*hash)(const void *item);
    uint32_t *(*link)(void *item);
};

struct map {
    const struct slab *items;
    const struct map_item *item;
    struct slab buckets; /* Of uint32_t: bucket b is number b + 1. */
    uint32_t bucket_count;
    uint32_t level_size; /* Power of two: buckets before this round of splits. */
    uint32_t count;
};

/* An empty map of items of the slab. Allocates nothing. */
void map_init(struct map *map, const struct slab *items, const struct map_item *item);

/* Frees the buckets, not the items. */
void map_done(struct map *map);

/* The first item that may have this hash, and the one behind an item; 0 = none. Compare each. */
uint32_t map_first(const struct map *map, uint64_t hash);
uint32_t map_next(const struct map *map, uint32_t id);

/* Adds an item that is not in the map; false when out of memory. */
bool map_add(struct map *map, uint32_t id);

/* Takes an item out that is in the map. */
void map_remove(struct map *map, uint32_t id);

/* Spreads a number's bits over a hash. */
uint64_t map_mix(uint64_t number);

#endif
