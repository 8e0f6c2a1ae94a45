/* Is the core what its rows say? For tests and verify: nothing here runs while serving. */
#include "core/core_state.h"
#include "core/kept.h"
#include "core/unique.h"

/* Terminal jobs are not indexed: their counts live in the queue rows. */
struct done_counts {
    struct core *core;
    struct arena arena;
    uint64_t total;
    uint64_t gone;
    uint64_t *completed; /* By queue number. */
    uint64_t *dead;
    uint64_t *cancelled;
};

static enum err_code count_done(void *context, struct slice key, struct slice value,
                                struct err *err)
{
    struct done_counts *counts = context;
    struct arena none;
    struct job job;

    arena_init(&none, 0);
    if (job_row_read(key, value, &none, &job, err) != ERR_NONE) {
        return err->code;
    }
    if (!job_state_is_terminal((enum job_state)job.state) || job.queue == 0 ||
        job.queue > counts->core->index.queue_count || index_find(&counts->core->index, job.key)) {
        return err_set(err, ERR_CORRUPT, "a done job is %s in queue %u",
                       job_state_name((enum job_state)job.state), job.queue);
    }
    counts->total++;
    if (job_is_gone(&index_queue(&counts->core->index, job.queue)->row, &job)) {
        counts->gone++;
        return ERR_NONE;
    }
    if (job.state == JOB_COMPLETED) {
        counts->completed[job.queue]++;
    } else if (job.state == JOB_DEAD) {
        counts->dead[job.queue]++;
    } else {
        counts->cancelled[job.queue]++;
    }
    return ERR_NONE;
}

static enum err_code compare_counts(const struct done_counts *counts, struct err *err)
{
    const struct core *core = counts->core;

    if (counts->total != core->meta.done_count || counts->gone != core->meta.gone_count) {
        return err_set(err, ERR_CORRUPT, "%llu jobs are done, %llu of them gone, not %llu and %llu",
                       (unsigned long long)counts->total, (unsigned long long)counts->gone,
                       (unsigned long long)core->meta.done_count,
                       (unsigned long long)core->meta.gone_count);
    }
    for (uint32_t i = 1; i <= core->index.queue_count; i++) {
        const struct queue_row *row = &index_queue(&core->index, i)->row;

        if (row->completed != counts->completed[i] || row->dead != counts->dead[i] ||
            row->cancelled != counts->cancelled[i]) {
            return err_set(err, ERR_CORRUPT, "queue %u counts its done jobs wrongly", i);
        }
    }
    return ERR_NONE;
}

static enum err_code check_done(struct core *core, struct err *err)
{
    struct done_counts counts = {.core = core};
    uint32_t room = core->index.queue_count + 1;

    arena_init(&counts.arena, SIZE_MAX);
    counts.completed = arena_array(&counts.arena, room, sizeof(uint64_t));
    counts.dead = arena_array(&counts.arena, room, sizeof(uint64_t));
    counts.cancelled = arena_array(&counts.arena, room, sizeof(uint64_t));
    err->code = ERR_NONE;
    if (!counts.completed || !counts.dead || !counts.cancelled) {
        (void)err_set(err, ERR_NOMEM, "no memory for the check");
    } else if (core->kv->scan(core->kv->self, TABLE_DONE, slice_of(NULL, 0), count_done, &counts,
                              err) == ERR_NONE) {
        (void)compare_counts(&counts, err);
    }
    arena_done(&counts.arena);
    return err->code;
}

static enum err_code check_index(struct core *core, struct err *err)
{
    struct meta_row meta;
    uint64_t meta_hash;
    struct index other;

    index_init(&other);
    if (core_load(core->kv, &other, &meta, &meta_hash, err) == ERR_NONE &&
        index_compare(&core->index, &other, err) == ERR_NONE && meta_hash != core->meta_hash) {
        (void)err_set(err, ERR_CORRUPT, "the meta row is not the one that was written last");
    }
    index_done(&other);
    return err->code;
}

/* Outcomes of keyed requests and the rows of their ages. */
struct kept_counts {
    const struct meta_row *meta;
    struct arena arena;
    uint64_t records;
    uint64_t ages;
};

