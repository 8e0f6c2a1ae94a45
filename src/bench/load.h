/* The common part of a timed workload: a client, a window of time, a count and a histogram. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/hist.h"
#include "bench/run.h"

struct load {
    struct bench *bench;
    const char *name; /* Of the rows it makes. Borrowed for the life of the load. */
    struct client *client;
    uint64_t from_ns; /* What ends in [from_ns, until_ns) counts. */
    uint64_t until_ns;
    uint64_t last_ns; /* Where the window really ended, when interrupted. */
    uint64_t done;    /* Things done in the window. */
    uint64_t run_ns;  /* When load_run began, and the CPU time used until then. */
    uint64_t cpu_ns;
    struct hist latency;
};

struct load_options {
    const char *name;
    uint32_t connection_count;
    uint32_t depth;
    client_reply_fn on_reply;
    void *context;
};

/* Sends what is due and returns when it wants to be called again at the latest (monotonic ns). */
typedef uint64_t (*load_pump_fn)(void *context, uint64_t now_ns);

/* Connects to bench->address and sets the window by --warmup and --duration, from now. Errors as
 * client_create; the caller calls load_done in each case. Main thread, like all of it. */
enum err_code load_init(struct load *load, struct bench *bench, const struct load_options *options,
                        struct err *err) MUST_USE;

/* Closes the connections. Takes a zeroed load. */
void load_done(struct load *load);

/* Whether the reply is 2xx; if not it is counted as a failure of this workload. */
bool load_accept(struct load *load, const struct client_reply *reply);

/* Counts `count` things that ended with this reply, and its latency, if it lies in the window. */
void load_count(struct load *load, const struct client_reply *reply, uint64_t count);

/* Something that the workload itself found wrong; counted and shown. */
void load_wrong(struct load *load, const char *text);

/* Turns the client until *done (NULL: until the window's end), the limit or an interruption. `pump`
 * may be NULL. Errors as client_turn. */
enum err_code load_run(struct load *load, load_pump_fn pump, void *context, const bool *done,
                       struct err *err) MUST_USE;

/* Things a second in the window so far. */
double load_rate(const struct load *load);

/* Adds p50, p99, p99.9 and max of a histogram in microseconds, as "<prefix>p50" and so on; nothing
 * when it is empty. */
void load_report_latency(const struct load *load, const char *prefix, const struct hist *hist);

/* Adds "client_cpu": the share of one core that this process used in load_run. Near 100 % the
 * figures are the client's. */
void load_report_cpu(const struct load *load);

#endif
