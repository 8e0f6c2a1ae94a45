/* What the machine itself can do, measured in the same minutes as the server: figures are shown as
 * ratios to these. */
#ifndef BENCH_YARDSTICK_H
#define BENCH_YARDSTICK_H

#include "bench/run.h"

/* Adds "sync rate": 4 KiB appends into a file of zeros, each followed by fdatasync, in
 * bench->home's file system, done by a child process for at most a second. ERR_IO: the disk
 * refuses; ERR_NO_SPACE. Main thread. */
enum err_code yardstick_sync(struct bench *bench, struct err *err) MUST_USE;

/* Adds "h1 rate" and its latencies: the enqueue of b1 at the largest connection count against a
 * server that parses it and answers, but does nothing. Errors as enqueue_run. Main thread. */
enum err_code yardstick_h1(struct bench *bench, struct err *err) MUST_USE;

/* Starts that server as a child that dies with this process. ERR_IO. The caller ends it with
 * yardstick_h1_stop. */
enum err_code yardstick_h1_start(pid_t *ret_pid, struct client_address *ret_address,
                                 struct err *err) MUST_USE;
void yardstick_h1_stop(pid_t pid);

#endif
