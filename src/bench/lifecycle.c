/* Connections 0..producer_count-1 are producers, the others workers. */
#include "bench/lifecycle.h"

#include "bench/clock.h"
#include "bench/scan.h"

#include <stdlib.h>

#define NEVER UINT64_MAX

static bool is_producer(const struct lifecycle *life, uint32_t connection)
{
    return connection < life->options.producer_count;
}

static void send_fetch(struct lifecycle *life, uint32_t connection)
{
    life->acking[connection - life->options.producer_count] = false;
    client_send(life->load.client, connection, buf_slice(&life->fetch));
}

static void on_enqueued(struct lifecycle *life, uint32_t connection,
                        const struct client_reply *reply)
{
    life->idle[life->idle_count++] = connection;
    if (!load_accept(&life->load, reply)) {
        /* A lost connection leaves open whether the job is there. */
        life->refused_count += reply->status != STATUS_LOST;
        return;
    }
    if (reply->received_ns >= life->load.from_ns && reply->received_ns < life->load.until_ns) {
        hist_add(&life->enqueue_latency, reply->received_ns - reply->sent_ns);
    }
}

static void on_delivered(struct lifecycle *life, uint32_t connection,
                         const struct client_reply *reply)
{
    struct slice rest = reply->body;
    struct slice job_id;
    struct slice token;
    uint64_t number;

    if (!scan_text(&rest, "\"job_id\":\"", &job_id)) {
        load_wrong(&life->load, "a fetch reply without job_id");
        send_fetch(life, connection);
        return;
    }
    rest = reply->body;
    if (!scan_text(&rest, "\"lease_token\":\"", &token)) {
        load_wrong(&life->load, "a fetch reply without lease_token");
        send_fetch(life, connection);
        return;
    }
    life->delivered_count++;
    if (life->options.on_delivery && request_number_of(reply->body, &number)) {
        life->options.on_delivery(life->options.context, number, reply->received_ns);
    }
    buf_clear(&life->ack);
    request_ack(&life->ack, life->load.bench, job_id, token);
    if (life->ack.failed) {
        load_wrong(&life->load, "no memory for an ack");
        send_fetch(life, connection);
        return;
    }
    life->acking[connection - life->options.producer_count] = true;
    client_send(life->load.client, connection, buf_slice(&life->ack));
}

static void on_acked(struct lifecycle *life, uint32_t connection, const struct client_reply *reply)
{
    if (load_accept(&life->load, reply)) {
        life->acked_count++;
        life->done = life->options.job_count > 0 && life->acked_count >= life->options.job_count;
        load_count(&life->load, reply, 1);
        if (reply->received_ns >= life->load.from_ns && reply->received_ns < life->load.until_ns) {
            hist_add(&life->ack_latency, reply->received_ns - reply->sent_ns);
        }
    }
    send_fetch(life, connection);
}

static uint32_t aside_connection(const struct lifecycle *life)
{
    return life->options.producer_count + life->options.worker_count;
}

static void on_reply(void *context, uint32_t connection, const struct client_reply *reply)
{
    struct lifecycle *life = context;

    if (connection == aside_connection(life)) {
        life->options.aside_reply(life->options.aside_context, reply);
    } else if (is_producer(life, connection)) {
        on_enqueued(life, connection, reply);
    } else if (life->acking[connection - life->options.producer_count]) {
        on_acked(life, connection, reply);
    } else if (reply->status == 200) {
        on_delivered(life, connection, reply);
    } else {
        (void)load_accept(&life->load, reply); /* 204: nothing came within the poll. */
        send_fetch(life, connection);
    }
}

/* Jobs that must come to the workers, as far as is known. */
static uint64_t expected(const struct lifecycle *life)
{
    return life->sent_count - life->refused_count + life->options.job_count;
}

/* When the next enqueue may leave; NEVER: when a delivery has made room. */
static uint64_t next_send_ns(const struct lifecycle *life, uint64_t now_ns)
{
    if (life->options.interval_ns != 0) {
        return life->start_ns + life->sent_count * life->options.interval_ns;
    }
    return expected(life) < life->delivered_count + life->options.waiting_max ? now_ns : NEVER;
}

