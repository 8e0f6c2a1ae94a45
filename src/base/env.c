/* The real clocks and randomness: see env.h. */
#include "base/env.h"

#include "base/common.h"

#include <sys/random.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    int code = clock_gettime(clock, &now);

    assert(code == 0);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t system_wall_ns(void *self)
{
    (void)self;
    return clock_ns(CLOCK_REALTIME);
}

static uint64_t system_monotonic_ns(void *self)
{
    (void)self;
    return clock_ns(CLOCK_MONOTONIC);
}

static void system_random(void *self, void *ret_bytes, size_t size)
{
    uint8_t *bytes = ret_bytes;

    (void)self;
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);

        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
        }
    }
}

const struct env *env_system(void)
{
    static const struct env env = {
        .wall_ns = system_wall_ns,
        .monotonic_ns = system_monotonic_ns,
        .random = system_random,
    };

    return &env;
}
