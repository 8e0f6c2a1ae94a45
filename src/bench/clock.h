/* The clocks of the load generator: read on every reply, so inline and without an interface. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include "base/common.h"

#include <time.h>

/* Nanoseconds since some start; never goes back. Any thread. */
static inline uint64_t clock_mono_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* Nanoseconds since 1970: only for times that the server is told. Any thread. */
static inline uint64_t clock_wall_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* CPU time that this process used so far. Any thread. */
static inline uint64_t clock_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

#endif
