/* The simulated world: see world.h. */
#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The world begins on 2026-01-01, so that times in traces read like times. */
#define WALL_START_NS (UINT64_C(1767225600) * NS_PER_SECOND)

struct world_event {
    uint64_t at_ns, sequence;
    world_fn fn;
    void *context;
    uint64_t argument;
};

void world_init(struct world *world, uint64_t seed, bool trace)
{
    *world = (struct world){
        .now_ns = NS_PER_SECOND,
        .wall_offset_ns = (int64_t)WALL_START_NS,
        .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
        .trace = trace,
    };
}

void world_done(struct world *world)
{
    free(world->events);
    world->events = NULL;
}

static bool before(const struct world_event *a, const struct world_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void sift_up(struct world *world, uint32_t at)
{
    struct world_event moved = world->events[at];

    while (at > 0 && before(&moved, &world->events[(at - 1) / 2])) {
        world->events[at] = world->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->events[at] = moved;
}

static void sift_down(struct world *world, uint32_t at)
{
    struct world_event moved = world->events[at];

    for (;;) {
        uint32_t child = at * 2 + 1;

        if (child + 1 < world->event_count &&
            before(&world->events[child + 1], &world->events[child])) {
            child++;
        }
        if (child >= world->event_count || !before(&world->events[child], &moved)) {
            break;
        }
        world->events[at] = world->events[child];
        at = child;
    }
    world->events[at] = moved;
}

void world_after(struct world *world, uint64_t delay_ns, world_fn fn, void *context,
                 uint64_t argument)
{
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity ? world->event_capacity * 2 : 64;
        world->events = realloc(world->events, world->event_capacity * sizeof(*world->events));
        assert(world->events);
    }
    world->events[world->event_count] = (struct world_event){
        .at_ns = world->now_ns + delay_ns,
        .sequence = world->sequence++,
        .fn = fn,
        .context = context,
        .argument = argument,
    };
    sift_up(world, world->event_count++);
}

bool world_step(struct world *world)
{
    struct world_event event;

    if (world->event_count == 0) {
        return false;
    }
    event = world->events[0];
    world->events[0] = world->events[--world->event_count];
    if (world->event_count > 0) {
        sift_down(world, 0);
    }
    if (event.at_ns > world->now_ns) {
        world->now_ns = event.at_ns;
    }
    event.fn(event.context, event.argument);
    return true;
}

uint64_t world_random(struct world *world, uint64_t bound)
{
    uint64_t mixed;

    assert(bound > 0);
    world->random += UINT64_C(0x9e3779b97f4a7c15);
    mixed = world->random;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (mixed ^ (mixed >> 31)) % bound;
}

bool world_chance(struct world *world, uint32_t percent)
{
    return world_random(world, 100) < percent;
}

static uint64_t env_wall(void *self)
{
    struct world *world = self;

    return (uint64_t)((int64_t)world->now_ns + world->wall_offset_ns);
}

static uint64_t env_monotonic(void *self)
{
    return ((struct world *)self)->now_ns;
}

static void env_random(void *self, void *ret_bytes, size_t size)
{
    uint8_t *bytes = ret_bytes;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)world_random(self, 256);
    }
}

struct env world_env(struct world *world)
{
    return (struct env){
        .self = world,
        .wall_ns = env_wall,
        .monotonic_ns = env_monotonic,
        .random = env_random,
    };
}

void world_trace(const struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->trace) {
        return;
    }
    (void)printf("%10.6f ", (double)(world->now_ns - NS_PER_SECOND) / 1e9);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}
