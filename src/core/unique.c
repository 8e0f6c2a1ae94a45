/* Unique keys: see unique.h. */
#include "core/unique.h"

#include "core/job_move.h"

bool unique_is_held(const struct tx *tx, const struct job *job)
{
    return job->unique.ends_at > tx->now_ns;
}

bool unique_lock_read(struct slice value, struct arena *arena, struct job_key *ret_job)
{
    struct lock_row lock;
    struct err err;

    return protobuf_read(&lock_row_message, value, arena, &lock, &err) == ERR_NONE &&
           lock.job.size == JOB_KEY_SIZE && job_key_read(lock.job, ret_job);
}

/* The job that the lock's row names, who may hold it no more; false when there is no row. */
static bool read_lock(struct tx *tx, const struct row_key *key, struct slice *ret_value,
                      struct job_key *ret_job)
{
    *ret_value = tx_get(tx, TABLE_LOCK, key);
    if (!ret_value->data) {
        return false;
    }
    if (!unique_lock_read(*ret_value, tx->arena, ret_job)) {
        (void)tx_fail(tx, ERR_CORRUPT, "the lock of a unique key does not decode");
        return false;
    }
    return true;
}

static bool is_same(struct job_key a, struct job_key b)
{
    return a.time_ns == b.time_ns && a.seq == b.seq;
}

bool unique_find(struct tx *tx, uint32_t queue, struct slice key, struct job *ret_holder)
{
    struct row_key row = lock_row_key(queue, key);
    struct job_key holder;
    struct slice value;

    return read_lock(tx, &row, &value, &holder) && job_peek(tx, holder, ret_holder) &&
           unique_is_held(tx, ret_holder);
}

enum err_code unique_check(struct tx *tx, const struct job *job, uint32_t queue,
                           enum reply_code refuse, struct err *err)
{
    struct job holder;
    struct slice id;

    if (job->unique.key.size == 0 || !unique_find(tx, queue, job->unique.key, &holder) ||
        is_same(holder.key, job->key)) {
        return ERR_NONE;
    }
    id = tx_job_id(tx, holder.key);
    return err_reply(err, refuse, "%.*s, which is %s, holds the job's unique key", (int)id.size,
                     id.size ? (const char *)id.data : "",
                     job_state_name((enum job_state)holder.state));
}

static void put(struct tx *tx, struct job *job, uint64_t ends_at)
{
    struct row_key row = lock_row_key(job->queue, job->unique.key);
    struct row_key key = job_row_key(job->key);
    struct lock_row lock = {.job = row_key_slice(&key)};
    struct slice old = tx_get(tx, TABLE_LOCK, &row);

    job->unique.ends_at = ends_at;
    tx_put(tx, TABLE_LOCK, &row, old, tx_encode(tx, &lock_row_message, &lock),
           old.data ? 0 : KV_FRESH);
}

void unique_drop(struct tx *tx, const struct job *job)
{
    struct row_key row = lock_row_key(job->queue, job->unique.key);
    struct job_key named;
    struct slice value;

    if (job->unique.ends_at != 0 && read_lock(tx, &row, &value, &named) &&
        is_same(named, job->key)) {
        tx_delete(tx, TABLE_LOCK, &row, value);
    }
}

static void let_go(struct tx *tx, struct job *job)
{
    unique_drop(tx, job);
    job->unique.ends_at = 0;
}

static void take(struct tx *tx, struct job *job)
{
    uint64_t period_ms = job->unique.period_ms;

    if (!unique_is_held(tx, job)) {
        put(tx, job, period_ms ? tx_after(tx, period_ms) : UNIQUE_UNBOUNDED);
    }
}

void unique_follow(struct tx *tx, struct job *job, enum job_state from)
{
    enum unique_until until = (enum unique_until)job->unique.until;

    if (until == UNIQUE_NONE) {
        return;
    }
    if (from == JOB_NONE || job_state_is_terminal(from)) {
        take(tx, job);
    } else if (job->state == JOB_DEAD || job->state == JOB_CANCELLED ||
               (job->state == JOB_COMPLETED && until != UNIQUE_PERIOD) ||
               (job->state == JOB_ACTIVE && until == UNIQUE_STARTED)) {
        let_go(tx, job);
    }
}

void unique_move(struct tx *tx, struct job *job, uint32_t queue)
{
    uint64_t ends_at = job->unique.ends_at;

    let_go(tx, job);
    job->queue = queue;
    if (ends_at > tx->now_ns) {
        put(tx, job, ends_at);
    }
}
