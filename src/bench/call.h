/* One request and its reply, for what is asked once. */
#ifndef BENCH_CALL_H
#define BENCH_CALL_H

#include "base/buf.h"
#include "bench/run.h"

struct call {
    uint64_t limit_ns; /* In: how long to wait. */
    uint16_t status;   /* Out, as the rest. */
    uint64_t received_ns;
    struct buf body;
    bool done;
};

/* Sends the request to bench->address over a connection of its own and waits. ERR_CLOSED: nobody
 * answers; ERR_TIMEOUT: not within the limit, or interrupted; ERR_NOMEM: also for a failed
 * `request`. The caller calls call_done in each case. Main thread. */
enum err_code call_server(const struct bench *bench, const struct buf *request, struct call *call,
                          struct err *err) MUST_USE;
void call_done(struct call *call);

/* Asks GET /api/v1/info: whether the server is there and, if it tells, its process; else *ret_pid
 * is left alone. ERR_CLOSED, ERR_TIMEOUT. Main thread. */
enum err_code call_info(const struct bench *bench, pid_t *ret_pid, struct err *err) MUST_USE;

/* Asks GET /readyz again and again until it answers 200: a server listens before it has recovered
 * its log. ERR_CLOSED: it is gone; ERR_TIMEOUT: not ready at until_ns (monotonic), or interrupted.
 * Main thread. */
enum err_code call_until_ready(const struct bench *bench, uint64_t until_ns,
                               struct err *err) MUST_USE;

#endif
