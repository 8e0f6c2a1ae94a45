/* throttle, unthrottle, concurrency: how much of a queue may be handed out
 * (reference 3.4, 5.4, 5.5, A10). The limits are obeyed by fetch, through queue_room. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/tx.h"

static const struct field throttle_fields[] = {
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_throttle, queue),
        .max = QUEUE_NAME_MAX,
        .help = "the queue",
    },
    {
        .name = "rate",
        .kind = FIELD_I64,
        .tag = 2,
        .offset = offsetof(struct op_throttle, rate),
        .help = "claims at most in any window, 1 to 100000",
    },
    {
        .name = "window_ms",
        .kind = FIELD_I64,
        .tag = 3,
        .offset = offsetof(struct op_throttle, window_ms),
        .help = "length of the window in ms, up to a day",
    },
};

const struct message op_throttle_message = {
    .name = "OpThrottle",
    .fields = throttle_fields,
    .field_count = ARRAY_COUNT(throttle_fields),
    .size = sizeof(struct op_throttle),
};

static const struct field concurrency_fields[] = {
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_concurrency, queue),
        .max = QUEUE_NAME_MAX,
        .help = "the queue",
    },
    {
        .name = "max",
        .kind = FIELD_I64,
        .tag = 2,
        .offset = offsetof(struct op_concurrency, max),
        .help = "jobs active at most; 0, less or absent = no limit",
    },
};

const struct message op_concurrency_message = {
    .name = "OpConcurrency",
    .fields = concurrency_fields,
    .field_count = ARRAY_COUNT(concurrency_fields),
    .size = sizeof(struct op_concurrency),
};

static enum err_code check_throttle(const struct op_throttle *op, struct err *err)
{
    if (op->rate <= 0 || op->rate > RATE_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "rate must be 1 to %d", RATE_MAX);
    }
    if (op->window_ms <= 0 || op->window_ms > RATE_WINDOW_MS_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "window_ms must be 1 to %d",
                         RATE_WINDOW_MS_MAX);
    }
    return ERR_NONE;
}

static void config_event(struct tx *tx, const struct queue *queue, const char *data)
{
    tx_queue_event(tx, queue, EVENT_QUEUE_CONFIG, tx_text(tx, data));
}

static enum err_code apply_throttle(struct tx *tx, const void *request, void *ret_reply,
                                    struct err *err)
{
    const struct op_throttle *op = request;
    struct queue *queue;

    if (check_throttle(op, err) != ERR_NONE ||
        tx_queue_open(tx, op->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text("ok");
    if (queue->row.rate_limit == op->rate && queue->row.rate_window_ms == (uint64_t)op->window_ms) {
        return ERR_NONE;
    }
    tx_queue_limit(tx, queue, (uint32_t)op->rate, (uint64_t)op->window_ms);
    config_event(tx, queue,
                 arena_printf(tx->arena, "{\"rate_limit\":%lld,\"rate_window_ms\":%lld}",
                              (long long)op->rate, (long long)op->window_ms));
    return ERR_NONE;
}

/* Of a queue that does not exist there is no limit already. */
static enum err_code apply_unthrottle(struct tx *tx, const void *request, void *ret_reply,
                                      struct err *err)
{
    const struct op_queue *op = request;
    struct queue *queue = index_queue_find(tx->index, op->queue);

    if (queue_name_check(op->queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text("ok");
    if (queue && queue->row.rate_limit) {
        tx_queue_limit(tx, queue, 0, 0);
        config_event(tx, queue, "{\"rate_limit\":null}");
    }
    return ERR_NONE;
}

static enum err_code apply_concurrency(struct tx *tx, const void *request, void *ret_reply,
                                       struct err *err)
{
    const struct op_concurrency *op = request;
    uint32_t max = op->max > 0 ? (uint32_t)op->max : 0;
    struct queue *queue;

    if (op->max > CONCURRENCY_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "max must not be above %d", CONCURRENCY_MAX);
    }
    if (tx_queue_open(tx, op->queue, &queue, err) != ERR_NONE) {
        return err->code;
    }
    ((struct op_queue_reply *)ret_reply)->status = slice_text("ok");
    if (queue->row.max_concurrency == max) {
        return ERR_NONE;
    }
    tx_queue_edit(tx, queue);
    queue->row.max_concurrency = max;
    config_event(tx, queue,
                 max ? arena_printf(tx->arena, "{\"max_concurrency\":%u}", max)
                     : "{\"max_concurrency\":null}");
    return ERR_NONE;
}

const struct op_spec op_throttle_spec = {
    .code = OP_THROTTLE,
    .name = "throttle",
    .request = &op_throttle_message,
    .reply = &op_queue_reply_message,
    .apply = apply_throttle,
    .help = "bounds how many jobs of a queue are handed out in any window of time",
};

const struct op_spec op_unthrottle_spec = {
    .code = OP_UNTHROTTLE,
    .name = "unthrottle",
    .request = &op_queue_message,
    .reply = &op_queue_reply_message,
    .apply = apply_unthrottle,
    .help = "takes that bound away",
};

const struct op_spec op_concurrency_spec = {
    .code = OP_CONCURRENCY,
    .name = "concurrency",
    .request = &op_concurrency_message,
    .reply = &op_queue_reply_message,
    .apply = apply_concurrency,
    .help = "bounds how many jobs of a queue are active at a time",
};
