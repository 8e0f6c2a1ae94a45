/* drain and restart: what a million waiting jobs cost. */
#include "bench/backlog.h"
#include "bench/call.h"
#include "bench/clock.h"
#include "bench/machine.h"
#include "bench/request.h"
#include "bench/server_process.h"
#include "bench/workloads.h"

#include <signal.h>
#include <time.h>

#define COUNT_DEFAULT 1000000
#define FIRST_JOB_NS (60 * NS_PER_SECOND)

static uint32_t count_of(const struct bench *bench)
{
    return bench->options->count ? bench->options->count : COUNT_DEFAULT;
}

static uint64_t rss_of(const struct bench *bench)
{
    struct process_use use;

    if (bench->pid == 0 || !machine_process_use(bench->pid, &use)) {
        return 0;
    }
    return use.rss_size;
}

/* Memory over the empty server's, spread over the jobs. */
static void report_memory(const struct bench *bench, const char *name, uint64_t empty_size)
{
    uint64_t size = rss_of(bench);

    if (size == 0 || empty_size == 0) {
        return;
    }
    results_add(bench->results, name, "rss", "MB", (double)size / 1e6);
    results_add(bench->results, name, "bytes_per_job", "bytes",
                size > empty_size ? (double)(size - empty_size) / count_of(bench) : 0);
}

/* A pause that belongs to the measurement: "ten seconds after the burst". */
static void settle(const struct bench *bench)
{
    uint64_t until_ns = clock_mono_ns() + bench->options->settle_ms * NS_PER_MS;
    struct timespec step = {.tv_nsec = 50 * 1000 * 1000};

    while (clock_mono_ns() < until_ns && !run_interrupted()) {
        (void)nanosleep(&step, NULL);
    }
}

enum err_code workload_drain(struct bench *bench, struct err *err)
{
    char queue[RUN_QUEUE_MAX];
    const struct backlog_fill fill = {.name = "drain", .queue = queue, .count = count_of(bench)};
    uint64_t empty_size = rss_of(bench);
    enum err_code code;

    run_queue_name(bench, queue);
    code = backlog_fill(bench, &fill, err);
    if (code != ERR_NONE) {
        return run_interrupted() ? ERR_NONE : code;
    }
    if (empty_size > 0) {
        settle(bench);
        report_memory(bench, "drain", empty_size);
    }
    return backlog_drain(bench, "drain", queue, fill.count, err);
}

/* Fetches one job and tells when it came. */
static enum err_code fetch_first(struct bench *bench, const char *queue, uint64_t *ret_received_ns,
                                 struct err *err)
{
    struct call call = {.limit_ns = FIRST_JOB_NS};
    struct buf request;
    enum err_code code;

    buf_init(&request, REQUEST_SIZE_MAX);
    request_fetch(&request, bench, queue, 0);
    code = call_server(bench, &request, &call, err);
    buf_done(&request);
    if (code == ERR_NONE && call.status != 200) {
        code = err_set(err, ERR_STATE, "the first fetch answered %u", call.status);
    }
    if (code == ERR_NONE) {
        *ret_received_ns = call.received_ns;
    }
    call_done(&call);
    return code;
}

static enum err_code start_again(struct bench *bench, struct server_process *server,
                                 const char *queue, struct err *err)
{
    uint64_t received_ns = 0;
    enum err_code code = server_process_start(server, !bench->options->no_sync, err);

    if (code != ERR_NONE) {
        return code;
    }
    bench->address = server->address;
    bench->pid = server->pid;
    results_add(bench->results, "restart", "start", "s",
                (double)(clock_mono_ns() - server->started_ns) / 1e9);
    code = fetch_first(bench, queue, &received_ns, err);
    if (code == ERR_NONE) {
        results_add(bench->results, "restart", "ready", "s",
                    (double)(received_ns - server->started_ns) / 1e9);
    }
    return code;
}

static enum err_code run_restart(struct bench *bench, struct server_process *server,
                                 struct err *err)
{
    char queue[RUN_QUEUE_MAX];
    const struct backlog_fill fill = {.name = "restart", .queue = queue, .count = count_of(bench)};
    uint64_t empty_size;
    enum err_code code = server_process_start(server, !bench->options->no_sync, err);

    if (code != ERR_NONE) {
        return code;
    }
    bench->address = server->address;
    bench->pid = server->pid;
    empty_size = rss_of(bench);
    run_queue_name(bench, queue);
    code = backlog_fill(bench, &fill, err);
    if (code != ERR_NONE) {
        return run_interrupted() ? ERR_NONE : code;
    }
    server_process_stop(server, SIGKILL);
    code = start_again(bench, server, queue, err);
    if (code != ERR_NONE) {
        return code;
    }
    report_memory(bench, "restart", empty_size);
    /* One job is leased to the fetch that was timed; all others must have survived. */
    return backlog_drain(bench, "restart", queue, fill.count - 1, err);
}

enum err_code workload_restart(struct bench *bench, struct err *err)
{
    struct bench at_own = *bench;
    struct server_process server;
    enum err_code code = server_process_make(bench->home, &server, err);

    if (code != ERR_NONE) {
        return code;
    }
    code = run_restart(&at_own, &server, err);
    server_process_remove(&server);
    bench->queue_count = at_own.queue_count;
    return code;
}
