/* Sweeping: see sweep.h. */
#include "core/sweep.h"

#include "core/job_move.h"

bool sweep_job(struct tx *tx, const struct index_job *gone)
{
    struct job job;

    if (!job_load_live(tx, gone, &job) || !job_remove_parts(tx, &job)) {
        return false;
    }
    job_remove(tx, &job);
    job_event(tx, &job, EVENT_DELETED, slice_of(NULL, 0));
    return true;
}

/* False when the rest must wait for another entry. */
static bool sweep_queue(struct tx *tx, struct queue *queue, uint32_t count_max, uint32_t *swept)
{
    const struct index_job *gone;

    while ((gone = index_first_gone(tx->index, queue)) != NULL) {
        if (*swept == count_max || !sweep_job(tx, gone)) {
            return false;
        }
        (*swept)++;
    }
    return true;
}

uint32_t sweep_queues(struct tx *tx, uint32_t count_max, uint32_t *ret_swept)
{
    struct queue *queue;
    uint32_t swept = 0;
    bool done = true;

    while (done && (queue = index_first_due_queue(tx->index)) != NULL &&
           queue_due_ns(queue) <= tx->now_ns) {
        done = sweep_queue(tx, queue, count_max, &swept);
        if (!index_queue_refresh(tx->index, queue)) {
            (void)tx_fail(tx, ERR_NOMEM, "no memory for the queues that are due");
        }
        done = done && !tx_failed(tx);
    }
    *ret_swept = swept;
    return swept;
}
