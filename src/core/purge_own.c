/* Retention of single jobs: see purge_own.h. */
#include "core/purge_own.h"

#include "base/limits.h"
#include "core/job_move.h"

/* How far instants are rounded up: a sixteenth of the retention, but within these. */
#define GRAIN_MS_MIN 1000
#define GRAIN_MS_MAX 60000

static uint64_t grain_ns(uint64_t retention_ms)
{
    uint64_t ms = retention_ms / 16;

    return (ms < GRAIN_MS_MIN ? GRAIN_MS_MIN : ms > GRAIN_MS_MAX ? GRAIN_MS_MAX : ms) * NS_PER_MS;
}

uint64_t purge_own_at(const struct job *job)
{
    uint64_t grain = grain_ns(job->retention_ms);
    uint64_t at = job->ended_at + job->retention_ms * NS_PER_MS; /* At most ten years. */

    at = at > job->unique.ends_at ? at : job->unique.ends_at;
    return job->own_retention && at > job->ended_at ? (at + grain - 1) / grain * grain : 0;
}

void purge_own_add(struct tx *tx, const struct job *job)
{
    struct row_key key = purge_row_key(job->purge_at, job->key);
    struct meta_row *meta = tx->meta;

    if (job->purge_at == 0) {
        return;
    }
    tx_put(tx, TABLE_PURGE, &key, slice_of(NULL, 0), slice_text("."), KV_FRESH);
    if (meta->purge_own_due == 0 || job->purge_at < meta->purge_own_due) {
        meta->purge_own_due = job->purge_at;
    }
}

/* The instant of the first row may then be too early: the next sweep sets it right. */
void purge_own_drop(struct tx *tx, const struct job *job)
{
    struct row_key key = purge_row_key(job->purge_at, job->key);

    if (job->purge_at != 0) {
        tx_delete(tx, TABLE_PURGE, &key, slice_text("."));
    }
}

uint64_t purge_own_due_ns(const struct meta_row *meta)
{
    return meta->purge_own_due ? meta->purge_own_due : UINT64_MAX;
}

struct own_scan {
    struct tx *tx;
    struct job_key *due;
    uint32_t count;
    uint32_t count_max;
    uint64_t next_at; /* Of the first that stays; 0 = none does. */
};

/* ERR_CLOSED ends the scan without being a failure. */
static enum err_code look(void *context, struct slice key, struct slice value, struct err *err)
{
    struct own_scan *scan = context;
    struct job_key job;
    uint64_t at_ns;

    (void)value;
    if (!purge_key_read(key, &at_ns, &job)) {
        return err_set(err, ERR_CORRUPT, "the key of a purge row has %zu bytes", key.size);
    }
    if (at_ns > scan->tx->now_ns || scan->count == scan->count_max) {
        scan->next_at = at_ns;
        return ERR_CLOSED;
    }
    scan->due[scan->count++] = job;
    return ERR_NONE;
}

/* False when the rest must wait for another entry. Any number of large results may be looked at. */
static bool purge_done(struct tx *tx, struct job_key key)
{
    struct row_key row = job_row_key(key);
    struct slice value = tx_peek(tx, TABLE_DONE, &row);
    struct job job;
    struct err err;

    if (!value.data ||
        job_row_read(row_key_slice(&row), value, tx->arena, &job, &err) != ERR_NONE ||
        job.purge_at == 0 || job.purge_at > tx->now_ns) {
        (void)tx_fail(tx, ERR_CORRUPT, "a purge row names a job that is not to go");
        return false;
    }
    return purge_job(tx, &job, TABLE_DONE, row_hash(TABLE_DONE, row_key_slice(&row), value));
}

uint32_t purge_own_jobs(struct tx *tx, uint32_t count_max, struct purged *ret_purged)
{
    struct row_key from = number_row_key(0);
    struct own_scan scan = {.tx = tx, .count_max = count_max};
    uint64_t gone_before = tx->meta->gone_count;
    uint32_t purged = 0;
    uint32_t gone;
    enum err_code code;
    struct err err;

    scan.due = tx_array(tx, count_max, sizeof(*scan.due));
    if (!scan.due) {
        return 0;
    }
    code = tx->kv->scan(tx->kv->self, TABLE_PURGE, row_key_slice(&from), look, &scan, &err);
    if (code != ERR_NONE && code != ERR_CLOSED) {
        (void)tx_fail(tx, code, err.text);
        return 0;
    }
    while (purged < scan.count && purge_done(tx, scan.due[purged])) {
        purged++;
    }
    tx->meta->purge_own_due = purged < scan.count ? tx->now_ns : scan.next_at;
    gone = (uint32_t)(gone_before - tx->meta->gone_count);
    ret_purged->gone += gone;
    ret_purged->old += purged - gone;
    return purged;
}
