/* The simulated world: one clock, one queue of events, one source of randomness. A seed decides
 * everything. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/common.h"
#include "base/env.h"

typedef void (*world_fn)(void *context, uint64_t argument);

struct world_event;

struct world {
    uint64_t now_ns;        /* Monotonic. */
    int64_t wall_offset_ns; /* Wall clock less monotonic; faults move it. */
    uint64_t random;
    uint64_t sequence;          /* Breaks ties: first scheduled, first run. */
    struct world_event *events; /* A heap by time, then sequence. */
    uint32_t event_count, event_capacity;
    bool trace;
};

/* A world at its start. */
void world_init(struct world *world, uint64_t seed, bool trace);
void world_done(struct world *world);

/* Calls fn(context, argument) after delay_ns. */
void world_after(struct world *world, uint64_t delay_ns, world_fn fn, void *context,
                 uint64_t argument);

/* Runs the next event; false when there is none. */
bool world_step(struct world *world);

/* A number below `bound` (> 0). */
uint64_t world_random(struct world *world, uint64_t bound);

/* True in `percent` of cases. */
bool world_chance(struct world *world, uint32_t percent);

/* Its clocks and randomness as the server sees them. */
struct env world_env(struct world *world);

/* One line of the trace, with the time; nothing when tracing is off. */
void world_trace(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
