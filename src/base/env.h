/* The outside world as an interface: clocks and randomness. The simulator puts its own behind it.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

struct env {
    void *self;
    uint64_t (*wall_ns)(void *self);      /* Nanoseconds since 1970; may jump. */
    uint64_t (*monotonic_ns)(void *self); /* Nanoseconds since some start; never goes back. */
    void (*random)(void *self, void *ret_bytes, size_t size);
};

/* The real one: clock_gettime and getrandom. Any thread. */
const struct env *env_system(void);

#endif