static enum err_code count_kept(void *context, struct slice key, struct slice value,
                                struct err *err)
{
    struct kept_counts *counts = context;
    const struct meta_row *meta = counts->meta;
    struct kept_age age;
    uint64_t seq;

    arena_clear(&counts->arena);
    if (key.size > 1 && key.data[0] == 0) {
        counts->records++;
        return ERR_NONE;
    }
    if (!number_key_read(slice_from(key, 1), &seq) ||
        protobuf_read(&kept_age_message, value, &counts->arena, &age, err) != ERR_NONE ||
        seq < meta->kept_oldest || seq > meta->kept_seq || age.at_ns < meta->kept_oldest_at) {
        return err_set(err, ERR_CORRUPT, "a kept outcome has no place in the order of their ages");
    }
    counts->ages++;
    return ERR_NONE;
}

static enum err_code check_kept(struct core *core, struct err *err)
{
    struct kept_counts counts = {.meta = &core->meta};

    err->code = ERR_NONE;
    arena_init(&counts.arena, SIZE_MAX);
    if (core->kv->scan(core->kv->self, TABLE_KEPT, slice_of(NULL, 0), count_kept, &counts, err) ==
            ERR_NONE &&
        (counts.records != core->meta.kept_count || counts.ages != counts.records)) {
        (void)err_set(err, ERR_CORRUPT, "%llu outcomes are kept, not %llu",
                      (unsigned long long)counts.records,
                      (unsigned long long)core->meta.kept_count);
    }
    arena_done(&counts.arena);
    return err->code;
}

/* --- Unique keys: each lock names a job that may hold it, each job that holds a key is named -----
 */

struct lock_check {
    struct core *core;
    struct arena arena;
};

static enum err_code get(struct lock_check *check, enum table table, const struct row_key *key,
                         struct slice *ret_value, struct err *err)
{
    struct kv *kv = check->core->kv;

    return kv->get(kv->self, (uint8_t)table, row_key_slice(key), &check->arena, ret_value, err);
}

static enum err_code check_lock(void *context, struct slice key, struct slice value,
                                struct err *err)
{
    struct lock_check *check = context;
    struct row_key row;
    struct row_key lock;
    struct job_key named;
    struct job job;

