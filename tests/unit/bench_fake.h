/* A job server of a few hundred lines on a thread, for the load generator's tests: it counts what
 * it was asked, and can be told to misbehave. It keeps jobs in order and forgets them with itself.
 */
#ifndef TESTS_BENCH_FAKE_H
#define TESTS_BENCH_FAKE_H

#include "base/common.h"

struct bench_fake_mode {
    bool splits;           /* Sends replies in pieces of three bytes. */
    bool no_tokens;        /* Delivers without lease tokens. */
    bool early;            /* Delivers scheduled jobs at once. */
    uint32_t refuse_every; /* Each n-th request is answered 429; 0: none. */
    uint32_t close_every;  /* Each n-th reply says Connection: close, and closes; 0: none. */
    uint32_t drop_every;   /* Each n-th request ends its connection without a reply; 0: none. */
    uint32_t lose_every;   /* Each n-th enqueued job is acknowledged and lost; 0: none. */
};

struct bench_fake_counts {
    uint64_t requests, enqueued, delivered, acked, refused;
};

struct bench_fake;

/* Starts the thread; ends the test program when it can not. Copies the mode. */
struct bench_fake *bench_fake_start(const struct bench_fake_mode *mode);

/* The port on 127.0.0.1. */
uint16_t bench_fake_port(const struct bench_fake *fake);

/* Ends the thread, frees everything, and tells what it counted. */
struct bench_fake_counts bench_fake_stop(struct bench_fake *fake);

#endif
