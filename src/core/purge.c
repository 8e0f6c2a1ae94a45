/* Retention: see purge.h. */
#include "core/purge.h"

#include "base/limits.h"
#include "core/job_move.h"

/* Pause between sweeps: what lingers is met once a minute at most... */
#define PURGE_PAUSE_MS 60000

/* ... and seldom enough that walking over it takes a few per cent of the time. */
#define PURGE_LEFT_NS 50000

/* Events over the bound that are not worth a tick. */
#define EVENTS_SLACK 1024

/* What must be known of a done job to remove it. */
struct victim {
    struct job job; /* Its texts are gone with the scan, but for the unique key. */
    uint64_t hash;
};

struct sweep {
    struct tx *tx;
    uint64_t keep_min_ns; /* Nothing is kept for less... */
    uint64_t created_max; /* ...so stop at what was made after this, unless some are gone. */
    struct victim *victims;
    uint32_t victim_count;
    uint32_t gone; /* Of them. */
    uint32_t seen;
    uint32_t count_max;
    bool stopped;        /* By the bound. */
    bool at_the_end;     /* Of what can be old enough. */
    struct job_key next; /* Where it stopped. */
    bool lingers;        /* A job was left. */
    struct job_key first_left;
};

static uint64_t keep_ns(const struct meta_row *meta, const struct queue_row *queue,
                        enum job_state state)
{
    const struct retention *own = &queue->retention;
    uint64_t ms = state == JOB_COMPLETED ? own->completed_ms
                  : state == JOB_DEAD    ? own->dead_ms
                                         : own->cancelled_ms;
    enum retention_bit bit = state == JOB_COMPLETED ? RETENTION_HAS_COMPLETED
                             : state == JOB_DEAD    ? RETENTION_HAS_DEAD
                                                    : RETENTION_HAS_CANCELLED;

    if (retention_has(queue, bit)) {
        return ms * NS_PER_MS;
    }
    return meta->retention_ms == 0 ? UINT64_MAX : meta->retention_ms * NS_PER_MS;
}

