/* b2 and wake: lives of single jobs, as many as go, or at a rate with their latency. */
#include "bench/clock.h"
#include "bench/lifecycle.h"
#include "bench/workloads.h"

#include <stdlib.h>

#define WAITING_MAX 1000
#define WAKE_PRODUCERS 32
#define WAKE_WORKERS 64

/* One third produces: a worker sends two requests a life. */
struct lifecycle_options workload_b2_options(const struct bench *bench)
{
    uint32_t connection_count = bench_options_connections_max(bench->options);
    uint32_t producer_count = connection_count / 3 ? connection_count / 3 : 1;

    return (struct lifecycle_options){
        .name = "b2",
        .producer_count = producer_count,
        .worker_count = connection_count > producer_count ? connection_count - producer_count : 1,
        .waiting_max = WAITING_MAX,
    };
}

static void report_b2(const struct lifecycle *life)
{
    results_add(life->load.bench->results, "b2", "lives", UNIT_RATE, load_rate(&life->load));
    load_report_latency(&life->load, "enqueue.", &life->enqueue_latency);
    load_report_latency(&life->load, "ack.", &life->ack_latency);
    load_report_cpu(&life->load);
}

enum err_code workload_b2(struct bench *bench, struct err *err)
{
    struct lifecycle *life = calloc(1, sizeof(*life));
    struct lifecycle_options options;
    char queue[RUN_QUEUE_MAX];
    enum err_code code;

    if (!life) {
        return err_set(err, ERR_NOMEM, "no memory for b2");
    }
    run_queue_name(bench, queue);
    options = workload_b2_options(bench);
    options.queue = queue;
    code = lifecycle_init(life, bench, &options, err);
    if (code == ERR_NONE) {
        code = lifecycle_run(life, err);
    }
    if (code == ERR_NONE) {
        report_b2(life);
    }
    lifecycle_done(life);
    free(life);
    return code;
}

/* Half of what b2 reached in this round or the last one it ran in; b2 is run for it when it never
 * was. */
static enum err_code choose_rate(struct bench *bench, double *ret_rate, struct err *err)
{
    const struct figure *lives = results_find(bench->results, "b2", "lives");
    enum err_code code;

    if (bench->options->rate > 0) {
        *ret_rate = bench->options->rate;
        return ERR_NONE;
    }
    if (!lives) {
        code = workload_b2(bench, err);
        if (code != ERR_NONE) {
            return code;
        }
        lives = results_find(bench->results, "b2", "lives");
    }
    *ret_rate = lives ? lives->values[lives->count - 1] / 2 : 0;
    return *ret_rate >= 1 ? ERR_NONE : err_set(err, ERR_STATE, "b2 gives no rate to offer");
}

/* What a delivery needs to know: when the job was meant to be sent. */
struct wake {
    struct lifecycle life;
    struct hist latency;
};

static void on_delivery(void *context, uint64_t number, uint64_t received_ns)
{
    struct wake *wake = context;
    uint64_t intended_ns = wake->life.start_ns + number * wake->life.options.interval_ns;

    if (intended_ns >= wake->life.load.from_ns && intended_ns < wake->life.load.until_ns) {
        hist_add(&wake->latency, received_ns > intended_ns ? received_ns - intended_ns : 0);
    }
}

static void report_wake(const struct wake *wake, double rate)
{
    const struct load *load = &wake->life.load;

    results_add(load->bench->results, "wake", "offered", UNIT_RATE, rate);
    results_add(load->bench->results, "wake", "lives", UNIT_RATE, load_rate(load));
    load_report_latency(load, "", &wake->latency);
}

enum err_code workload_wake(struct bench *bench, struct err *err)
{
    struct wake *wake = calloc(1, sizeof(*wake));
    struct lifecycle_options options = {
        .name = "wake",
        .producer_count = WAKE_PRODUCERS,
        .worker_count = WAKE_WORKERS,
        .on_delivery = on_delivery,
        .context = wake,
    };
    char queue[RUN_QUEUE_MAX];
    double rate = 0;
    enum err_code code;

    if (!wake) {
        return err_set(err, ERR_NOMEM, "no memory for wake");
    }
    code = choose_rate(bench, &rate, err);
    if (code != ERR_NONE) {
        goto out;
    }
    run_queue_name(bench, queue);
    options.queue = queue;
    options.interval_ns = (uint64_t)(1e9 / rate);
    code = lifecycle_init(&wake->life, bench, &options, err);
    if (code == ERR_NONE) {
        code = lifecycle_run(&wake->life, err);
    }
    if (code == ERR_NONE) {
        report_wake(wake, rate);
    }
    lifecycle_done(&wake->life);
out:
    free(wake);
    return code;
}
