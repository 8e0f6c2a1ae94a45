/* resume: a paused queue hands out its jobs again (reference 3.4). Makes the queue when it does not
 * exist. */
#include "base/limits.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tx.h"

static const struct field fields[] = {
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_resume, queue),
        .max = QUEUE_NAME_MAX,
        .help = "the queue",
    },
};

const struct message op_resume_message = {
    .name = "OpResume",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_resume),
};

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_resume *op = request;
    struct op_queue_reply *reply = ret_reply;
    struct event event = {.type = EVENT_QUEUE_RESUMED};
    struct queue *queue;

    if (queue_name_check(op->queue, err) != ERR_NONE) {
        return err->code;
    }
    queue = tx_queue(tx, op->queue);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    reply->status = slice_text("resumed");
    if (!queue->row.paused) {
        return ERR_NONE;
    }
    tx_queue_edit(tx, queue);
    queue->row.paused = false;
    event.queue = queue->number;
    tx_event(tx, &event);
    return ERR_NONE;
}

const struct op_spec op_resume_spec = {
    .code = OP_RESUME,
    .name = "resume",
    .request = &op_resume_message,
    .reply = &op_queue_reply_message,
    .apply = apply,
    .help = "hands out jobs of a queue again",
};
