/* Retention: see purge.h. */
#include "core/purge.h"

#include "base/limits.h"
#include "core/job_move.h"

/* Pause between sweeps: what lingers is met once a minute at most. */
#define PURGE_PAUSE_MS 60000

/* Events over the bound that are not worth a tick. */
#define EVENTS_SLACK 1024

/* What must be known of a done job to remove it. */
struct victim {
    struct job job; /* Numbers only: its texts are gone with the scan. */
    uint64_t hash;
};

struct sweep {
    struct tx *tx;
    uint64_t ended_max;   /* Purge what ended at or before this... */
    uint64_t created_max; /* ...and stop at what was made after it. */
    struct victim *victims;
    uint32_t victim_count;
    uint32_t seen;
    uint32_t count_max;
    bool stopped;        /* By the bound. */
    bool at_the_end;     /* Of what can be old enough. */
    struct job_key next; /* Where it stopped. */
    bool lingers;        /* A job older than the bound was left. */
    struct job_key first_left;
};

static uint64_t retention_ns(const struct meta_row *meta)
{
    return meta->retention_ms > UINT64_MAX / 4 / NS_PER_MS ? UINT64_MAX / 4
                                                           : meta->retention_ms * NS_PER_MS;
}

uint64_t purge_due_ns(const struct meta_row *meta)
{
    uint64_t due = meta->purge_floor + retention_ns(meta);

    if (meta->retention_ms == 0 || meta->done_count == 0) {
        return UINT64_MAX;
    }
    return due > meta->purge_after ? due : meta->purge_after;
}

static void note_least_end(struct meta_row *meta, uint64_t at_ns)
{
    if (meta->purge_min == 0 || at_ns < meta->purge_min) {
        meta->purge_min = at_ns;
    }
}

static void leave(struct sweep *sweep, struct job_key key, uint64_t ended_ns)
{
    if (!sweep->lingers) {
        sweep->first_left = key;
    }
    sweep->lingers = true;
    note_least_end(sweep->tx->meta, ended_ns);
}

/* ERR_CLOSED ends the scan without being a failure. */
static enum err_code look(void *context, struct slice key, struct slice value, struct err *err)
{
    struct sweep *sweep = context;
    struct job job;

    if (job_row_read(key, value, sweep->tx->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    sweep->next = job.key;
    if (job.key.time_ns > sweep->created_max) {
        leave(sweep, job.key, job.key.time_ns);
        sweep->at_the_end = true;
        return ERR_CLOSED;
    }
    if (sweep->seen == sweep->count_max) {
        sweep->stopped = true;
        return ERR_CLOSED;
    }
    sweep->seen++;
    if (job.ended_at > sweep->ended_max) {
        leave(sweep, job.key, job.ended_at);
        return ERR_NONE;
    }
    sweep->victims[sweep->victim_count++] =
        (struct victim){.job = job, .hash = row_hash(TABLE_DONE, key, value)};
    return ERR_NONE;
}

/* False when the entry may not read the job's error records any more. */
static bool purge_one(struct tx *tx, struct victim *victim)
{
    struct job *job = &victim->job;
    struct row_key key = job_row_key(job->key);

    if (!job_remove_parts(tx, job)) {
        return false;
    }
    tx_forget(tx, TABLE_DONE, &key, victim->hash);
    job_count_done(tx, job, -1);
    job_event(tx, job, EVENT_PURGED, slice_of(NULL, 0));
    return true;
}

/* Sets where and when the next sweep starts, after one that went through. */
static void finish(struct tx *tx)
{
    struct meta_row *meta = tx->meta;
    uint64_t pause_ns = retention_ns(meta) / 16;

    if (pause_ns > PURGE_PAUSE_MS * NS_PER_MS) {
        pause_ns = PURGE_PAUSE_MS * NS_PER_MS;
    }
    meta->purge_floor = meta->purge_min;
    meta->purge_after = tx->now_ns + pause_ns;
    meta->purge_min = 0;
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

uint32_t purge_jobs(struct tx *tx, uint32_t count_max, uint32_t *ret_purged)
{
    struct meta_row *meta = tx->meta;
    bool first_step = meta->purge_cursor_seq == 0;
    struct job_key from = {first_step ? meta->purge_first_time : meta->purge_cursor_time,
                           first_step ? meta->purge_first_seq : meta->purge_cursor_seq};
    struct sweep sweep = {.tx = tx, .count_max = count_max, .next = from};
    bool nothing_left = meta->purge_min == 0;
    uint32_t purged = 0;

    if (tx->now_ns <= retention_ns(meta)) {
        return 0;
    }
    sweep.ended_max = tx->now_ns - retention_ns(meta);
    sweep.created_max = sweep.ended_max;
    sweep.victims = tx_array(tx, count_max, sizeof(*sweep.victims));
    if (!sweep.victims) {
        return 0;
    }
    scan(&sweep, from);
    while (purged < sweep.victim_count && purge_one(tx, &sweep.victims[purged])) {
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
        finish(tx);
    }
    *ret_purged = purged;
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
