/* due: how late scheduled jobs are, one at an instant and all at one instant. The due times are of
 * the wall clock, which the server shares with us only on one machine. */
#include "bench/backlog.h"
#include "bench/call.h"
#include "bench/clock.h"
#include "bench/lifecycle.h"
#include "bench/scan.h"
#include "bench/workloads.h"

#include <stdlib.h>

#define ALONE_COUNT 500
#define ALONE_INTERVAL_NS (5 * NS_PER_MS)
#define ALONE_LEAD_NS NS_PER_SECOND
#define ALONE_WORKERS 16

#define BURST_COUNT 100000
#define BURST_LEAD_NS NS_PER_SECOND
#define BURST_FILL_RATE 20000 /* Jobs a second that filling is given time for. */
#define BURST_WORKERS 16
#define BURST_FETCH 512
#define BURST_LIMIT_NS (60 * NS_PER_SECOND)
#define FETCHED_SIZE_MAX ((size_t)1 << 30)
#define PROBE_INTERVAL_NS (2 * NS_PER_MS)
#define CLOCK_READINGS 16
#define EARLY_NS NS_PER_MS /* The clocks of both sides may differ by so much. */

/* Wall minus monotonic, so that due times can be compared with arrivals. Of several readings the
 * one counts that was least disturbed: a pause between the two clocks would look like lateness. */
static uint64_t wall_offset_ns(void)
{
    uint64_t least_ns = UINT64_MAX;
    uint64_t offset_ns = 0;

    for (uint32_t i = 0; i < CLOCK_READINGS; i++) {
        uint64_t before_ns = clock_mono_ns();
        uint64_t wall_ns = clock_wall_ns();
        uint64_t width_ns = clock_mono_ns() - before_ns;

        if (width_ns < least_ns) {
            least_ns = width_ns;
            offset_ns = wall_ns - before_ns - width_ns / 2;
        }
    }
    return offset_ns;
}

/* Lateness of a job; one that came before its time is counted as wrong. */
static uint64_t lateness_ns(struct load *load, uint64_t due_ns, uint64_t received_ns)
{
    if (received_ns + EARLY_NS < due_ns) {
        load_wrong(load, "a job was delivered before it was due");
    }
    return received_ns > due_ns ? received_ns - due_ns : 0;
}

struct alone {
    struct lifecycle life;
    uint64_t due_ns; /* Monotonic, of job 0. */
    struct hist lateness;
};

static void on_alone(void *context, uint64_t number, uint64_t received_ns)
{
    struct alone *alone = context;
    uint64_t due_ns = alone->due_ns + number * ALONE_INTERVAL_NS;

    hist_add(&alone->lateness, lateness_ns(&alone->life.load, due_ns, received_ns));
}

/* Enqueues the jobs in one request, each with its own instant. */
static enum err_code schedule_alone(struct alone *alone, struct bench *bench, const char *queue,
                                    struct err *err)
{
    uint64_t due_ns = clock_mono_ns() + ALONE_LEAD_NS;
    const struct batch_spec spec = {
        .queue = queue,
        .count = ALONE_COUNT,
        .due_ns = due_ns + wall_offset_ns(),
        .interval_ns = ALONE_INTERVAL_NS,
    };
    struct call call = {.limit_ns = ALONE_LEAD_NS};
    struct buf request;
    enum err_code code;

    alone->due_ns = due_ns;
    buf_init(&request, REQUEST_SIZE_MAX);
    request_enqueue_batch(&request, bench, &spec);
    code = call_server(bench, &request, &call, err);
    if (code == ERR_NONE && call.status / 100 != 2) {
        code =
            err_set(err, ERR_STATE, "enqueue/batch answered %u: %.*s", call.status,
                    (int)(call.body.size < 80 ? call.body.size : 80), (const char *)call.body.data);
    }
    buf_done(&request);
    call_done(&call);
    return code;
}

static enum err_code run_alone(struct bench *bench, struct err *err)
{
    struct alone *alone = calloc(1, sizeof(*alone));
    struct lifecycle_options options = {.name = "due",
                                        .worker_count = ALONE_WORKERS,
                                        .job_count = ALONE_COUNT,
                                        .on_delivery = on_alone,
                                        .context = alone};
    char queue[RUN_QUEUE_MAX];
    enum err_code code;

