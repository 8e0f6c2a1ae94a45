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

struct sweep_step {
    uint32_t left; /* Rows that may still be removed. */
    uint32_t swept;
};

/* False when the rest must wait for another entry. */
static bool sweep_queue(struct tx *tx, struct queue *queue, struct sweep_step *step)
{
    const struct index_job *gone;

    index_touch(tx->index, queue);
    while ((gone = index_first_gone(tx->index, queue)) != NULL) {
        if (step->left == 0 || !sweep_job(tx, gone)) {
            return false;
        }
        step->left--;
        step->swept++;
    }
    step->left -= tx_queue_trim(tx, queue, step->left);
    return queue->window.past == 0;
}

uint32_t sweep_queues(struct tx *tx, uint32_t count_max, uint32_t *ret_swept)
{
    struct sweep_step step = {.left = count_max};
    struct queue *queue;
    bool done = true;

    while (done && (queue = index_first_due_queue(tx->index)) != NULL &&
           queue_due_ns(queue) <= tx->now_ns) {
        done = sweep_queue(tx, queue, &step);
        if (!index_queue_refresh(tx->index, queue)) {
            (void)tx_fail(tx, ERR_NOMEM, "no memory for the queues that are due");
        }
        done = done && !tx_failed(tx);
    }
    *ret_swept = step.swept;
    return count_max - step.left;
}
