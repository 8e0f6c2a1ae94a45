/* What a workload gets: the server, the options, the place for results, and how it is told to end.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "base/err.h"
#include "bench/client.h"
#include "bench/options.h"
#include "bench/results.h"

#include <sys/types.h>

#define RUN_QUEUE_MAX 200
#define RUN_PATH_MAX 512
#define RUN_PATIENCE_NS (15 * NS_PER_SECOND)

struct bench {
    const struct bench_options *options;
    struct results *results;
    struct client_address address; /* The server that is measured. */
    pid_t pid;                     /* 0: not known. */
    char data_dir[RUN_PATH_MAX];   /* Empty: not known. */
    char home[RUN_PATH_MAX];       /* Where own servers and the sync yardstick write. */
    uint32_t queue_count;          /* Queues named so far: each run has a fresh one. */
    uint64_t patience_ns;          /* How long a job may stay away before it counts as lost. */
};

struct workload {
    const char *name;
    const char *help;
    bool own_server; /* Starts what it needs itself; only with --start. */
    enum err_code (*run)(struct bench *bench, struct err *err);
};

/* The rows of all workloads and their number. Any thread. */
const struct workload *workloads(uint32_t *ret_count);

/* From now on SIGINT and SIGTERM only set the flag of run_interrupted. Main thread. */
void run_watch_signals(void);

/* Whether to end now with what was measured. Any thread. */
bool run_interrupted(void);

/* A queue name that no other run of this process or another process used. Main thread. */
void run_queue_name(struct bench *bench, char ret_name[RUN_QUEUE_MAX]);

/* Shows on stderr what is done so far: redrawn on a terminal, else a line every few seconds. A NULL
 * name wipes it. Main thread. */
void run_progress(const char *name, uint64_t done, double per_second);

#endif
