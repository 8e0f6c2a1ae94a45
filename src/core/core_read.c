/* Reads for GET: jobs and queues as the API shows them. Nothing here changes anything. */
#include "base/limits.h"
#include "base/reply.h"
#include "core/core_state.h"
#include "core/job_read.h"
#include "core/queue.h"

#include <stdlib.h>

struct read {
    struct core *core;
    struct arena *arena;
    struct err *err;
};

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the answer needs more memory than a request may use");
}

static enum err_code get(const struct read *read, enum table table, const struct row_key *key,
                         struct slice *ret_value)
{
    struct kv *kv = read->core->kv;

    return kv->get(kv->self, (uint8_t)table, row_key_slice(key), read->arena, ret_value, read->err);
}

static enum err_code read_job(const struct read *read, struct job_key key, struct job *ret_job)
{
    enum table table = index_find(&read->core->index, key) ? TABLE_JOB : TABLE_DONE;
    struct row_key row = job_row_key(key);
    struct slice value;

    if (get(read, table, &row, &value) != ERR_NONE) {
        return read->err->code;
    }
    if (!value.data) {
        return err_set(read->err, ERR_NOT_FOUND, "no such job");
    }
    if (job_row_read(row_key_slice(&row), value, read->arena, ret_job, read->err) != ERR_NONE) {
        return read->err->code;
    }
    if (ret_job->queue == 0 || ret_job->queue > read->core->index.queue_count) {
        return err_set(read->err, ERR_CORRUPT, "a job's row has queue %u of %u", ret_job->queue,
                       read->core->index.queue_count);
    }
    if (job_is_gone(&index_queue(&read->core->index, ret_job->queue)->row, ret_job)) {
        return err_set(read->err, ERR_NOT_FOUND, "no such job");
    }
    return ERR_NONE;
}

enum err_code core_job_find(struct core *core, struct slice job_id, struct arena *arena,
                            struct job *ret_job, struct err *err)
{
    struct read read = {core, arena, err};
    struct job_key key;

    if (!job_id_parse(job_id, &key)) {
        return err_set(err, ERR_NOT_FOUND, "no such job");
    }
    return read_job(&read, key, ret_job);
}

enum err_code core_job_get(struct core *core, struct slice job_id, struct arena *arena,
                           struct job_object **ret_job, struct err *err)
{
    struct job_rows rows = {.self = core->kv->self, .get = core->kv->get, .arena = arena};
    struct job_object *object = arena_alloc(arena, sizeof(*object));
    struct job job;

    if (!object) {
        return no_memory(err);
    }
    if (core_job_find(core, job_id, arena, &job, err) != ERR_NONE ||
        job_read_object(&rows, &job, index_queue(&core->index, job.queue)->row.name, object, err) !=
            ERR_NONE ||
        job_read_errors(&rows, &job, object, err) != ERR_NONE) {
        return err->code;
    }
    *ret_job = object;
    return ERR_NONE;
}

enum err_code core_attempts_get(struct core *core, struct slice job_id, struct arena *arena,
                                struct job_attempts **ret_attempts, struct err *err)
{
    struct job_rows rows = {.self = core->kv->self, .get = core->kv->get, .arena = arena};
    struct job_attempts *attempts = arena_alloc(arena, sizeof(*attempts));
    struct job job;

    if (!attempts) {
        return no_memory(err);
    }
    if (core_job_find(core, job_id, arena, &job, err) != ERR_NONE ||
        job_read_attempts(&rows, &job, attempts, err) != ERR_NONE) {
        return err->code;
    }
    *ret_attempts = attempts;
    return ERR_NONE;
}

/* Since when the longest pending job is pending; the first of each priority is a candidate. */
static enum err_code read_oldest(const struct read *read, const struct queue *queue,
                                 uint64_t *ret_oldest)
{
    uint64_t oldest = 0;

    for (uint32_t i = 0; i < JOB_PRIORITY_COUNT; i++) {
        const struct index_job *first =
            index_first_of(&read->core->index, queue, (enum index_list)i);
        struct job job;

        if (!first) {
            continue;
        }
        if (read_job(read, (struct job_key){first->time_ns, first->seq}, &job) != ERR_NONE) {
            return read->err->code;
        }
        if (oldest == 0 || job.ready_at < oldest) {
            oldest = job.ready_at;
        }
    }
    *ret_oldest = oldest;
    return ERR_NONE;
}

