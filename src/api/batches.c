/* The batch forms: lists of operations, submitted together. enqueue/batch is a unit, ack/batch is
 * not. */
#include "api/api_internal.h"
#include "core/job.h"
#include "wire/json.h"

struct enqueue_batch {
    struct list jobs; /* struct op_enqueue. */
    struct slice unsupported;
};

struct enqueue_batch_reply {
    struct list job_ids; /* struct slice. */
    struct slice batch_id;
    struct list results; /* struct op_enqueue_reply. */
};

struct ack_batch {
    struct list acks; /* struct op_ack. */
};

struct ack_result {
    struct slice job_id;
    struct slice status;
    uint32_t state;
    struct slice code;
    struct slice error;
};

struct ack_batch_reply {
    uint32_t acked;
    struct list results; /* struct ack_result. */
};

static const struct field enqueue_batch_fields[] = {
    {.name = "jobs",
     .kind = FIELD_MESSAGE,
     .flags = FIELD_LIST | FIELD_REQUIRED,
     .tag = 1,
     .offset = offsetof(struct enqueue_batch, jobs),
     .count_max = ENQUEUE_BATCH_MAX,
     .sub = &op_enqueue_message,
     .help = "what POST /enqueue takes, each"},
    {.name = "batch",
     .kind = FIELD_JSON,
     .flags = FIELD_UNSUPPORTED,
     .offset = offsetof(struct enqueue_batch, unsupported),
     .help = "a batch with a callback"},
};
const struct message enqueue_batch_message = {.name = "EnqueueBatchRequest",
                                              .fields = enqueue_batch_fields,
                                              .field_count = ARRAY_COUNT(enqueue_batch_fields),
                                              .size = sizeof(struct enqueue_batch)};

static const struct field enqueue_batch_reply_fields[] = {
    {.name = "job_ids",
     .kind = FIELD_TEXT,
     .flags = FIELD_LIST | FIELD_ALWAYS,
     .tag = 1,
     .offset = offsetof(struct enqueue_batch_reply, job_ids),
     .help = "in the order of the request"},
    {.name = "batch_id",
     .kind = FIELD_TEXT,
     .flags = FIELD_ALWAYS,
     .tag = 2,
     .offset = offsetof(struct enqueue_batch_reply, batch_id),
     .help = "empty without a batch"},
    {.name = "results",
     .kind = FIELD_MESSAGE,
     .flags = FIELD_LIST | FIELD_ALWAYS,
     .tag = 3,
     .offset = offsetof(struct enqueue_batch_reply, results),
     .sub = &op_enqueue_reply_message,
     .help = "what POST /enqueue answers, each"},
};
const struct message enqueue_batch_reply_message = {.name = "EnqueueBatchResponse",
                                                    .fields = enqueue_batch_reply_fields,
                                                    .field_count =
                                                        ARRAY_COUNT(enqueue_batch_reply_fields),
                                                    .size = sizeof(struct enqueue_batch_reply)};

static const struct field ack_batch_fields[] = {
    {.name = "acks",
     .kind = FIELD_MESSAGE,
     .flags = FIELD_LIST | FIELD_REQUIRED,
     .tag = 1,
     .offset = offsetof(struct ack_batch, acks),
     .count_max = ACK_BATCH_MAX,
     .sub = &op_ack_message,
     .help = "what POST /ack takes, each with job_id"},
};
const struct message ack_batch_message = {.name = "AckBatchRequest",
                                          .fields = ack_batch_fields,
                                          .field_count = ARRAY_COUNT(ack_batch_fields),
                                          .size = sizeof(struct ack_batch)};

static const struct field ack_result_fields[] = {
    {.name = "job_id",
     .kind = FIELD_TEXT,
     .flags = FIELD_ALWAYS,
     .tag = 1,
     .offset = offsetof(struct ack_result, job_id),
     .help = "the job"},
    {.name = "status",
     .kind = FIELD_TEXT,
     .flags = FIELD_ALWAYS,
     .tag = 2,
     .offset = offsetof(struct ack_result, status),
     .help = "ok or error"},
    {.name = "state",
     .kind = FIELD_ENUM,
     .tag = 3,
     .offset = offsetof(struct ack_result, state),
     .words = &job_state_words,
     .help = "the job's state, when ok"},
    {.name = "code",
     .kind = FIELD_TEXT,
     .tag = 4,
     .offset = offsetof(struct ack_result, code),
     .help = "why not"},
    {.name = "error",
     .kind = FIELD_TEXT,
     .tag = 5,
     .offset = offsetof(struct ack_result, error),
     .help = "why not, for people"},
};
static const struct message ack_result_message = {.name = "AckResult",
                                                  .fields = ack_result_fields,
                                                  .field_count = ARRAY_COUNT(ack_result_fields),
                                                  .size = sizeof(struct ack_result)};

static const struct field ack_batch_reply_fields[] = {
    {.name = "acked",
     .kind = FIELD_U32,
     .flags = FIELD_ALWAYS,
     .tag = 1,
     .offset = offsetof(struct ack_batch_reply, acked),
     .help = "items with status ok"},
    {.name = "results",
     .kind = FIELD_MESSAGE,
     .flags = FIELD_LIST | FIELD_ALWAYS,
     .tag = 2,
     .offset = offsetof(struct ack_batch_reply, results),
     .sub = &ack_result_message,
     .help = "one for each item, in order"},
};
const struct message ack_batch_reply_message = {.name = "AckBatchResponse",
                                                .fields = ack_batch_reply_fields,
                                                .field_count = ARRAY_COUNT(ack_batch_reply_fields),
                                                .size = sizeof(struct ack_batch_reply)};

