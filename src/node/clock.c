/* The cluster's time: see clock.h. */
#include "node/clock.h"

void node_clock_init(struct node_clock *clock, const struct env *env, uint64_t last_entry_ns)
{
    uint64_t wall_ns = env->wall_ns(env->self);

    /* How long the node was down is not known, so a wall clock that is ahead is believed at a
     * start. */
    *clock = (struct node_clock){
        .env = env,
        .last_ns = wall_ns > last_entry_ns ? wall_ns : last_entry_ns,
        .last_monotonic_ns = env->monotonic_ns(env->self),
    };
}

uint64_t node_clock_now(struct node_clock *clock)
{
    const struct env *env = clock->env;
    uint64_t monotonic_ns = env->monotonic_ns(env->self);
    uint64_t wall_ns = env->wall_ns(env->self);
    uint64_t elapsed = monotonic_ns - clock->last_monotonic_ns;
    uint64_t now_ns = clock->last_ns + elapsed;

    if (wall_ns > now_ns) {
        uint64_t most = now_ns + elapsed;

        now_ns = wall_ns < most ? wall_ns : most;
    } else if (wall_ns < now_ns) {
        uint64_t least = clock->last_ns + elapsed / 2;

        now_ns = wall_ns > least ? wall_ns : least;
    }
    clock->last_ns = now_ns;
    clock->last_monotonic_ns = monotonic_ns;
    return now_ns;
}

int64_t node_clock_offset(const struct node_clock *clock)
{
    return (int64_t)(clock->env->wall_ns(clock->env->self) - clock->last_ns);
}
