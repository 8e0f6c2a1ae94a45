/* b10: what a server costs while workers wait for nothing. */
#include "bench/clock.h"
#include "bench/lifecycle.h"
#include "bench/machine.h"
#include "bench/workloads.h"

#include <stdlib.h>

struct idle_start {
    struct process_use use;
    uint64_t dir_size;
    uint64_t at_ns;
};

static void report_idle(const struct bench *bench, const struct idle_start *start)
{
    struct results *results = bench->results;
    double elapsed_ns = (double)(clock_mono_ns() - start->at_ns);
    struct process_use use;

    if (!machine_process_use(bench->pid, &use)) {
        results_fail(results, "b10", STATUS_WRONG, slice_text("the server's process is gone"));
        return;
    }
    results_add(results, "b10", "rss_anon", "MB", (double)use.rss_anon_size / 1e6);
    results_add(results, "b10", "rss", "MB", (double)use.rss_size / 1e6);
    results_add(results, "b10", "cpu", "%",
                (double)(use.cpu_ns - start->use.cpu_ns) * 100 / elapsed_ns);
    results_add(results, "b10", "written", "bytes",
                (double)(use.written_size - start->use.written_size));
    if (bench->data_dir[0] != '\0') {
        results_add(results, "b10", "dir_growth", "bytes",
                    (double)machine_dir_size(bench->data_dir) - (double)start->dir_size);
    }
}

/* Lets the workers connect and the server settle, then watches. */
static enum err_code watch(struct lifecycle *life, struct bench *bench, struct err *err)
{
    struct idle_start start = {0};
    enum err_code code;

    life->load.until_ns = life->load.from_ns;
    code = load_run(&life->load, NULL, NULL, NULL, err);
    if (code != ERR_NONE) {
        return code;
    }
    if (!machine_process_use(bench->pid, &start.use)) {
        return err_set(err, ERR_NOT_FOUND, "no process %d to watch", (int)bench->pid);
    }
    start.dir_size = machine_dir_size(bench->data_dir);
    start.at_ns = clock_mono_ns();
    life->load.until_ns = start.at_ns + bench->options->idle_ms * NS_PER_MS;
    code = load_run(&life->load, NULL, NULL, NULL, err);
    if (code == ERR_NONE) {
        report_idle(bench, &start);
    }
    return code;
}

enum err_code workload_b10(struct bench *bench, struct err *err)
{
    struct lifecycle *life;
    struct lifecycle_options options = {.name = "b10", .worker_count = bench->options->workers};
    char queue[RUN_QUEUE_MAX];
    enum err_code code;

    if (bench->pid == 0) {
        return err_set(err, ERR_UNSUPPORTED, "the server's process is not known: --server-pid");
    }
    life = calloc(1, sizeof(*life));
    if (!life) {
        return err_set(err, ERR_NOMEM, "no memory for b10");
    }
    run_queue_name(bench, queue);
    options.queue = queue;
    code = lifecycle_init(life, bench, &options, err);
    if (code == ERR_NONE) {
        code = watch(life, bench, err);
    }
    lifecycle_done(life);
    free(life);
    return code;
}
