/* The cluster's time: what entries are stamped with. It never goes back and never jumps while
 * running.
 *
 * A stamp is the last one plus elapsed monotonic time, pulled towards the wall clock: at most twice
 * real speed when behind it, at least half real speed when ahead. Core never reads a clock; this is
 * the only one. */
#ifndef NODE_CLOCK_H
#define NODE_CLOCK_H

#include "base/env.h"

struct node_clock {
    const struct env *env;
    uint64_t last_ns;           /* Last time given. */
    uint64_t last_monotonic_ns; /* When. */
};

/* Starts at the wall clock, or at last_entry_ns when that is later. Loop thread, as below. */
void node_clock_init(struct node_clock *clock, const struct env *env, uint64_t last_entry_ns);

/* The time now: at least the one before. */
uint64_t node_clock_now(struct node_clock *clock);

/* How far the wall clock is from the given time, in ns: what is still being slewed away. */
int64_t node_clock_offset(const struct node_clock *clock);

#endif
