/* b1: unary enqueues, and b4: batches of 1,000. Each connection sends again as soon as it was
 * answered. */
#include "bench/workload_enqueue.h"

#include "bench/clock.h"
#include "bench/load.h"
#include "bench/request.h"

#include <stdio.h>

struct enqueue_load {
    struct load load;
    struct slice request;
    uint32_t jobs_each;
};

static void on_reply(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct enqueue_load *load = context;

    if (load_accept(&load->load, reply)) {
        load_count(&load->load, reply, load->jobs_each);
    }
    if (reply->received_ns < load->load.until_ns) {
        client_send(load->load.client, connection, load->request);
    }
}

static void report(const struct enqueue_load *load)
{
    results_add(load->load.bench->results, load->load.name, "rate", UNIT_RATE,
                load_rate(&load->load));
    load_report_latency(&load->load, "", &load->load.latency);
    load_report_cpu(&load->load);
}

enum err_code enqueue_run(struct bench *bench, const struct enqueue_options *options,
                          struct err *err)
{
    struct enqueue_load load = {.request = options->request, .jobs_each = options->jobs_each};
    const struct load_options load_options = {
        .name = options->name,
        .connection_count = options->connection_count,
        .depth = bench->options->depth,
        .on_reply = on_reply,
        .context = &load,
    };
    enum err_code code = load_init(&load.load, bench, &load_options, err);

    if (code != ERR_NONE) {
        goto out;
    }
    for (uint32_t i = 0; i < options->connection_count; i++) {
        for (uint32_t j = 0; j < bench->options->depth; j++) {
            client_send(load.load.client, i, load.request);
        }
    }
    code = load_run(&load.load, NULL, NULL, NULL, err);
    if (code == ERR_NONE) {
        report(&load);
    }
out:
    load_done(&load.load);
    return code;
}

enum err_code workload_b1(struct bench *bench, struct err *err)
{
    const struct bench_counts *connections = &bench->options->connections;
    struct enqueue_request request = {0};
    char queue[RUN_QUEUE_MAX];
    char name[RESULTS_NAME_MAX];
    enum err_code code;

    run_queue_name(bench, queue);
    code = enqueue_request_init(&request, bench, queue, err);
    for (uint32_t i = 0; i < connections->count && code == ERR_NONE && !run_interrupted(); i++) {
        const struct enqueue_options options = {
            .name = name,
            .connection_count = connections->values[i],
            .request = buf_slice(&request.bytes),
            .jobs_each = 1,
        };

        (void)snprintf(name, sizeof(name), "b1.c%u", connections->values[i]);
        code = enqueue_run(bench, &options, err);
    }
    enqueue_request_done(&request);
    return code;
}

enum err_code workload_b4(struct bench *bench, struct err *err)
{
    struct enqueue_options options = {
        .name = "b4", .connection_count = B4_CONNECTIONS, .jobs_each = B4_BATCH};
    struct batch_spec spec = {.count = B4_BATCH};
    char queue[RUN_QUEUE_MAX];
    struct buf request;
    enum err_code code;

    run_queue_name(bench, queue);
    spec.queue = queue;
    buf_init(&request, REQUEST_SIZE_MAX);
    request_enqueue_batch(&request, bench, &spec);
    options.request = buf_slice(&request);
    code = request.failed ? err_set(err, ERR_NOMEM, "no memory for a batch")
                          : enqueue_run(bench, &options, err);
    buf_done(&request);
    return code;
}
