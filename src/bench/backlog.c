/* Connections in a loop of batches until a number is reached. */
#include "bench/backlog.h"

#include "bench/clock.h"
#include "bench/load.h"
#include "bench/request.h"
#include "bench/scan.h"

#define FILL_BATCH 1000
#define FILL_CONNECTIONS 4
#define REFUSED_MAX 10000 /* A server that refuses everything ends the run. */

struct fill {
    struct load load;
    struct slice request;
    uint32_t batch;
    uint32_t left; /* Jobs not yet sent. */
    uint32_t refused_count;
    bool done;
};

static void fill_send(struct fill *fill, uint32_t connection)
{
    if (fill->left >= fill->batch) {
        fill->left -= fill->batch;
        client_send(fill->load.client, connection, fill->request);
    }
}

static void on_filled(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct fill *fill = context;

    if (load_accept(&fill->load, reply)) {
        load_count(&fill->load, reply, fill->batch);
    } else {
        fill->left += fill->batch;
        fill->refused_count++;
    }
    fill_send(fill, connection);
    fill->done = fill->refused_count > REFUSED_MAX;
    for (uint32_t i = 0; i < FILL_CONNECTIONS && !fill->done; i++) {
        if (client_in_flight(fill->load.client, i) > 0) {
            return;
        }
    }
    fill->done = true;
}

/* From now on, without end: a backlog is bounded by its count. */
static void count_everything(struct load *load)
{
    load->from_ns = clock_mono_ns();
    load->until_ns = UINT64_MAX;
}

static enum err_code fill_run(struct fill *fill, struct bench *bench, const char *name,
                              struct err *err)
{
    const struct load_options options = {
        .name = name,
        .connection_count = FILL_CONNECTIONS,
        .on_reply = on_filled,
        .context = fill,
    };
    enum err_code code = load_init(&fill->load, bench, &options, err);

    if (code == ERR_NONE) {
        count_everything(&fill->load);
        for (uint32_t i = 0; i < FILL_CONNECTIONS; i++) {
            fill_send(fill, i);
        }
        code = load_run(&fill->load, NULL, NULL, &fill->done, err);
    }
    if (code == ERR_NONE && fill->refused_count > REFUSED_MAX) {
        code = err_set(err, ERR_BUSY, "the server refuses to be filled");
    }
    if (code == ERR_NONE && !fill->done) {
        code = err_set(err, ERR_CLOSED, "interrupted");
    }
    if (code == ERR_NONE) {
        results_add(bench->results, name, "fill", UNIT_RATE, load_rate(&fill->load));
    }
    load_done(&fill->load);
    return code;
}

enum err_code backlog_fill(struct bench *bench, const struct backlog_fill *spec, struct err *err)
{
    struct batch_spec batch = {
        .queue = spec->queue,
        .count = spec->count < FILL_BATCH ? spec->count : FILL_BATCH,
        .due_ns = spec->due_ns,
    };
    struct fill fill = {.batch = batch.count, .left = spec->count};
    struct buf request;
    enum err_code code;

    if (spec->count == 0 || spec->count % batch.count != 0) {
        return err_set(err, ERR_INVALID, "--count must be a multiple of %d", FILL_BATCH);
    }
    buf_init(&request, REQUEST_SIZE_MAX);
    request_enqueue_batch(&request, bench, &batch);
    fill.request = buf_slice(&request);
    code = request.failed ? err_set(err, ERR_NOMEM, "no memory for a batch")
                          : fill_run(&fill, bench, spec->name, err);
    buf_done(&request);
    return code;
}

struct drain {
    struct load load;
    uint64_t moved_ns; /* When a job was last acked. */
    struct buf fetch;
    struct buf ack; /* Scratch. */
    bool acking[BACKLOG_CONNECTIONS];
    uint32_t target;
    uint32_t refused_count;
    bool done;
};

static void drain_fetch(struct drain *drain, uint32_t connection)
{
    drain->acking[connection] = false;
    client_send(drain->load.client, connection, buf_slice(&drain->fetch));
}

static void on_acked(struct drain *drain, const struct client_reply *reply)
{
    uint64_t count;

    if (!scan_number(reply->body, "\"acked\":", &count)) {
        load_wrong(&drain->load, "an ack/batch reply without a number");
        return;
    }
    load_count(&drain->load, reply, count);
    drain->moved_ns = count > 0 ? reply->received_ns : drain->moved_ns;
    drain->done = drain->load.done >= drain->target;
}

static void on_fetched(struct drain *drain, uint32_t connection, const struct client_reply *reply)
{
    uint32_t count;

    buf_clear(&drain->ack);
    count = request_ack_batch(&drain->ack, drain->load.bench, reply->body);
    if (count == UINT32_MAX || drain->ack.failed) {
        load_wrong(&drain->load, drain->ack.failed ? "no memory for acks"
                                                   : "a fetched job without a lease token");
    }
    if (count == 0 || count == UINT32_MAX || drain->ack.failed) {
        drain_fetch(drain, connection);
        return;
    }
    drain->acking[connection] = true;
    client_send(drain->load.client, connection, buf_slice(&drain->ack));
}

static void on_drained(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct drain *drain = context;
    bool acking = drain->acking[connection];

    if (!load_accept(&drain->load, reply)) {
        drain->refused_count++;
        drain->done = drain->refused_count > REFUSED_MAX;
        drain_fetch(drain, connection);
    } else if (acking) {
        on_acked(drain, reply);
        drain_fetch(drain, connection);
    } else {
        on_fetched(drain, connection, reply);
    }
}

/* Ends a drain that waits for jobs which do not exist. */
static uint64_t watch_stall(void *context, uint64_t now_ns)
{
    struct drain *drain = context;

    if (now_ns > drain->moved_ns + drain->load.bench->patience_ns) {
        load_wrong(&drain->load, "no job came any more, though not all were acked");
        drain->done = true;
    }
    return UINT64_MAX;
}

enum err_code backlog_drain(struct bench *bench, const char *name, const char *queue,
                            uint32_t count, struct err *err)
{
    struct drain drain = {.target = count};
    const struct load_options options = {
        .name = name,
        .connection_count = BACKLOG_CONNECTIONS,
        .on_reply = on_drained,
        .context = &drain,
    };
    enum err_code code = load_init(&drain.load, bench, &options, err);

    buf_init(&drain.fetch, REQUEST_SIZE_MAX);
    buf_init(&drain.ack, REQUEST_SIZE_MAX);
    if (code != ERR_NONE) {
        goto out;
    }
    request_fetch(&drain.fetch, bench, queue, BACKLOG_BATCH);
    if (drain.fetch.failed) {
        code = err_set(err, ERR_NOMEM, "no memory for requests");
        goto out;
    }
    count_everything(&drain.load);
    drain.moved_ns = drain.load.from_ns;
    for (uint32_t i = 0; i < BACKLOG_CONNECTIONS; i++) {
        drain_fetch(&drain, i);
    }
    code = load_run(&drain.load, watch_stall, &drain, &drain.done, err);
    if (code == ERR_NONE && drain.refused_count > REFUSED_MAX) {
        code = err_set(err, ERR_BUSY, "the server refuses to hand out or to take acks");
    }
    if (code == ERR_NONE) {
        results_add(bench->results, name, "lives", UNIT_RATE, load_rate(&drain.load));
        load_report_cpu(&drain.load);
    }
out:
    load_done(&drain.load);
    buf_done(&drain.fetch);
    buf_done(&drain.ack);
    return code;
}