static enum err_code show_retention(const struct read *read, const struct queue_row *row,
                                    const struct queue_retention **ret_retention)
{
    struct queue_retention *own = NULL;

    if (row->has & RETENTION_BITS) {
        own = arena_alloc(read->arena, sizeof(*own));
        if (!own) {
            return no_memory(read->err);
        }
        *own = (struct queue_retention){row->has & RETENTION_BITS, row->retention};
    }
    *ret_retention = own;
    return ERR_NONE;
}

static enum err_code show_queue(const struct read *read, const struct queue *queue, uint64_t now_ns,
                                struct queue_object *ret_object)
{
    const uint64_t *counts = queue->jobs.counts;
    const struct queue_retention *retention = NULL;
    uint64_t oldest;

    if (read_oldest(read, queue, &oldest) != ERR_NONE ||
        show_retention(read, &queue->row, &retention) != ERR_NONE) {
        return read->err->code;
    }
    *ret_object = (struct queue_object){
        .name = queue->row.name,
        .paused = queue->row.paused,
        .created_at = queue->row.created_at,
        .pending = counts[JOB_PENDING],
        .active = counts[JOB_ACTIVE],
        .held = counts[JOB_HELD],
        .completed = queue->row.completed,
        .dead = queue->row.dead,
        .scheduled = counts[JOB_SCHEDULED],
        .retrying = counts[JOB_RETRYING],
        .cancelled = queue->row.cancelled,
        .enqueued = queue_count(queue),
        .failed = queue->row.failed_total,
        .ready = counts[JOB_PENDING],
        .oldest_pending_at = oldest,
        .has = oldest ? QUEUE_HAS_OLDEST_AGE : 0,
        .oldest_ready_age_ms = oldest && now_ns > oldest ? (now_ns - oldest) / NS_PER_MS : 0,
        .enqueued_total = queue->row.enqueued_total,
        .completed_total = queue->row.completed_total,
        .failed_total = queue->row.failed_total,
        .draining = queue->row.draining_at != 0,
        .drained = queue->row.drained,
        .max_concurrency = queue->row.max_concurrency,
        .rate_limit = queue->row.rate_limit,
        .rate_window_ms = queue->row.rate_limit ? queue->row.rate_window_ms : 0,
        .retention = retention,
        .require_lease_token = queue->row.require_lease_token,
        .default_lease = queue->row.default_lease_ms,
    };
    return ERR_NONE;
}

static int compare_names(const void *a, const void *b)
{
    const struct queue *const *left = a;
    const struct queue *const *right = b;

    return slice_compare((*left)->row.name, (*right)->row.name);
}

enum err_code core_queue_get(struct core *core, struct slice name, uint64_t now_ns,
                             struct arena *arena, struct queue_object *ret_queue, struct err *err)
{
    struct read read = {core, arena, err};
    const struct queue *queue = index_queue_find(&core->index, name);

    if (!queue || queue->row.destroyed) {
        return err_reply(err, REPLY_NOT_FOUND, "no queue '%.*s'",
                         (int)(name.size < 100 ? name.size : 100), (const char *)name.data);
    }
    return show_queue(&read, queue, now_ns, ret_queue);
}

enum err_code core_queues_get(struct core *core, uint64_t now_ns, struct arena *arena,
                              struct list *ret_queues, struct err *err)
{
    struct read read = {core, arena, err};
    uint32_t number_max = core->index.queue_count;
    const struct queue **sorted = arena_array(arena, number_max, sizeof(*sorted));
    struct queue_object *objects = arena_array(arena, number_max, sizeof(*objects));
    uint32_t count = 0;

    if (!sorted || !objects) {
        return no_memory(err);
    }
    for (uint32_t i = 1; i <= number_max; i++) {
        if (!index_queue(&core->index, i)->row.destroyed) {
            sorted[count++] = index_queue(&core->index, i);
        }
    }
    if (count > 1) {
        qsort(sorted, count, sizeof(*sorted), compare_names);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (show_queue(&read, sorted[i], now_ns, &objects[i]) != ERR_NONE) {
            return err->code;
        }
    }
    *ret_queues = (struct list){.items = objects, .count = count};
    return ERR_NONE;
}
