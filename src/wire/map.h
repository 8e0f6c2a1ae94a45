/* Items of a FIELD_MAP. Of this room only. */
#ifndef WIRE_MAP_H
#define WIRE_MAP_H

#include "base/arena.h"
#include "wire/field.h"

/* Drops items whose key comes again later, keeping the order of the rest. n log n, so that many
 * equal or crafted keys cost no more than others. False: the arena is full. Any thread. */
bool map_keep_last(const struct field *field, struct list *list, struct arena *arena);

#endif
