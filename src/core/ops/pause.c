/* pause: a queue hands out nothing until it is resumed (reference 3.4). Makes the queue when it
 * does not exist. */
#include "base/limits.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tx.h"

static const struct field fields[] = {
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_pause, queue),
        .max = QUEUE_NAME_MAX,
        .help = "the queue",
    },
};

const struct message op_pause_message = {
    .name = "OpPause",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_pause),
};

static const struct field reply_fields[] = {
    {
        .name = "status",
        .kind = FIELD_TEXT,
        .flags = FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct op_queue_reply, status),
        .help = "paused or resumed",
    },
};

const struct message op_queue_reply_message = {
    .name = "OpQueueReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_queue_reply),
};

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_pause *op = request;
    struct op_queue_reply *reply = ret_reply;
    struct event event = {.type = EVENT_QUEUE_PAUSED};
    struct queue *queue;

    if (queue_name_check(op->queue, err) != ERR_NONE) {
        return err->code;
    }
    queue = tx_queue(tx, op->queue);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    reply->status = slice_text("paused");
    if (queue->row.paused) {
        return ERR_NONE;
    }
    tx_queue_edit(tx, queue);
    queue->row.paused = true;
    event.queue = queue->number;
    tx_event(tx, &event);
    return ERR_NONE;
}

const struct op_spec op_pause_spec = {
    .code = OP_PAUSE,
    .name = "pause",
    .request = &op_pause_message,
    .reply = &op_queue_reply_message,
    .apply = apply,
    .help = "stops handing out jobs of a queue",
};
