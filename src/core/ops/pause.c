/* pause, drain, resume: whether a queue hands out jobs (reference 3.4, A10). All of them make the
 * queue when it does not exist. A queue that drains is paused, and tells once none of its jobs is
 * active any more; the transaction sees to that, whatever ends the last one. */
#include "base/limits.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tx.h"

static const struct field fields[] = {
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_queue, queue),
        .max = QUEUE_NAME_MAX,
        .help = "the queue",
    },
};

const struct message op_queue_message = {
    .name = "OpQueue",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_queue),
};

static const struct field reply_fields[] = {
    {
        .name = "status",
        .kind = FIELD_TEXT,
        .flags = FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct op_queue_reply, status),
        .help = "what the queue is now, or ok",
    },
};

const struct message op_queue_reply_message = {
    .name = "OpQueueReply",
    .fields = reply_fields,
    .field_count = ARRAY_COUNT(reply_fields),
    .size = sizeof(struct op_queue_reply),
};

enum verb { PAUSE, DRAIN, RESUME };

static bool is_so(const struct queue_row *row, enum verb verb)
{
    switch (verb) {
    case PAUSE:
        return row->paused;
    case DRAIN:
        return row->draining_at != 0;
    default:
        return !row->paused;
    }
}

static void change(struct queue_row *row, enum verb verb, uint64_t now_ns)
{
    if (verb == RESUME) {
        row->paused = false;
        row->paused_at = 0;
        row->draining_at = 0;
        row->drained = false;
        return;
    }
    if (!row->paused) {
        row->paused = true;
        row->paused_at = now_ns;
    }
    if (verb == DRAIN) {
        row->draining_at = now_ns;
    }
}

static enum err_code apply(struct tx *tx, enum verb verb, const void *request, void *ret_reply,
                           struct err *err)
{
    static const struct {
        const char *status;
        enum event_type event;
    } verbs[] = {
        [PAUSE] = {"paused", EVENT_QUEUE_PAUSED},
        [DRAIN] = {"draining", EVENT_QUEUE_DRAINING},
        [RESUME] = {"resumed", EVENT_QUEUE_RESUMED},
    };
    struct queue *queue;

    if (tx_queue_open(tx, ((const struct op_queue *)request)->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text(verbs[verb].status);
    if (!is_so(&queue->row, verb)) {
        tx_queue_edit(tx, queue);
        change(&queue->row, verb, tx->now_ns);
        tx_queue_event(tx, queue, verbs[verb].event, slice_of(NULL, 0));
    }
    return ERR_NONE;
}

static enum err_code apply_pause(struct tx *tx, const void *request, void *ret_reply,
                                 struct err *err)
{
    return apply(tx, PAUSE, request, ret_reply, err);
}

static enum err_code apply_drain(struct tx *tx, const void *request, void *ret_reply,
                                 struct err *err)
{
    return apply(tx, DRAIN, request, ret_reply, err);
}

static enum err_code apply_resume(struct tx *tx, const void *request, void *ret_reply,
                                  struct err *err)
{
    return apply(tx, RESUME, request, ret_reply, err);
}

const struct op_spec op_pause_spec = {
    .code = OP_PAUSE,
    .name = "pause",
    .request = &op_queue_message,
    .reply = &op_queue_reply_message,
    .apply = apply_pause,
    .help = "stops handing out jobs of a queue",
};

const struct op_spec op_drain_spec = {
    .code = OP_DRAIN,
    .name = "drain",
    .request = &op_queue_message,
    .reply = &op_queue_reply_message,
    .apply = apply_drain,
    .help = "pauses a queue and tells when none of its jobs is active any more",
};

const struct op_spec op_resume_spec = {
    .code = OP_RESUME,
    .name = "resume",
    .request = &op_queue_message,
    .reply = &op_queue_reply_message,
    .apply = apply_resume,
    .help = "hands out jobs of a queue again",
};
