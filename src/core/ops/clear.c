/* clear and destroy: the jobs of a queue go, at once and whatever their number (reference 3.4,
 * 5.17, A10). What is left of them goes with sweeps: core/sweep.h. */
#include "core/ops.h"
#include "core/queue.h"
#include "core/tx.h"

#define ROW(struct_, tag_, kind_, name_, help_)                                                    \
    {.name = #name_,                                                                               \
     .kind = kind_,                                                                                \
     .flags = FIELD_ALWAYS,                                                                        \
     .tag = tag_,                                                                                  \
     .offset = offsetof(struct struct_, name_),                                                    \
     .help = help_}

static const struct field clear_reply_fields[] = {
    ROW(op_clear_reply, 1, FIELD_TEXT, status, "cleared"),
    ROW(op_clear_reply, 2, FIELD_U64, cleared, "jobs that were pending, scheduled or retrying"),
};

static const struct field destroy_reply_fields[] = {
    ROW(op_destroy_reply, 1, FIELD_TEXT, status, "deleted"),
    ROW(op_destroy_reply, 2, FIELD_U64, deleted, "jobs that it had, in any state"),
};

#undef ROW

const struct message op_clear_reply_message = {
    .name = "OpClearReply",
    .fields = clear_reply_fields,
    .field_count = ARRAY_COUNT(clear_reply_fields),
    .size = sizeof(struct op_clear_reply),
};

const struct message op_destroy_reply_message = {
    .name = "OpDestroyReply",
    .fields = destroy_reply_fields,
    .field_count = ARRAY_COUNT(destroy_reply_fields),
    .size = sizeof(struct op_destroy_reply),
};

static enum err_code apply_clear(struct tx *tx, const void *request, void *ret_reply,
                                 struct err *err)
{
    struct op_clear_reply *reply = ret_reply;
    const uint64_t *counts;
    struct queue *queue;

    if (tx_queue_open(tx, ((const struct op_queue *)request)->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    counts = queue->jobs.counts;
    reply->status = slice_text("cleared");
    reply->cleared = counts[JOB_PENDING] + counts[JOB_SCHEDULED] + counts[JOB_RETRYING];
    if (reply->cleared > 0) {
        tx_queue_clear(tx, queue);
        tx_queue_event(tx, queue, EVENT_QUEUE_CLEARED,
                       tx_text(tx, arena_printf(tx->arena, "{\"cleared\":%llu}",
                                                (unsigned long long)reply->cleared)));
    }
    return ERR_NONE;
}

/* A queue that does not exist is destroyed already (T32). */
static enum err_code apply_destroy(struct tx *tx, const void *request, void *ret_reply,
                                   struct err *err)
{
    const struct op_queue *op = request;
    struct op_destroy_reply *reply = ret_reply;
    struct queue *queue;

    if (queue_name_check(op->queue, err) != ERR_NONE) {
        return err->code;
    }
    reply->status = slice_text("deleted");
    queue = index_queue_find(tx->index, op->queue);
    if (!queue || queue->row.destroyed) {
        return ERR_NONE;
    }
    reply->deleted = queue_count(queue);
    tx_queue_destroy(tx, queue);
    tx_queue_event(tx, queue, EVENT_QUEUE_DELETED,
                   tx_text(tx, arena_printf(tx->arena, "{\"deleted\":%llu}",
                                            (unsigned long long)reply->deleted)));
    return ERR_NONE;
}

const struct op_spec op_clear_spec = {
    .code = OP_CLEAR,
    .name = "clear",
    .request = &op_queue_message,
    .reply = &op_clear_reply_message,
    .apply = apply_clear,
    .help = "deletes the jobs of a queue that are pending, scheduled or retrying",
};

const struct op_spec op_destroy_spec = {
    .code = OP_DESTROY,
    .name = "destroy",
    .request = &op_queue_message,
    .reply = &op_destroy_reply_message,
    .apply = apply_destroy,
    .help = "deletes a queue: its jobs in any state, its settings, its counters",
};
