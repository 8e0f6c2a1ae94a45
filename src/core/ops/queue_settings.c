/* queue_retention and queue_lease: how long finished jobs of a queue are kept, and what leases of
 * its jobs are like (A3, A10). Each sets all that it names: what is absent is the server's again.
 *
 * A new retention also holds for jobs that have ended before: the next sweep judges them by it
 * (core/purge.h). A new lease length holds from the next claim on, while a token is required of
 * every ack, fail and heartbeat from now on, whenever its job was claimed. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/ops.h"
#include "core/purge.h"
#include "core/queue.h"
#include "core/tx.h"
#include "wire/duration.h"

/* Leases are told in whole seconds. */
#define DEFAULT_LEASE_MS_MIN 1000

#define QUEUE(struct_)                                                                             \
    {                                                                                              \
        .name = "queue",                                                                           \
        .kind = FIELD_TEXT,                                                                        \
        .tag = 1,                                                                                  \
        .offset = offsetof(struct struct_, queue),                                                 \
        .max = QUEUE_NAME_MAX,                                                                     \
        .help = "the queue",                                                                       \
    }
#define KEPT(tag_, name_, bit_, help_)                                                             \
    {.name = #name_,                                                                               \
     .kind = FIELD_DURATION,                                                                       \
     .tag = tag_,                                                                                  \
     .bit = RETENTION_HAS_##bit_,                                                                  \
     .offset = offsetof(struct op_queue_retention, keep.name_##_ms),                               \
     .help = help_}

static const struct field retention_fields[] = {
    QUEUE(op_queue_retention),
    KEPT(2, completed, COMPLETED, "how long completed jobs are kept; 0s = not at all"),
    KEPT(3, dead, DEAD, "how long dead jobs are kept; absent or null = as the server says"),
    KEPT(4, cancelled, CANCELLED, "how long cancelled jobs are kept"),
};

const struct message op_queue_retention_message = {
    .name = "OpQueueRetention",
    .fields = retention_fields,
    .field_count = ARRAY_COUNT(retention_fields),
    .size = sizeof(struct op_queue_retention),
    .has_offset = offsetof(struct op_queue_retention, has),
};

static const struct field lease_fields[] = {
    QUEUE(op_queue_lease),
    {
        .name = "require_token",
        .kind = FIELD_BOOL,
        .tag = 2,
        .offset = offsetof(struct op_queue_lease, require_token),
        .help = "refuse acks, fails and heartbeats that bring no lease token",
    },
    {
        .name = "default_lease",
        .kind = FIELD_DURATION,
        .tag = 3,
        .bit = OP_QUEUE_LEASE_HAS_DEFAULT,
        .offset = offsetof(struct op_queue_lease, default_lease),
        .help = "lease of a fetch that asks for none, 1s to 24h; absent or null = 60s",
    },
};

const struct message op_queue_lease_message = {
    .name = "OpQueueLease",
    .fields = lease_fields,
    .field_count = ARRAY_COUNT(lease_fields),
    .size = sizeof(struct op_queue_lease),
    .has_offset = offsetof(struct op_queue_lease, has),
};

#undef QUEUE
#undef KEPT

/* A duration as JSON, null when the queue has none of its own. */
static const char *duration_json(struct tx *tx, bool is_set, uint64_t ms)
{
    char text[DURATION_TEXT_MAX];

    if (!is_set) {
        return "null";
    }
    (void)duration_format(ms, text);
    return arena_printf(tx->arena, "\"%s\"", text);
}

/* Tells what the queue has now. A text that did not fit into the arena is NULL, and fails. */
static void retention_event(struct tx *tx, const struct queue *queue)
{
    const struct queue_row *row = &queue->row;
    const char *completed =
        duration_json(tx, retention_has(row, RETENTION_HAS_COMPLETED), row->retention.completed_ms);
    const char *dead =
        duration_json(tx, retention_has(row, RETENTION_HAS_DEAD), row->retention.dead_ms);
    const char *cancelled =
        duration_json(tx, retention_has(row, RETENTION_HAS_CANCELLED), row->retention.cancelled_ms);
    const char *data = NULL;

    if (completed && dead && cancelled) {
        data = arena_printf(tx->arena,
                            "{\"retention\":{\"completed\":%s,\"dead\":%s,\"cancelled\":%s}}",
                            completed, dead, cancelled);
    }
    tx_queue_event(tx, queue, EVENT_QUEUE_CONFIG, tx_text(tx, data));
}

static enum err_code apply_retention(struct tx *tx, const void *request, void *ret_reply,
                                     struct err *err)
{
    const struct op_queue_retention *op = request;
    struct queue *queue;

    if (tx_queue_open(tx, op->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text("ok");
    if ((queue->row.has & RETENTION_BITS) == op->has &&
        memcmp(&queue->row.retention, &op->keep, sizeof(op->keep)) == 0) {
        return ERR_NONE;
    }
    tx_queue_edit(tx, queue);
    queue->row.has = (queue->row.has & ~(uint64_t)RETENTION_BITS) | op->has;
    queue->row.retention = op->keep;
    purge_note_change(tx->meta);
    retention_event(tx, queue);
    return ERR_NONE;
}

static enum err_code check_lease(const struct op_queue_lease *op, struct err *err)
{
    bool has = op->has >> (OP_QUEUE_LEASE_HAS_DEFAULT - 1) & 1;

    if (has && (op->default_lease < DEFAULT_LEASE_MS_MIN || op->default_lease > LEASE_MS_MAX)) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "default_lease must be 1s to %dh",
                         LEASE_MS_MAX / 3600000);
    }
    return ERR_NONE;
}

static void lease_event(struct tx *tx, const struct queue *queue)
{
    const struct queue_row *row = &queue->row;
    const char *lease = duration_json(tx, row->default_lease_ms > 0, row->default_lease_ms);
    const char *data = NULL;

    if (lease) {
        data = arena_printf(tx->arena, "{\"require_lease_token\":%s,\"default_lease\":%s}",
                            row->require_lease_token ? "true" : "false", lease);
    }
    tx_queue_event(tx, queue, EVENT_QUEUE_CONFIG, tx_text(tx, data));
}

static enum err_code apply_lease(struct tx *tx, const void *request, void *ret_reply,
                                 struct err *err)
{
    const struct op_queue_lease *op = request;
    struct queue *queue;

    if (check_lease(op, err) != ERR_NONE || tx_queue_open(tx, op->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text("ok");
    if (queue->row.require_lease_token == op->require_token &&
        queue->row.default_lease_ms == op->default_lease) {
        return ERR_NONE;
    }
    tx_queue_edit(tx, queue);
    queue->row.require_lease_token = op->require_token;
    queue->row.default_lease_ms = op->default_lease;
    lease_event(tx, queue);
    return ERR_NONE;
}

const struct op_spec op_queue_retention_spec = {
    .code = OP_QUEUE_RETENTION,
    .name = "queue_retention",
    .request = &op_queue_retention_message,
    .reply = &op_queue_reply_message,
    .apply = apply_retention,
    .help = "sets how long finished jobs of a queue are kept",
};

const struct op_spec op_queue_lease_spec = {
    .code = OP_QUEUE_LEASE,
    .name = "queue_lease",
    .request = &op_queue_lease_message,
    .reply = &op_queue_reply_message,
    .apply = apply_lease,
    .help = "sets what leases of a queue's jobs are like",
};
