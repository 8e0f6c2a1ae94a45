/* What is set for a queue: see settings.h. */
#include "tests/model/settings.h"

#include "base/reply.h"

static bool is_set(const struct model_queue *queue, enum retention_bit bit)
{
    return queue->keep.has >> (bit - 1) & 1;
}

uint64_t model_keep_ns(const struct model_queue *queue, enum job_state state)
{
    uint64_t ms = MODEL_RETENTION_MS;

    if (state == JOB_COMPLETED && is_set(queue, RETENTION_HAS_COMPLETED)) {
        ms = queue->keep.keep.completed_ms;
    } else if (state == JOB_DEAD && is_set(queue, RETENTION_HAS_DEAD)) {
        ms = queue->keep.keep.dead_ms;
    } else if (state == JOB_CANCELLED && is_set(queue, RETENTION_HAS_CANCELLED)) {
        ms = queue->keep.keep.cancelled_ms;
    }
    return ms * NS_PER_MS;
}

int32_t model_lease(const struct model_queue *queue, const struct op_fetch *op)
{
    if (op->lease_duration > 0) {
        return op->lease_duration;
    }
    return op->timeout > 0 ? op->timeout : queue->lease_ms ? (int32_t)(queue->lease_ms / 1000) : 60;
}

uint16_t model_set(struct model_queue *queue, uint32_t code, const void *request, void *reply)
{
    const struct op_queue_retention *retention = request;
    const struct op_queue_lease *lease = request;

    if (code == OP_QUEUE_RETENTION) {
        queue->keep = (struct queue_retention){retention->has, retention->keep};
    } else {
        queue->needs_token = lease->require_token;
        queue->lease_ms = lease->default_lease;
    }
    ((struct op_queue_reply *)reply)->status = slice_text("ok");
    return REPLY_NONE;
}
