/* The options of `corvo bench`, as rows: parsing, suggestions and --help come from one table. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "base/common.h"
#include "base/err.h"

#include <stdio.h>

#define BENCH_CONNECTIONS_LIST_MAX 8
#define BENCH_PAYLOAD_MIN 40

struct bench_counts {
    uint32_t values[BENCH_CONNECTIONS_LIST_MAX];
    uint32_t count;
};

struct bench_options {
    const char *server;
    bool start;
    const char *workloads; /* Names with commas between. */
    struct bench_counts connections;
    uint32_t depth;
    uint64_t duration_ms;
    uint64_t warmup_ms;
    uint64_t idle_ms;
    uint64_t settle_ms;
    uint32_t count; /* 0: the workload's own. */
    uint32_t runs;
    uint32_t workers;
    uint32_t payload_size;
    uint32_t rate; /* 0: half of what the lifecycle reached. */
    const char *queue;
    bool no_yardsticks;
    bool no_sync;
    uint32_t server_pid;
    const char *data_dir;
    const char *output; /* "table" or "json". */
    const char *json_path;
    bool save;
    const char *compare[2];
    bool gates;
    bool help;
};

/* Fills *ret_options from the defaults and argv[1..]. Texts borrow from argv, which outlives the
 * options. ERR_INVALID: unknown option (with the nearest name), missing or malformed value. Any
 * thread. */
enum err_code bench_options_parse(int argc, char **argv, struct bench_options *ret_options,
                                  struct err *err) MUST_USE;

/* Prints the table with defaults and help. Any thread. */
void bench_options_help(FILE *file);

/* The largest of the connection counts. Any thread. */
uint32_t bench_options_connections_max(const struct bench_options *options);

#endif