/* The instant `keep_ns` after `at_ns`; UINT64_MAX = never. */
static uint64_t add_ns(uint64_t at_ns, uint64_t keep_ns)
{
    return keep_ns > UINT64_MAX - at_ns ? UINT64_MAX : at_ns + keep_ns;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When a sweep is to take the job; not while it holds its unique key, which would then name
 * nothing.
 */
static uint64_t job_due(const struct tx *tx, const struct job *job)
{
    const struct queue_row *queue = &index_queue(tx->index, job->queue)->row;
    uint64_t due;

    if (job->own_retention) {
        return UINT64_MAX;
    }
    due = add_ns(job->ended_at, keep_ns(tx->meta, queue, (enum job_state)job->state));
    return due > job->unique.ends_at ? due : job->unique.ends_at;
}

/* The shortest retention that any job may have. */
static uint64_t keep_min_ns(const struct tx *tx)
{
    static const enum job_state states[] = {JOB_COMPLETED, JOB_DEAD, JOB_CANCELLED};
    uint64_t min = UINT64_MAX;

    for (uint32_t i = 1; i <= tx->index->queue_count; i++) {
        for (uint32_t j = 0; j < ARRAY_COUNT(states); j++) {
            min = least(min, keep_ns(tx->meta, &index_queue(tx->index, i)->row, states[j]));
        }
    }
    return min;
}

uint64_t purge_due_ns(const struct meta_row *meta)
{
    if (meta->gone_count > 0) {
        return meta->now_ns;
    }
    if (meta->done_count == 0 || meta->purge_due == 0) {
        return UINT64_MAX;
    }
    return meta->purge_due > meta->purge_after ? meta->purge_due : meta->purge_after;
}

/* UINT64_MAX = never, which is stored as 0. */
static void set_due(struct meta_row *meta, uint64_t due_ns)
{
    meta->purge_due = due_ns == UINT64_MAX ? 0 : due_ns;
}

/* A sweep that is under way has passed jobs by the old retention, so another starts from the first
 * one, at once. */
void purge_note_change(struct meta_row *meta)
{
    meta->purge_due = 1;
    meta->purge_after = 0;
    meta->purge_cursor_time = 0;
    meta->purge_cursor_seq = 0;
}

/* The least key and the least due instant of done jobs tell the purge where and when to start. A
 * job that ends behind the cursor counts for the sweep that is under way, too. */
void purge_note_due(struct tx *tx, const struct job *job)
{
    struct meta_row *meta = tx->meta;
    struct row_key key = job_row_key(job->key);
    struct row_key first =
        job_row_key((struct job_key){meta->purge_first_time, meta->purge_first_seq});
    uint64_t due = job_due(tx, job);
    bool only = meta->done_count == 1;

    assert(meta->done_count > 0);
    if (only || slice_compare(row_key_slice(&key), row_key_slice(&first)) < 0) {
        meta->purge_first_time = job->key.time_ns;
        meta->purge_first_seq = job->key.seq;
    }
    set_due(meta, only || meta->purge_due == 0 ? due : least(meta->purge_due, due));
    if (meta->purge_cursor_seq != 0) {
        meta->purge_min = least(meta->purge_min, due);
    }
}

static void leave(struct sweep *sweep, struct job_key key, uint64_t due_ns)
{
    struct meta_row *meta = sweep->tx->meta;

    if (!sweep->lingers) {
        sweep->first_left = key;
    }
    sweep->lingers = true;
    meta->purge_left++;
    meta->purge_min = least(meta->purge_min, due_ns);
}

/* ERR_CLOSED ends the scan without being a failure. */
static enum err_code look(void *context, struct slice key, struct slice value, struct err *err)
{
    struct sweep *sweep = context;
    struct tx *tx = sweep->tx;
    uint64_t due;
    struct job job;
    bool gone;

    if (job_row_read(key, value, tx->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    sweep->next = job.key;
    if (job.key.time_ns > sweep->created_max && tx->meta->gone_count <= sweep->gone) {
        leave(sweep, job.key, add_ns(job.key.time_ns, sweep->keep_min_ns));
        sweep->at_the_end = true;
        return ERR_CLOSED;
    }
    if (sweep->seen == sweep->count_max) {
        sweep->stopped = true;
        return ERR_CLOSED;
    }
    sweep->seen++;
    due = job_due(tx, &job);
    gone = job_is_gone(&index_queue(tx->index, job.queue)->row, &job);
    if (due > tx->now_ns && !gone) {
        leave(sweep, job.key, due);
        return ERR_NONE;
    }
    sweep->gone += gone;
    if (job.unique.ends_at != 0 && !arena_copy(tx->arena, job.unique.key, &job.unique.key)) {
        return err_set(err, ERR_NOMEM, "no memory for the unique key of an old job");
    }
    sweep->victims[sweep->victim_count++] =
        (struct victim){.job = job, .hash = row_hash(TABLE_DONE, key, value)};
    return ERR_NONE;
}

/* Rows of jobs that are gone left their queue's counts at once. */
bool purge_job(struct tx *tx, struct job *job, enum table table, uint64_t hash)
{
    bool gone = job_is_gone(&index_queue(tx->index, job->queue)->row, job);
    struct row_key key = job_row_key(job->key);

    if (!job_remove_parts(tx, job)) {
        return false;
    }
    tx_drop(tx, table, &key, hash);
    if (gone) {
        tx->meta->done_count--;
        tx->meta->gone_count--;
    } else {
        job_count_done(tx, job, -1);
    }
    job_event(tx, job, gone ? EVENT_DELETED : EVENT_PURGED, slice_of(NULL, 0));
    return true;
}

bool purge_at_once(struct tx *tx, const struct job *job)
{
    struct row_key key = job_row_key(job->key);
    struct job copy;

    if (job->own_retention ? job->purge_at != 0 : job_due(tx, job) > tx->now_ns) {
        return false;
    }
    copy = *job;
    return purge_job(tx, &copy, TABLE_JOB, row_hash(TABLE_JOB, row_key_slice(&key), job->stored));
}

/* Sets where and when the next sweep starts, after one that went through. */
static void finish(const struct sweep *sweep)
{
    struct meta_row *meta = sweep->tx->meta;
    uint64_t pause_ns = least(sweep->keep_min_ns / 16, PURGE_PAUSE_MS * NS_PER_MS);

    if (pause_ns < meta->purge_left * PURGE_LEFT_NS) {
        pause_ns = meta->purge_left * PURGE_LEFT_NS;
    }
    set_due(meta, meta->purge_min);
    meta->purge_after = sweep->tx->now_ns + pause_ns;
    meta->purge_left = 0;
    meta->purge_cursor_time = 0;
    meta->purge_cursor_seq = 0;
}

static void scan(struct sweep *sweep, struct job_key from)
{
    struct tx *tx = sweep->tx;
    struct row_key key = job_row_key(from);
    struct err err;
    enum err_code code =
        tx->kv->scan(tx->kv->self, TABLE_DONE, row_key_slice(&key), look, sweep, &err);

    if (code == ERR_NONE) {
        sweep->at_the_end = true;
    } else if (code != ERR_CLOSED) {
        (void)tx_fail(tx, code, err.text);
    }
}

/* The least key that may still have a row is where the next sweep starts. A job that ended behind
 * the cursor has moved it back already. */
static void note_first(struct meta_row *meta, const struct sweep *sweep, struct job_key from)
{
    struct row_key known =
        job_row_key((struct job_key){meta->purge_first_time, meta->purge_first_seq});
    struct row_key start = job_row_key(from);
    struct job_key first = sweep->lingers ? sweep->first_left : sweep->next;

    if (slice_compare(row_key_slice(&known), row_key_slice(&start)) >= 0) {
        meta->purge_first_time = first.time_ns;
        meta->purge_first_seq = first.seq;
    }
}

/* The cursor is at the key of a row; both its numbers are 0 while no sweep is under way. */
static struct job_key start(struct meta_row *meta)
{
    if (meta->purge_cursor_seq != 0) {
        return (struct job_key){meta->purge_cursor_time, meta->purge_cursor_seq};
    }
    meta->purge_min = UINT64_MAX;
    meta->purge_left = 0;
    return (struct job_key){meta->purge_first_time, meta->purge_first_seq};
}

uint32_t purge_jobs(struct tx *tx, uint32_t count_max, struct purged *ret_purged)
{
    struct meta_row *meta = tx->meta;
    struct job_key from = start(meta);
    struct sweep sweep = {.tx = tx, .count_max = count_max, .next = from};
    bool nothing_left = meta->purge_left == 0;
    uint64_t gone_before = meta->gone_count;
    uint32_t purged = 0;

    sweep.keep_min_ns = keep_min_ns(tx);
    sweep.created_max = tx->now_ns - least(tx->now_ns, sweep.keep_min_ns);
    sweep.victims = tx_array(tx, count_max, sizeof(*sweep.victims));
    if (!sweep.victims) {
        return 0;
    }
    scan(&sweep, from);
    while (purged < sweep.victim_count &&
           purge_job(tx, &sweep.victims[purged].job, TABLE_DONE, sweep.victims[purged].hash)) {
        purged++;
    }
    if (purged < sweep.victim_count) {
        sweep.next = sweep.victims[purged].job.key;
        sweep.at_the_end = false;
    }
    if (nothing_left && purged == sweep.victim_count) {
        note_first(meta, &sweep, from);
    }
    meta->purge_cursor_time = sweep.next.time_ns;
    meta->purge_cursor_seq = sweep.next.seq;
    if (sweep.at_the_end) {
        finish(&sweep);
    }
    ret_purged->gone += (uint32_t)(gone_before - meta->gone_count);
    ret_purged->old += purged - (uint32_t)(gone_before - meta->gone_count);
    return sweep.seen;
}

/* A cut that went through is not tried again before there are more events: the oldest row may hold
 * too many to go. */
bool purge_events_due(const struct meta_row *meta)
{
    uint64_t stored = meta->event_seq + 1 - meta->event_oldest;
    uint64_t slack = meta->events_max ? meta->events_max / 16 + EVENTS_SLACK : 0;

    return stored > meta->events_max + slack && meta->event_cut != meta->event_seq;
}

struct event_sweep {
    struct tx *tx;
    struct row_key *keys;
    uint64_t *hashes;
    uint32_t count;
    uint32_t count_max;
    uint64_t last; /* First event of the row before; 0 = none. */
    uint64_t last_hash;
};

/* A row may go when those behind it hold as many events as are to be kept. */
static enum err_code look_at_events(void *context, struct slice key, struct slice value,
                                    struct err *err)
{
    struct event_sweep *sweep = context;
    const struct meta_row *meta = sweep->tx->meta;
    uint64_t first;

    if (!number_key_read(key, &first)) {
        return err_set(err, ERR_CORRUPT, "the key of an event row has %zu bytes", key.size);
    }
    if (sweep->last) {
        if (meta->event_seq + 1 - first < meta->events_max || sweep->count == sweep->count_max) {
            return ERR_CLOSED;
        }
        sweep->keys[sweep->count] = number_row_key(sweep->last);
        sweep->hashes[sweep->count++] = sweep->last_hash;
    }
    sweep->last = first;
    sweep->last_hash = row_hash(TABLE_EVENT, key, value);
    return ERR_NONE;
}

/* When nothing is to be kept, the last row goes too. */
static void take_last(struct event_sweep *sweep)
{
    if (sweep->last && sweep->tx->meta->events_max == 0 && sweep->count < sweep->count_max) {
        sweep->keys[sweep->count] = number_row_key(sweep->last);
        sweep->hashes[sweep->count++] = sweep->last_hash;
        sweep->last = 0;
    }
}

uint32_t purge_events(struct tx *tx, uint32_t count_max)
{
    struct meta_row *meta = tx->meta;
    struct row_key from = number_row_key(meta->event_oldest);
    struct event_sweep sweep = {.tx = tx, .count_max = count_max};
    enum err_code code;
    struct err err;

    sweep.keys = tx_array(tx, count_max, sizeof(*sweep.keys));
    sweep.hashes = tx_array(tx, count_max, sizeof(*sweep.hashes));
    if (tx_failed(tx)) {
        return 0;
    }
    code =
        tx->kv->scan(tx->kv->self, TABLE_EVENT, row_key_slice(&from), look_at_events, &sweep, &err);
    if (code != ERR_NONE && code != ERR_CLOSED) {
        (void)tx_fail(tx, code, err.text);
        return 0;
    }
    if (code == ERR_NONE) {
        take_last(&sweep);
    }
    for (uint32_t i = 0; i < sweep.count; i++) {
        tx_forget(tx, TABLE_EVENT, &sweep.keys[i], sweep.hashes[i]);
    }
    meta->event_oldest = sweep.last ? sweep.last : meta->event_seq + 1;
    if (sweep.count < count_max) {
        meta->event_cut = meta->event_seq;
    }
    return sweep.count;
}
