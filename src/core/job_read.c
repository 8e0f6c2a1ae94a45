/* A job's rows to what the API shows: see job_read.h. */
#include "core/job_read.h"

#include "base/limits.h"
#include "core/job_move.h"

static enum err_code no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the answer needs more memory than a request may use");
}

enum err_code job_rows_get(const struct job_rows *rows, enum table table, const struct row_key *key,
                           struct slice *ret_value, struct err *err)
{
    return rows->get(rows->self, (uint8_t)table, row_key_slice(key), rows->arena, ret_value, err);
}

enum err_code job_read_payload(const struct job_rows *rows, const struct job *job,
                               struct slice *ret_payload, struct err *err)
{
    struct row_key key = job_row_key(job->key);

    *ret_payload = slice_text("{}");
    if (job->payload_hash == 0) {
        return ERR_NONE;
    }
    if (job_rows_get(rows, TABLE_PAYLOAD, &key, ret_payload, err) != ERR_NONE) {
        return err->code;
    }
    return ret_payload->data ? ERR_NONE : err_set(err, ERR_CORRUPT, "a job's payload is missing");
}

enum err_code job_read_more(const struct job_rows *rows, const struct job *job,
                            struct job_more *ret_more, struct err *err)
{
    struct row_key key = job_row_key(job->key);
    struct slice value;

    *ret_more = (struct job_more){0};
    if (job->more_hash == 0) {
        return ERR_NONE;
    }
    if (job_rows_get(rows, TABLE_MORE, &key, &value, err) != ERR_NONE) {
        return err->code;
    }
    if (!value.data ||
        protobuf_read(&job_more_message, value, rows->arena, ret_more, err) != ERR_NONE) {
        return err_set(err, ERR_CORRUPT, "a job's tags and checkpoint do not decode");
    }
    return ERR_NONE;
}

uint32_t job_first_error(const struct job *job)
{
    return job->error_count > ERROR_RECORDS_MAX ? job->error_count - ERROR_RECORDS_MAX + 1 : 1;
}

enum err_code job_read_error(const struct job_rows *rows, const struct job *job, uint32_t id,
                             struct error_row *ret_error, struct err *err)
{
    struct row_key key = job_part_key(job->key, id);
    struct slice value;

    if (job_rows_get(rows, TABLE_ERROR, &key, &value, err) != ERR_NONE) {
        return err->code;
    }
    if (!error_row_read(value, rows->arena, ret_error)) {
        return err_set(err, ERR_CORRUPT, "an error record is missing or does not decode");
    }
    return ERR_NONE;
}

enum err_code job_read_errors(const struct job_rows *rows, const struct job *job,
                              struct job_object *object, struct err *err)
{
    uint32_t first = job_first_error(job);
    uint32_t count = job->error_count + 1 - first;
    struct job_error *errors = arena_array(rows->arena, count, sizeof(*errors));

    if (!errors) {
        return no_memory(err);
    }
    object->errors = (struct list){.items = errors};
    for (uint32_t i = 0; i < count; i++) {
        struct error_row row;

        if (job_read_error(rows, job, first + i, &row, err) != ERR_NONE) {
            return err->code;
        }
        if (!error_row_is_error(&row)) {
            continue;
        }
        errors[object->errors.count++] = (struct job_error){
            .id = first + i,
            .job_id = object->id,
            .attempt = row.attempt,
            .error = row.error,
            .backtrace = row.backtrace,
            .kind = row.kind,
            .created_at = row.created_at,
        };
    }
    return ERR_NONE;
}

static void show_attempt(const struct error_row *row, struct job_attempt *ret_attempt)
{
    uint64_t ended_at = row->created_at;

    *ret_attempt = (struct job_attempt){
        .attempt = row->attempt,
        .started_at = row->started_at,
        .ended_at = ended_at,
        .outcome = row->outcome,
        .worker_id = row->worker_id,
        .hostname = row->hostname,
        .error = row->error,
        .backtrace = row->backtrace,
        .has = ended_at ? 1 : 0,
        .duration_ms = ended_at ? (ended_at - row->started_at) / NS_PER_MS : 0,
    };
}