/* One at a time; one that is late is not made up for. Returns when the next is due. */
static uint64_t send_aside(struct lifecycle *life, uint64_t now_ns)
{
    uint32_t connection = aside_connection(life);

    if (!life->options.aside_next || now_ns >= life->sent_until_ns ||
        client_in_flight(life->load.client, connection) > 0) {
        return NEVER;
    }
    if (now_ns >= life->aside_ns) {
        client_send(life->load.client, connection,
                    life->options.aside_next(life->options.aside_context, life->aside_count++));
        life->aside_ns = now_ns + life->options.aside_interval_ns;
    }
    return life->aside_ns;
}

static uint64_t send_enqueues(struct lifecycle *life, uint64_t now_ns)
{
    while (life->idle_count > 0 && now_ns < life->sent_until_ns) {
        uint64_t next_ns = next_send_ns(life, now_ns);

        if (next_ns > now_ns) {
            return next_ns;
        }
        enqueue_request_number(&life->enqueue, life->sent_count);
        life->sent_count++;
        client_send(life->load.client, life->idle[--life->idle_count],
                    buf_slice(&life->enqueue.bytes));
    }
    return NEVER;
}

static uint64_t pump(void *context, uint64_t now_ns)
{
    struct lifecycle *life = context;
    uint64_t aside_ns = send_aside(life, now_ns);
    uint64_t enqueue_ns = send_enqueues(life, now_ns);

    return aside_ns < enqueue_ns ? aside_ns : enqueue_ns;
}

static enum err_code allocate(struct lifecycle *life, struct err *err)
{
    life->acking = calloc(life->options.worker_count, sizeof(life->acking[0]));
    life->idle = calloc(life->options.producer_count + 1, sizeof(life->idle[0]));
    if (!life->acking || !life->idle) {
        return err_set(err, ERR_NOMEM, "no memory for workers");
    }
    for (uint32_t i = 0; i < life->options.producer_count; i++) {
        life->idle[life->idle_count++] = i;
    }
    return ERR_NONE;
}

enum err_code lifecycle_init(struct lifecycle *life, struct bench *bench,
                             const struct lifecycle_options *options, struct err *err)
{
    const struct load_options load_options = {
        .name = options->name,
        .connection_count =
            options->producer_count + options->worker_count + (options->aside_next ? 1 : 0),
        .on_reply = on_reply,
        .context = life,
    };
    enum err_code code;

    assert(options->worker_count > 0);
    memset(life, 0, sizeof(*life));
    life->options = *options;
    buf_init(&life->fetch, REQUEST_SIZE_MAX);
    buf_init(&life->ack, REQUEST_SIZE_MAX);
    code = enqueue_request_init(&life->enqueue, bench, options->queue, err);
    if (code == ERR_NONE) {
        code = allocate(life, err);
    }
    if (code == ERR_NONE) {
        code = load_init(&life->load, bench, &load_options, err);
    }
    if (code != ERR_NONE) {
        return code;
    }
    request_fetch(&life->fetch, bench, options->queue, 0);
    if (life->fetch.failed) {
        return err_set(err, ERR_NOMEM, "no memory for requests");
    }
    for (uint32_t i = 0; i < options->worker_count; i++) {
        send_fetch(life, options->producer_count + i);
    }
    life->start_ns = clock_mono_ns();
    life->sent_until_ns = life->load.until_ns;
    return ERR_NONE;
}

void lifecycle_done(struct lifecycle *life)
{
    load_done(&life->load);
    enqueue_request_done(&life->enqueue);
    buf_done(&life->fetch);
    buf_done(&life->ack);
    free(life->acking);
    free(life->idle);
}

/* After the window: nothing may be left behind. */
static enum err_code finish(struct lifecycle *life, struct err *err)
{
    uint64_t until_ns = clock_mono_ns() + life->load.bench->patience_ns;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && life->acked_count < expected(life) && !run_interrupted()) {
        if (clock_mono_ns() >= until_ns) {
            load_wrong(&life->load, "enqueued jobs were not delivered and acked");
            break;
        }
        code = client_turn(life->load.client, until_ns, err);
    }
    return code;
}

enum err_code lifecycle_run(struct lifecycle *life, struct err *err)
{
    enum err_code code = load_run(&life->load, pump, life, &life->done, err);

    return code == ERR_NONE ? finish(life, err) : code;
}