    if (!alone) {
        return err_set(err, ERR_NOMEM, "no memory for due");
    }
    run_queue_name(bench, queue);
    options.queue = queue;
    code = lifecycle_init(&alone->life, bench, &options, err);
    if (code == ERR_NONE) {
        code = schedule_alone(alone, bench, queue, err);
    }
    if (code == ERR_NONE) {
        alone->life.load.until_ns = alone->due_ns + ALONE_COUNT * ALONE_INTERVAL_NS;
        code = lifecycle_run(&alone->life, err);
    }
    if (code == ERR_NONE) {
        load_report_latency(&alone->life.load, "alone.", &alone->lateness);
    }
    lifecycle_done(&alone->life);
    free(alone);
    return code;
}

/* The burst: connection 0 probes, the others fetch. Nothing is acked before all were delivered, so
 * that the figure is of deliveries alone; the replies are kept for that. */
struct burst {
    struct load load;
    struct buf probe;
    struct buf fetch;
    struct buf fetched; /* Bodies of the fetch replies, each behind its size as a size_t. */
    uint64_t due_ns;    /* Monotonic. */
    uint64_t probe_ns;  /* When the next one is meant to leave. */
    uint32_t target;
    uint64_t last_ns; /* Latest delivery. */
    uint64_t delivered_count;
    struct hist lateness;
    struct hist probe_latency;
    bool done;
};

static uint64_t count_jobs(struct slice body)
{
    struct slice value;
    uint64_t count = 0;

    while (scan_text(&body, "\"job_id\":\"", &value)) {
        count++;
    }
    return count;
}

static void keep_fetched(struct burst *burst, struct slice body)
{
    (void)buf_add(&burst->fetched, &body.size, sizeof(body.size));
    (void)buf_add_slice(&burst->fetched, body);
}

/* Leaves no leased jobs behind on a server that lives on. */
static enum err_code ack_fetched(struct burst *burst, struct bench *bench, struct err *err)
{
    struct slice rest = buf_slice(&burst->fetched);
    enum err_code code = ERR_NONE;

    while (rest.size > 0 && code == ERR_NONE) {
        struct call call = {.limit_ns = BURST_LIMIT_NS};
        struct buf request;
        size_t size;

        memcpy(&size, rest.data, sizeof(size));
        rest = slice_from(rest, sizeof(size));
        buf_init(&request, REQUEST_SIZE_MAX);
        if (request_ack_batch(&request, bench, slice_of(rest.data, size)) == UINT32_MAX) {
            load_wrong(&burst->load, "a fetched job without a lease token");
        } else {
            code = call_server(bench, &request, &call, err);
            call_done(&call);
        }
        buf_done(&request);
        rest = slice_from(rest, size);
    }
    return code;
}

static void on_burst(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct burst *burst = context;
    uint64_t count;

    if (!load_accept(&burst->load, reply)) {
        burst->done = connection > 0 && reply->status == STATUS_LOST;
        return;
    }
    if (connection == 0) {
        hist_add(&burst->probe_latency, reply->received_ns - reply->sent_ns);
        return;
    }
    count = count_jobs(reply->body);
    for (uint64_t i = 0; i < count; i++) {
        hist_add(&burst->lateness, lateness_ns(&burst->load, burst->due_ns, reply->received_ns));
    }
    if (count > 0) {
        keep_fetched(burst, reply->body);
    }
    burst->delivered_count += count;
    burst->load.done = burst->delivered_count;
    burst->last_ns = count > 0 ? reply->received_ns : burst->last_ns;
    burst->done = burst->delivered_count >= burst->target;
    client_send(burst->load.client, connection, buf_slice(&burst->fetch));
}