    arena_clear(&check->arena);
    if (!unique_lock_read(value, &check->arena, &named)) {
        return err_set(err, ERR_CORRUPT, "the lock of a unique key does not decode");
    }
    row = job_row_key(named);
    if (get(check, index_find(&check->core->index, named) ? TABLE_JOB : TABLE_DONE, &row, &value,
            err) != ERR_NONE) {
        return err->code;
    }
    if (!value.data) {
        return err_set(err, ERR_CORRUPT, "a lock names a job that is not stored");
    }
    if (job_row_read(row_key_slice(&row), value, &check->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    lock = lock_row_key(job.queue, job.unique.key);
    if (job.unique.ends_at == 0 || !slice_equal(row_key_slice(&lock), key)) {
        return err_set(err, ERR_CORRUPT, "a lock names a job that does not hold its key");
    }
    return ERR_NONE;
}

static enum err_code check_holder(void *context, struct slice key, struct slice value,
                                  struct err *err)
{
    struct lock_check *check = context;
    const struct core *core = check->core;
    struct job_key named = {0};
    struct row_key lock;
    struct job job;

    arena_clear(&check->arena);
    if (job_row_read(key, value, &check->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    if (job.unique.ends_at <= core->meta.now_ns ||
        job_is_gone(&index_queue(&core->index, job.queue)->row, &job)) {
        return ERR_NONE;
    }
    lock = lock_row_key(job.queue, job.unique.key);
    if (get(check, TABLE_LOCK, &lock, &value, err) != ERR_NONE) {
        return err->code;
    }
    if (!value.data || !unique_lock_read(value, &check->arena, &named) ||
        named.time_ns != job.key.time_ns || named.seq != job.key.seq) {
        return err_set(err, ERR_CORRUPT, "a job holds a unique key that has no lock of it");
    }
    return ERR_NONE;
}

static enum err_code check_locks(struct core *core, struct err *err)
{
    struct lock_check check = {.core = core};
    struct slice all = slice_of(NULL, 0);
    struct kv *kv = core->kv;

    arena_init(&check.arena, SIZE_MAX);
    err->code = ERR_NONE;
    if (kv->scan(kv->self, TABLE_LOCK, all, check_lock, &check, err) == ERR_NONE &&
        kv->scan(kv->self, TABLE_JOB, all, check_holder, &check, err) == ERR_NONE) {
        (void)kv->scan(kv->self, TABLE_DONE, all, check_holder, &check, err);
    }
    arena_done(&check.arena);
    return err->code;
}

/* --- Retention of single jobs: each row names a done job, each job that is to have a row has one -
 */

struct purge_check {
    struct core *core;
    struct arena arena;
    uint64_t rows;
    uint64_t jobs;
};

static enum err_code count_purge_row(void *context, struct slice key, struct slice value,
                                     struct err *err)
{
    struct purge_check *check = context;
    const struct core *core = check->core;
    struct row_key row;
    struct job_key named;
    struct job job;
    uint64_t at_ns;

    arena_clear(&check->arena);
    check->rows++;
    if (!purge_key_read(key, &at_ns, &named) || core->meta.purge_own_due == 0 ||
        at_ns < core->meta.purge_own_due) {
        return err_set(err, ERR_CORRUPT, "a purge row is due before the first one");
    }
    row = job_row_key(named);
    if (core->kv->get(core->kv->self, TABLE_DONE, row_key_slice(&row), &check->arena, &value,
                      err) != ERR_NONE) {
        return err->code;
    }
    if (!value.data ||
        job_row_read(row_key_slice(&row), value, &check->arena, &job, err) != ERR_NONE ||
        job.purge_at != at_ns) {
        return err_set(err, ERR_CORRUPT, "a purge row names a job that goes at another time");
    }
    return ERR_NONE;
}

static enum err_code count_purge_job(void *context, struct slice key, struct slice value,
                                     struct err *err)
{
    struct purge_check *check = context;
    struct job job;

    arena_clear(&check->arena);
    if (job_row_read(key, value, &check->arena, &job, err) != ERR_NONE) {
        return err->code;
    }
    check->jobs += job.purge_at != 0;
    return ERR_NONE;
}

static enum err_code check_purge(struct core *core, struct err *err)
{
    struct purge_check check = {.core = core};
    struct slice all = slice_of(NULL, 0);
    struct kv *kv = core->kv;

    arena_init(&check.arena, SIZE_MAX);
    err->code = ERR_NONE;
    if (kv->scan(kv->self, TABLE_PURGE, all, count_purge_row, &check, err) == ERR_NONE &&
        kv->scan(kv->self, TABLE_DONE, all, count_purge_job, &check, err) == ERR_NONE &&
        check.rows != check.jobs) {
        (void)err_set(err, ERR_CORRUPT, "%llu jobs have a purge row, not %llu",
                      (unsigned long long)check.rows, (unsigned long long)check.jobs);
    }
    arena_done(&check.arena);
    return err->code;
}

enum err_code core_check(struct core *core, struct err *err)
{
    if (check_index(core, err) != ERR_NONE || check_done(core, err) != ERR_NONE ||
        check_kept(core, err) != ERR_NONE || check_locks(core, err) != ERR_NONE) {
        return err->code;
    }
    return check_purge(core, err);
}

struct hash_scan {
    enum table table;
    uint64_t sum;
};

static enum err_code add_hash(void *context, struct slice key, struct slice value, struct err *err)
{
    struct hash_scan *scan = context;

    (void)err;
    scan->sum += row_hash(scan->table, key, value);
    return ERR_NONE;
}

enum err_code core_hash_scan(struct core *core, uint64_t *ret_hash, struct err *err)
{
    struct hash_scan scan = {0};

    for (uint32_t i = 0; i < TABLE_COUNT; i++) {
        scan.table = (enum table)i;
        if (core->kv->scan(core->kv->self, (uint8_t)i, slice_of(NULL, 0), add_hash, &scan, err) !=
            ERR_NONE) {
            return err->code;
        }
    }
    *ret_hash = scan.sum;
    return ERR_NONE;
}