/* Submits count operations whose requests stand one behind the other. */
static void submit_list(struct call *call, const struct op_spec *spec, const struct list *list,
                        bool unit, node_done done)
{
    struct node_op *ops = arena_array(call->input->arena, list->count, sizeof(*ops));
    struct err err;

    if (!ops) {
        (void)err_set(&err, ERR_NOMEM, "no memory for the request");
        reply_error(call, &err);
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        ops[i] = (struct node_op){
            .spec = spec, .request = (uint8_t *)list->items + (size_t)i * spec->request->size};
    }
    call->head.list = !unit;
    if (!call_submit(call, ops, list->count, unit, done, &err)) {
        return;
    }
    if (unit && err.code == ERR_TOO_LARGE) {
        err.reply = REPLY_BATCH_TOO_LARGE;
    }
    reply_error(call, &err);
}

/* Reads the body; false when it was answered with an error. */
static bool read_batch(struct call *call, const struct message *message)
{
    struct err err;

    call->record = record_create(call, message, &err);
    if (!call->record || body_read(call, message, call->record, &err)) {
        reply_error(call, &err);
        return false;
    }
    return true;
}

/* --- enqueue/batch -------------------------------------------------------------------------------
 */

static void write_enqueued(struct call *call, const struct node_reply *reply)
{
    struct enqueue_batch_reply answer = {0};
    struct slice *ids = arena_array(call->input->arena, reply->count, sizeof(*ids));
    struct op_enqueue_reply *results =
        arena_array(call->input->arena, reply->count, sizeof(*results));
    struct err err;

    if (!ids || !results) {
        (void)err_set(&err, ERR_NOMEM, "no memory for the reply; the jobs are enqueued");
        reply_error(call, &err);
        return;
    }
    for (uint32_t i = 0; i < reply->count; i++) {
        results[i] = *(const struct op_enqueue_reply *)reply->results[i].reply;
        ids[i] = results[i].job_id;
    }
    answer.job_ids = (struct list){.items = ids, .count = reply->count};
    answer.results = (struct list){.items = results, .count = reply->count};
    json_write(&enqueue_batch_reply_message, JSON_REST, &answer, &call->api->body);
    reply_receipt(call, call->route->status, reply);
}

static void enqueue_batch_done(void *context, const struct node_reply *reply)
{
    struct call *call = context;

    if (reply->err.code) {
        reply_error(call, &reply->err);
        return;
    }
    /* All or nothing: the operation that failed says why. */
    for (uint32_t i = 0; i < reply->count; i++) {
        struct err err = reply->results[i].err;

        if (err.code && !reply->results[i].of_unit) {
            (void)err_prefix(&err, "jobs[%u]", i);
            reply_error(call, &err);
            return;
        }
    }
    write_enqueued(call, reply);
}

void handle_enqueue_batch(struct call *call)
{
    const struct enqueue_batch *batch;
    struct err err;

    if (!read_batch(call, &enqueue_batch_message)) {
        return;
    }
    batch = call->record;
    for (uint32_t i = 0; i < batch->jobs.count; i++) {
        const struct op_enqueue *job = (const struct op_enqueue *)batch->jobs.items + i;

        if (!payload_fits(call->api, job->payload, &err)) {
            (void)err_prefix(&err, "jobs[%u]", i);
            reply_error(call, &err);
            return;
        }
    }
    submit_list(call, op_find_name("enqueue"), &batch->jobs, true, enqueue_batch_done);
}

/* --- ack/batch -----------------------------------------------------------------------------------
 */

static struct ack_result ack_result_of(const struct op_ack *ack, const struct op_result *result)
{
    struct ack_result item = {.job_id = ack->job_id, .status = slice_text("ok")};

    if (result->err.code) {
        item.status = slice_text("error");
        item.code = slice_text(reply_row(reply_for_err(&result->err))->name);
        item.error = slice_text(result->err.text);
    } else {
        item.state = ((const struct op_ack_reply *)result->reply)->state;
    }
    return item;
}

static void ack_batch_done(void *context, const struct node_reply *reply)
{
    struct call *call = context;
    const struct ack_batch *batch = call->record;
    struct ack_batch_reply answer = {0};
    struct ack_result *items;
    struct err err = reply->err;

    items = arena_array(call->input->arena, reply->count, sizeof(*items));
    if (!err.code && !items) {
        (void)err_set(&err, ERR_NOMEM, "no memory for the reply; the acks are done");
    }
    if (err.code) {
        reply_error(call, &err);
        return;
    }
    for (uint32_t i = 0; i < reply->count; i++) {
        items[i] = ack_result_of((const struct op_ack *)batch->acks.items + i, &reply->results[i]);
        answer.acked += !reply->results[i].err.code;
    }
    answer.results = (struct list){.items = items, .count = reply->count};
    json_write(&ack_batch_reply_message, JSON_REST, &answer, &call->api->body);
    reply_receipt(call, call->route->status, reply);
}

void handle_ack_batch(struct call *call)
{
    const struct ack_batch *batch;
    struct err err;

    if (!read_batch(call, &ack_batch_message)) {
        return;
    }
    batch = call->record;
    for (uint32_t i = 0; i < batch->acks.count; i++) {
        struct op_ack *ack = (struct op_ack *)batch->acks.items + i;

        ack->require_token = call->api->options.require_lease_token;
        if (ack->job_id.size == 0) {
            (void)err_reply(&err, REPLY_VALIDATION_ERROR, "acks[%u].job_id is required", i);
            reply_error(call, &err);
            return;
        }
    }
    submit_list(call, op_find_name("ack"), &batch->acks, false, ack_batch_done);
}
