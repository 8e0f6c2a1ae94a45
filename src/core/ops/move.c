/* move: a job goes to another queue and stays in its state (reference 3.5). A pending one goes
 * behind the others there, an active one keeps its lease. */
#include "base/limits.h"
#include "core/job_op.h"
#include "core/ops.h"
#include "core/queue.h"
#include "core/unique.h"

static const struct field fields[] = {
    {
        .name = "job_id",
        .kind = FIELD_TEXT,
        .tag = 1,
        .offset = offsetof(struct op_move, job_id),
        .max = JOB_ID_MAX,
        .help = "the job to move",
    },
    {
        .name = "queue",
        .kind = FIELD_TEXT,
        .flags = FIELD_REQUIRED,
        .tag = 2,
        .offset = offsetof(struct op_move, queue),
        .max = QUEUE_NAME_MAX,
        .help = "where to; made when it does not exist",
    },
};

const struct message op_move_message = {
    .name = "OpMove",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct op_move),
};

static void move(struct tx *tx, struct job *job, const struct queue *from, const struct queue *to)
{
    struct event_note note = {.from = from->row.name, .to = to->row.name};
    bool ended = job_state_is_terminal((enum job_state)job->state);

    if (ended) {
        job_count_done(tx, job, -1);
    }
    unique_move(tx, job, to->number);
    if (ended) {
        job_count_done(tx, job, 1);
    }
    job_requeue(tx, job);
    job_event(tx, job, EVENT_MOVED, event_note_json(tx, &note));
    job_save(tx, job, (enum job_state)job->state);
}

static enum err_code apply(struct tx *tx, const void *request, void *ret_reply, struct err *err)
{
    const struct op_move *op = request;
    struct op_job_reply *reply = ret_reply;
    struct queue *queue;
    struct job job;

    if (queue_name_check(op->queue, err) != ERR_NONE ||
        job_open(tx, op->job_id, REPLY_MOVE_ERROR, &job, err) != ERR_NONE) {
        return err->code;
    }
    queue = tx_queue(tx, op->queue);
    if (!queue) {
        return err_set(err, ERR_NOMEM, "no memory");
    }
    if (job.queue != queue->number) {
        if (unique_is_held(tx, &job) &&
            unique_check(tx, &job, queue->number, REPLY_MOVE_ERROR, err) != ERR_NONE) {
            return err->code;
        }
        move(tx, &job, index_queue(tx->index, job.queue), queue);
    }
    reply->status = slice_text("moved");
    return ERR_NONE;
}

const struct op_spec op_move_spec = {
    .code = OP_MOVE,
    .name = "move",
    .request = &op_move_message,
    .reply = &op_job_reply_message,
    .apply = apply,
    .help = "puts a job into another queue",
};
