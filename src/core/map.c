/* Linear hashing over slab items: see map.h. */
#include "core/map.h"

#include <string.h>

#define BUCKETS_MIN 16

void map_init(struct map *map, const struct slab *items, const struct map_item *item)
{
    *map = (struct map){.items = items, .item = item};
    slab_init(&map->buckets, sizeof(uint32_t));
}

void map_done(struct map *map)
{
    slab_done(&map->buckets);
}

static uint32_t *bucket_head(const struct map *map, uint32_t bucket)
{
    return slab_at(&map->buckets, bucket + 1);
}

static uint32_t *link_of(const struct map *map, uint32_t id)
{
    return map->item->link(slab_at(map->items, id));
}

static uint64_t hash_of(const struct map *map, uint32_t id)
{
    return map->item->hash(slab_at(map->items, id));
}

/* Buckets below the split pointer were split in this round already: they use one more bit. */
static uint32_t bucket_of(const struct map *map, uint64_t hash)
{
    uint32_t bucket = (uint32_t)hash & (map->level_size - 1);

    if (bucket < map->bucket_count - map->level_size) {
        bucket = (uint32_t)hash & (2 * map->level_size - 1);
    }
    return bucket;
}

uint32_t map_first(const struct map *map, uint64_t hash)
{
    return map->bucket_count ? *bucket_head(map, bucket_of(map, hash)) : 0;
}

uint32_t map_next(const struct map *map, uint32_t id)
{
    return *link_of(map, id);
}

static bool start(struct map *map)
{
    while (map->buckets.used < BUCKETS_MIN) {
        if (!slab_take(&map->buckets)) {
            return false;
        }
    }
    map->bucket_count = BUCKETS_MIN;
    map->level_size = BUCKETS_MIN;
    return true;
}

/* Splits the next bucket in two: its items stay or go to the new last bucket. Without memory the
 * chains grow instead, so that putting an item back never fails. */
static void split(struct map *map)
{
    uint32_t old = map->bucket_count - map->level_size;
    uint32_t added = slab_take(&map->buckets);
    uint32_t *stay;
    uint32_t *go;
    uint32_t id;

    if (!added) {
        return;
    }
    assert(added == map->bucket_count + 1);
    stay = bucket_head(map, old);
    go = bucket_head(map, map->bucket_count);
    id = *stay;
    while (id) {
        uint32_t next = *link_of(map, id);
        uint32_t **end = hash_of(map, id) & map->level_size ? &go : &stay;

        **end = id;
        *end = link_of(map, id);
        id = next;
    }
    *stay = 0;
    *go = 0;
    map->bucket_count++;
    if (map->bucket_count == 2 * map->level_size) {
        map->level_size *= 2;
    }
}

bool map_add(struct map *map, uint32_t id)
{
    uint32_t *head;

    if (map->bucket_count == 0 && !start(map)) {
        return false;
    }
    if (map->count >= map->bucket_count && map->bucket_count < UINT32_MAX / 4) {
        split(map);
    }
    head = bucket_head(map, bucket_of(map, hash_of(map, id)));
    *link_of(map, id) = *head;
    *head = id;
    map->count++;
    return true;
}

void map_remove(struct map *map, uint32_t id)
{
    uint32_t *place = bucket_head(map, bucket_of(map, hash_of(map, id)));

    while (*place != id) {
        assert(*place != 0);
        place = link_of(map, *place);
    }
    *place = *link_of(map, id);
    *link_of(map, id) = 0;
    map->count--;
}

/* The finisher of MurmurHash3. */
uint64_t map_mix(uint64_t number)
{
    number ^= number >> 33;
    number *= UINT64_C(0xff51afd7ed558ccd);
    number ^= number >> 33;
    number *= UINT64_C(0xc4ceb9fe1a85ec53);
    number ^= number >> 33;
    return number;
}