/* Probes from a little before the instant on: what any other client would have waited. */
static uint64_t pump_probe(void *context, uint64_t now_ns)
{
    struct burst *burst = context;

    if (now_ns < burst->probe_ns || client_in_flight(burst->load.client, 0) > 0) {
        return burst->probe_ns > now_ns ? burst->probe_ns : UINT64_MAX;
    }
    client_send(burst->load.client, 0, buf_slice(&burst->probe));
    burst->probe_ns = now_ns + PROBE_INTERVAL_NS;
    return burst->probe_ns;
}

static void report_burst(struct burst *burst)
{
    struct results *results = burst->load.bench->results;

    if (burst->delivered_count < burst->target) {
        load_wrong(&burst->load, "not all jobs of one instant were delivered within a minute");
        return;
    }
    results_add(results, "due", "burst.all", "s", (double)(burst->last_ns - burst->due_ns) / 1e9);
    load_report_latency(&burst->load, "burst.", &burst->lateness);
    load_report_latency(&burst->load, "probe.", &burst->probe_latency);
}

static enum err_code deliver_burst(struct burst *burst, struct bench *bench, const char *queue,
                                   struct err *err)
{
    const struct load_options options = {
        .name = "due",
        .connection_count = 1 + BURST_WORKERS,
        .on_reply = on_burst,
        .context = burst,
    };
    enum err_code code = load_init(&burst->load, bench, &options, err);

    if (code != ERR_NONE) {
        return code;
    }
    if (clock_mono_ns() >= burst->due_ns) {
        return err_set(err, ERR_STATE, "the jobs were due before all were enqueued");
    }
    burst->load.from_ns = burst->due_ns;
    burst->load.until_ns = burst->due_ns + BURST_LIMIT_NS;
    burst->probe_ns = burst->due_ns - BURST_LEAD_NS / 4;
    request_build(&burst->probe, bench, "/healthz", slice_of(NULL, 0));
    request_fetch(&burst->fetch, bench, queue, BURST_FETCH);
    if (burst->probe.failed || burst->fetch.failed) {
        return err_set(err, ERR_NOMEM, "no memory for requests");
    }
    for (uint32_t i = 1; i <= BURST_WORKERS; i++) {
        client_send(burst->load.client, i, buf_slice(&burst->fetch));
    }
    return load_run(&burst->load, pump_probe, burst, &burst->done, err);
}

static enum err_code fill_and_deliver(struct burst *burst, struct bench *bench, const char *queue,
                                      struct err *err)
{
    uint64_t lead_ns = BURST_LEAD_NS + burst->target * NS_PER_SECOND / BURST_FILL_RATE;
    struct backlog_fill fill = {.name = "due", .queue = queue, .count = burst->target};
    enum err_code code;

    burst->due_ns = clock_mono_ns() + lead_ns;
    fill.due_ns = burst->due_ns + wall_offset_ns();
    code = backlog_fill(bench, &fill, err);
    if (code == ERR_NONE) {
        code = deliver_burst(burst, bench, queue, err);
    }
    if (code == ERR_NONE && !run_interrupted()) {
        report_burst(burst);
        code = ack_fetched(burst, bench, err);
    }
    return code;
}

static enum err_code run_burst(struct bench *bench, struct err *err)
{
    struct burst *burst = calloc(1, sizeof(*burst));
    char queue[RUN_QUEUE_MAX];
    enum err_code code;

    if (!burst) {
        return err_set(err, ERR_NOMEM, "no memory for due");
    }
    run_queue_name(bench, queue);
    burst->target = bench->options->count ? bench->options->count : BURST_COUNT;
    buf_init(&burst->probe, REQUEST_SIZE_MAX);
    buf_init(&burst->fetch, REQUEST_SIZE_MAX);
    buf_init(&burst->fetched, FETCHED_SIZE_MAX);
    code = fill_and_deliver(burst, bench, queue, err);
    load_done(&burst->load);
    buf_done(&burst->probe);
    buf_done(&burst->fetch);
    buf_done(&burst->fetched);
    free(burst);
    return run_interrupted() ? ERR_NONE : code;
}

enum err_code workload_due(struct bench *bench, struct err *err)
{
    enum err_code code = run_alone(bench, err);

    return code == ERR_NONE && !run_interrupted() ? run_burst(bench, err) : code;
}
