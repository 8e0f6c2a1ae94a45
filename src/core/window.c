/* Claims of a queue under a rate limit: see window.h. */
#include "core/window.h"

#include <stdlib.h>

#define ROOM_MIN 16

void window_done(struct window *window)
{
    free(window->owned_items);
    *window = (struct window){0};
}

static struct window_item *place_of(const struct window *window, uint32_t place)
{
    return &window->owned_items[(window->first + place) & (window->room - 1)];
}

struct window_item window_at(const struct window *window, uint32_t place)
{
    assert(place < window->count);
    return *place_of(window, place);
}

static bool grow(struct window *window)
{
    uint32_t room = window->room ? window->room * 2 : ROOM_MIN;
    struct window_item *items = malloc(room * sizeof(*items));

    if (!items) {
        return false;
    }
    for (uint32_t i = 0; i < window->count; i++) {
        items[i] = *place_of(window, i);
    }
    free(window->owned_items);
    window->owned_items = items;
    window->room = room;
    window->first = 0;
    return true;
}

bool window_add(struct window *window, uint64_t at_ns, uint64_t count)
{
    struct window_item *last = window->count ? place_of(window, window->count - 1) : NULL;

    assert(!last || last->at_ns <= at_ns);
    if (last && last->at_ns == at_ns) {
        assert(window->past < window->count);
        last->count += count;
        window->total += count;
        return true;
    }
    if (window->count == window->room && !grow(window)) {
        return false;
    }
    *place_of(window, window->count) = (struct window_item){at_ns, count};
    window->count++;
    window->total += count;
    return true;
}

void window_pop(struct window *window)
{
    struct window_item oldest = window_at(window, 0);

    if (window->past > 0) {
        window->past--;
        window->past_total -= oldest.count;
    }
    window->total -= oldest.count;
    window->first = (window->first + 1) & (window->room - 1);
    window->count--;
}

void window_rewind(struct window *window)
{
    window->past = 0;
    window->past_total = 0;
}

/* The instant from which on a claim at `at_ns` is not counted any more. */
static uint64_t leaves_ns(uint64_t at_ns, uint64_t width_ns)
{
    return at_ns > UINT64_MAX - 1 - width_ns ? UINT64_MAX - 1 : at_ns + width_ns;
}

uint64_t window_used(struct window *window, uint64_t width_ns, uint64_t now_ns)
{
    while (window->past < window->count) {
        struct window_item item = window_at(window, window->past);

        if (leaves_ns(item.at_ns, width_ns) > now_ns) {
            break;
        }
        window->past++;
        window->past_total += item.count;
    }
    return window->total - window->past_total;
}

/* The item with which the `rate`-th newest claim leaves. Most often it is the oldest one; it is
 * looked for from the nearer end. */
static uint32_t find_opening(const struct window *window, uint64_t rate)
{
    uint64_t from_old = window->total - rate;
    uint32_t place = 0;
    uint64_t passed;

    if (from_old <= rate) {
        passed = window_at(window, 0).count;
        while (passed <= from_old) {
            passed += window_at(window, ++place).count;
        }
        return place;
    }
    place = window->count - 1;
    passed = window_at(window, place).count;
    while (passed < rate) {
        passed += window_at(window, --place).count;
    }
    return place;
}

uint64_t window_opens_ns(const struct window *window, uint64_t width_ns, uint64_t rate)
{
    if (window->total < rate || window->count == 0) {
        return 0;
    }
    return leaves_ns(window_at(window, find_opening(window, rate)).at_ns, width_ns);
}

uint64_t window_empty_ns(const struct window *window, uint64_t width_ns)
{
    return window->count ? leaves_ns(window_at(window, window->count - 1).at_ns, width_ns) : 0;
}
