/* Segmented slabs: see slab.h. */
#include "core/slab.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENT_BITS 12
#define SEGMENT_ITEMS (UINT32_C(1) << SEGMENT_BITS)

void slab_init(struct slab *slab, uint32_t item_size)
{
    assert(item_size >= sizeof(uint32_t));
    *slab = (struct slab){.item_size = item_size};
}

void slab_done(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->segment_count; i++) {
        free(slab->segments[i]);
    }
    free(slab->segments);
    *slab = (struct slab){.item_size = slab->item_size};
}

void *slab_at(const struct slab *slab, uint32_t id)
{
    uint32_t at = id - 1;

    assert(id != 0 && id <= slab->used);
    return slab->segments[at >> SEGMENT_BITS] +
           (size_t)(at & (SEGMENT_ITEMS - 1)) * slab->item_size;
}

static bool grow_directory(struct slab *slab)
{
    uint32_t room = slab->segment_room ? slab->segment_room * 2 : 16;
    uint8_t **segments = realloc(slab->segments, room * sizeof(*segments));

    if (!segments) {
        return false;
    }
    slab->segments = segments;
    slab->segment_room = room;
    return true;
}

static bool add_segment(struct slab *slab)
{
    uint8_t *segment;

    if (slab->segment_count == slab->segment_room && !grow_directory(slab)) {
        return false;
    }
    segment = malloc((size_t)SEGMENT_ITEMS * slab->item_size);
    if (!segment) {
        return false;
    }
    slab->segments[slab->segment_count++] = segment;
    return true;
}

uint32_t slab_take(struct slab *slab)
{
    uint32_t id = slab->free;
    void *item;

    if (id) {
        item = slab_at(slab, id);
        memcpy(&slab->free, item, sizeof(slab->free));
    } else {
        if (slab->used == UINT32_MAX ||
            (slab->used == slab->segment_count * SEGMENT_ITEMS && !add_segment(slab))) {
            return 0;
        }
        id = ++slab->used;
        item = slab_at(slab, id);
    }
    memset(item, 0, slab->item_size);
    return id;
}

void slab_give(struct slab *slab, uint32_t id)
{
    memcpy(slab_at(slab, id), &slab->free, sizeof(slab->free));
    slab->free = id;
}
