/* Maps: see map.h. */
#include "wire/map.h"

#include "wire/kind.h"

#include <stdlib.h>

/* By key; of equal keys the earlier item first. The key is the first member of an item. */
static int compare_items(const void *a, const void *b)
{
    const struct slice *key_a = *(const struct slice *const *)a;
    const struct slice *key_b = *(const struct slice *const *)b;
    int order = slice_compare(*key_a, *key_b);

    return order ? order : (key_a > key_b) - (key_a < key_b);
}

bool map_keep_last(const struct field *field, struct list *list, struct arena *arena)
{
    uint32_t stride = field_stride(field);
    uint8_t *items = list->items;
    const struct slice **order;
    bool *drop;
    uint32_t kept = 0;

    if (list->count < 2) {
        return true;
    }
    order = arena_array(arena, list->count, sizeof(const struct slice *));
    drop = arena_array(arena, list->count, sizeof(bool));
    if (!order || !drop) {
        return false;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        order[i] = (const void *)(items + (size_t)i * stride);
    }
    qsort(order, list->count, sizeof(const struct slice *), compare_items);
    for (uint32_t i = 0; i + 1 < list->count; i++) {
        size_t at = (size_t)((const uint8_t *)order[i] - items) / stride;

        drop[at] = slice_equal(*order[i], *order[i + 1]);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (!drop[i]) {
            memmove(items + (size_t)kept++ * stride, items + (size_t)i * stride, stride);
        }
    }
    list->count = kept;
    return true;
}
