/* When a queue under a rate limit handed out jobs: the rows of TABLE_WINDOW of one queue, in
 * memory.
 *
 * The limit is exact: at most `rate` claims in any (t - window, t]. Claims of one entry have one
 * instant and are one item. Items stay until their rows are trimmed, which may be some time after
 * they have left the window: what depends on the present time looks at that, and what is stored
 * never depends on when items were trimmed. */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include "base/common.h"

struct window_item {
    uint64_t at_ns;
    uint64_t count;
};

struct window {
    struct window_item *owned_items; /* A ring of `room` places. */
    uint32_t room;                   /* 0 or a power of two. */
    uint32_t first;                  /* Place of the oldest. */
    uint32_t count;
    uint32_t past;       /* Items, the oldest ones, that have left the window; see window_used. */
    uint64_t total;      /* Claims of all items. */
    uint64_t past_total; /* Claims of the past ones. */
};

/* Frees the items. A window of zeros is an empty one. */
void window_done(struct window *window);

/* Adds claims at an instant that is not before any other. False when out of memory. */
bool window_add(struct window *window, uint64_t at_ns, uint64_t count);

/* The items, oldest first. */
struct window_item window_at(const struct window *window, uint32_t place);

/* Forgets the oldest item. */
void window_pop(struct window *window);

/* The width changed: what is past is to be found anew. */
void window_rewind(struct window *window);

/* How many claims lie in (now - width, now]. Time must not go back unless it is rewound. Each item
 * is passed once. */
uint64_t window_used(struct window *window, uint64_t width_ns, uint64_t now_ns);

/* The first instant at which fewer than `rate` claims lie in the window, counting all items: 0 when
 * they are fewer anyway. */
uint64_t window_opens_ns(const struct window *window, uint64_t width_ns, uint64_t rate);

/* The instant at which the newest item leaves the window; 0 when there is none. */
uint64_t window_empty_ns(const struct window *window, uint64_t width_ns);

#endif