enum err_code job_read_attempts(const struct job_rows *rows, const struct job *job,
                                struct job_attempts *ret_attempts, struct err *err)
{
    uint32_t first = job_first_error(job);
    size_t room = job->error_count + 2 - first;
    struct job_attempt *attempts = arena_array(rows->arena, room, sizeof(*attempts));
    struct error_row row;

    if (!attempts) {
        return no_memory(err);
    }
    ret_attempts->attempts = (struct list){.items = attempts};
    for (uint32_t id = first; id <= job->error_count; id++) {
        if (job_read_error(rows, job, id, &row, err) != ERR_NONE) {
            return err->code;
        }
        if (row.outcome) {
            show_attempt(&row, &attempts[ret_attempts->attempts.count++]);
        }
    }
    if (job_last_attempt(job, &row)) {
        show_attempt(&row, &attempts[ret_attempts->attempts.count++]);
    }
    return ERR_NONE;
}

static void show(const struct job *job, struct job_object *object)
{
    object->state = job->state;
    object->priority = job->priority;
    object->attempt = job->attempt;
    object->max_retries = job->max_retries;
    object->retry_backoff = job->backoff;
    object->retry_base_delay_ms = job->base_delay_ms;
    object->retry_max_delay_ms = job->max_delay_ms;
    if (job_shows_worker(job)) {
        object->worker_id = job->worker_id;
        object->hostname = job->hostname;
    }
    object->lease_expires_at = job->lease_at;
    object->scheduled_at = job->run_at;
    object->expire_at = job->expire_at;
    object->created_at = job->key.time_ns;
    object->started_at = job->started_at;
    object->completed_at = job->completed_at;
    object->failed_at = job->failed_at;
    object->revision = job->revision;
    object->unique_key = job->unique.key;
    object->unique_until = job->unique.until;
    object->has = job->own_retention ? 1 : 0;
    object->retention = job->retention_ms;
}

static enum err_code show_hold(const struct job_rows *rows, const struct job *job,
                               struct job_object *object, struct err *err)
{
    struct job_hold_object *hold;

    if (job->state != JOB_HELD) {
        return ERR_NONE;
    }
    hold = arena_alloc(rows->arena, sizeof(*hold));
    if (!hold) {
        return no_memory(err);
    }
    *hold = (struct job_hold_object){job->hold.kind, job->hold.reason, job->hold.by, job->hold.at};
    object->hold = hold;
    object->hold_reason = job->hold.reason;
    return ERR_NONE;
}

static enum err_code show_more(const struct job_rows *rows, const struct job *job,
                               struct job_object *object, struct err *err)
{
    struct job_feedback *feedback;
    struct job_more more;

    if (job_read_more(rows, job, &more, err) != ERR_NONE) {
        return err->code;
    }
    object->tags = more.tags;
    object->progress = more.progress;
    object->checkpoint = more.checkpoint;
    object->traceparent = more.traceparent;
    object->result = job->result.size ? job->result : more.result;
    if (more.feedback_at == 0) {
        return ERR_NONE;
    }
    feedback = arena_alloc(rows->arena, sizeof(*feedback));
    if (!feedback) {
        return no_memory(err);
    }
    *feedback = job_feedback_of(job, &more);
    object->feedback = feedback;
    return ERR_NONE;
}

enum err_code job_read_object(const struct job_rows *rows, const struct job *job,
                              struct slice queue, struct job_object *ret_object, struct err *err)
{
    struct job_object object = {.id = job_id_text(job->key, rows->arena), .queue = queue};

    if (!object.id.data) {
        return no_memory(err);
    }
    show(job, &object);
    if (job_read_payload(rows, job, &object.payload, err) != ERR_NONE ||
        show_more(rows, job, &object, err) != ERR_NONE ||
        show_hold(rows, job, &object, err) != ERR_NONE) {
        return err->code;
    }
    *ret_object = object;
    return ERR_NONE;
}
