/* Reads for GET: jobs and queues as the API shows them. Nothing here changes anything. */
#include "base/limits.h"
#include "core/core_state.h"
#include "core/job_move.h"
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
    return job_row_read(row_key_slice(&row), value, read->arena, ret_job, read->err);
}

static enum err_code read_payload(const struct read *read, const struct job *job,
                                  struct job_object *object)
{
    struct row_key key = job_row_key(job->key);

    object->payload = slice_text("{}");
    if (job->payload_hash == 0) {
        return ERR_NONE;
    }
    if (get(read, TABLE_PAYLOAD, &key, &object->payload) != ERR_NONE) {
        return read->err->code;
    }
    return object->payload.data ? ERR_NONE
                                : err_set(read->err, ERR_CORRUPT, "a job's payload is missing");
}

static enum err_code read_more(const struct read *read, const struct job *job,
                               struct job_object *object)
{
    struct row_key key = job_row_key(job->key);
    struct job_more more;
    struct slice value;

    if (job->more_hash == 0) {
        return ERR_NONE;
    }
    if (get(read, TABLE_MORE, &key, &value) != ERR_NONE) {
        return read->err->code;
    }
    if (!value.data ||
        protobuf_read(&job_more_message, value, read->arena, &more, read->err) != ERR_NONE) {
        return err_set(read->err, ERR_CORRUPT, "a job's tags and checkpoint do not decode");
    }
    object->tags = more.tags;
    object->progress = more.progress;
    object->checkpoint = more.checkpoint;
    object->traceparent = more.traceparent;
    return ERR_NONE;
}

static enum err_code read_error(const struct read *read, const struct job *job, uint32_t id,
                                struct job_error *ret_error)
{
    struct row_key key = job_part_key(job->key, id);
    struct error_row row;
    struct slice value;

    if (get(read, TABLE_ERROR, &key, &value) != ERR_NONE) {
        return read->err->code;
    }
    if (!error_row_read(value, read->arena, &row)) {
        return err_set(read->err, ERR_CORRUPT, "an error record is missing or does not decode");
    }
    *ret_error = (struct job_error){
        .id = id,
        .job_id = job_id_text(job->key, read->arena),
        .attempt = row.attempt,
        .error = row.error,
        .backtrace = row.backtrace,
        .kind = row.kind,
        .created_at = row.created_at,
    };
    return ret_error->job_id.data ? ERR_NONE : no_memory(read->err);
}

static enum err_code read_errors(const struct read *read, const struct job *job,
                                 struct job_object *object)
{
    uint32_t count = job->error_count < ERROR_RECORDS_MAX ? job->error_count : ERROR_RECORDS_MAX;
    struct job_error *errors = arena_array(read->arena, count, sizeof(*errors));

    if (!errors) {
        return no_memory(read->err);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = job->error_count - count + 1 + i;

        if (read_error(read, job, id, &errors[i]) != ERR_NONE) {
            return read->err->code;
        }
    }
    object->errors = (struct list){.items = errors, .count = count};
    return ERR_NONE;
}

static void show(const struct core *core, const struct job *job, struct job_object *object)
{
    object->queue = index_queue(&core->index, job->queue)->row.name;
    object->state = job->state;
    object->priority = job->priority;
    object->attempt = job->attempt;
    object->max_retries = job->max_retries;
    object->retry_backoff = job->backoff;
    object->retry_base_delay_ms = job->base_delay_ms;
    object->retry_max_delay_ms = job->max_delay_ms;
    object->worker_id = job->worker_id;
    object->hostname = job->hostname;
    object->result = job->result;
    object->lease_expires_at = job->lease_at;
    object->scheduled_at = job->run_at;
    object->expire_at = job->expire_at;
    object->created_at = job->key.time_ns;
    object->started_at = job->started_at;
    object->completed_at = job->completed_at;
    object->failed_at = job->failed_at;
}

enum err_code core_job_get(struct core *core, struct slice job_id, struct arena *arena,
                           struct job_object **ret_job, struct err *err)
{
    struct read read = {core, arena, err};
    struct job_object *object = arena_alloc(arena, sizeof(*object));
    struct job_key key;
    struct job job;

    if (!job_id_parse(job_id, &key)) {
        return err_set(err, ERR_NOT_FOUND, "no such job");
    }
    if (!object) {
        return no_memory(err);
    }
    if (read_job(&read, key, &job) != ERR_NONE) {
        return err->code;
    }
    show(core, &job, object);
    object->id = job_id_text(job.key, arena);
    if (!object->id.data) {
        return no_memory(err);
    }
    if (read_payload(&read, &job, object) != ERR_NONE ||
        read_more(&read, &job, object) != ERR_NONE ||
        read_errors(&read, &job, object) != ERR_NONE) {
        return err->code;
    }
    *ret_job = object;
    return ERR_NONE;
}

/* Since when the longest pending job is pending; the first of each priority is a candidate. */
static enum err_code read_oldest(const struct read *read, const struct queue *queue,
                                 uint64_t *ret_oldest)
{
    uint64_t oldest = 0;

    for (uint32_t i = 0; i < JOB_PRIORITY_COUNT; i++) {
        const struct index_job *first = index_first_of(&read->core->index, queue, i);
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

static uint64_t count_all(const struct queue *queue)
{
    uint64_t all = queue->row.completed + queue->row.dead + queue->row.cancelled;

    for (uint32_t i = 0; i < JOB_STATE_COUNT; i++) {
        all += queue->counts[i];
    }
    return all;
}

static enum err_code show_queue(const struct read *read, const struct queue *queue, uint64_t now_ns,
                                struct queue_object *ret_object)
{
    const uint64_t *counts = queue->counts;
    uint64_t oldest;

    if (read_oldest(read, queue, &oldest) != ERR_NONE) {
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
        .enqueued = count_all(queue),
        .failed = queue->row.failed_total,
        .ready = counts[JOB_PENDING],
        .oldest_pending_at = oldest,
        .has = oldest ? 1 : 0,
        .oldest_ready_age_ms = oldest && now_ns > oldest ? (now_ns - oldest) / NS_PER_MS : 0,
        .enqueued_total = queue->row.enqueued_total,
        .completed_total = queue->row.completed_total,
        .failed_total = queue->row.failed_total,
    };
    return ERR_NONE;
}

static int compare_names(const void *a, const void *b)
{
    const struct queue *const *left = a;
    const struct queue *const *right = b;

    return slice_compare((*left)->row.name, (*right)->row.name);
}

enum err_code core_queues_get(struct core *core, uint64_t now_ns, struct arena *arena,
                              struct list *ret_queues, struct err *err)
{
    struct read read = {core, arena, err};
    uint32_t count = core->index.queue_count;
    const struct queue **sorted = arena_array(arena, count, sizeof(*sorted));
    struct queue_object *objects = arena_array(arena, count, sizeof(*objects));

    if (!sorted || !objects) {
        return no_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = index_queue(&core->index, i + 1);
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
