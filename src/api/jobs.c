/* Reads of jobs that are more than their rows: why one is not running, and many at once. */
#include "api/api_internal.h"
#include "core/job.h"
#include "core/why.h"
#include "wire/json.h"

/* --- GET /jobs/{id}/why -------------------------------------------------------------------------
 */

/* That nobody asks for the queue is known to the node alone. */
static void add_no_worker(struct node *node, struct why *why)
{
    struct node_attendance attendance = node_attendance(node, why->queue);
    struct why_gate gate = {.gate = WHY_NO_WORKER,
                            .text = slice_text(attendance.unknown
                                                   ? "no worker asked since this node leads"
                                                   : "no worker asks for its queue"),
                            .queue = why->queue,
                            .last_seen = attendance.asked_at_ns,
                            .unknown = attendance.unknown};
    enum job_state state = (enum job_state)why->state;

    if (!attendance.present && state != JOB_ACTIVE && !job_state_is_terminal(state)) {
        why_add_gate(why, &gate);
    }
}

void handle_why_get(struct call *call)
{
    struct node *node = call->api->options.node;
    struct why *why;
    struct err err;

    if (core_why(node_core(node), call->params[0], node_now_ns(node), call->input->arena, &why,
                 &err)) {
        reply_error(call, &err);
        return;
    }
    add_no_worker(node, why);
    why_sum_up(why, node_pace(node, why->queue).starts_1000s);
    reply_json(call, 200, &why_message, why);
}

/* --- POST /jobs/bulk-get ------------------------------------------------------------------------
 */

struct bulk_get {
    struct list job_ids; /* struct slice. */
};

struct bulk_get_reply {
    struct list jobs; /* struct job_object. */
};

static const struct field bulk_get_fields[] = {
    {
        .name = "job_ids",
        .kind = FIELD_TEXT,
        .flags = FIELD_LIST,
        .tag = 1,
        .offset = offsetof(struct bulk_get, job_ids),
        .max = JOB_ID_MAX,
        .count_max = BULK_GET_MAX,
        .help = "which jobs",
    },
};

const struct message bulk_get_message = {
    .name = "BulkGetRequest",
    .fields = bulk_get_fields,
    .field_count = ARRAY_COUNT(bulk_get_fields),
    .size = sizeof(struct bulk_get),
};

static const struct field bulk_get_reply_fields[] = {
    {
        .name = "jobs",
        .kind = FIELD_MESSAGE,
        .flags = FIELD_LIST | FIELD_ALWAYS,
        .tag = 1,
        .offset = offsetof(struct bulk_get_reply, jobs),
        .sub = &job_object_message,
        .help = "those that exist, in the order of the request",
    },
};

const struct message bulk_get_reply_message = {
    .name = "BulkGetResponse",
    .fields = bulk_get_reply_fields,
    .field_count = ARRAY_COUNT(bulk_get_reply_fields),
    .size = sizeof(struct bulk_get_reply),
};

/* Writes one job, unless there is none. The arena is for one job only: a thousand of them may be
 * more than a request's memory. */
static enum err_code write_job(struct call *call, struct slice id, struct arena *arena, bool *first,
                               struct err *err)
{
    struct buf *body = &call->api->body;
    struct job_object *job;
    enum err_code code;

    arena_clear(arena);
    code = core_job_get(node_core(call->api->options.node), id, arena, &job, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_NONE;
    }
    if (code != ERR_NONE) {
        return code;
    }
    (void)buf_add_text(body, *first ? "" : ",");
    *first = false;
    json_write(&job_object_message, JSON_REST, job, body);
    if (body->failed || body->size > BULK_GET_SIZE_MAX) {
        return err_reply(err, REPLY_BATCH_TOO_LARGE,
                         "these jobs have more than %zu bytes: ask for fewer at once",
                         (size_t)BULK_GET_SIZE_MAX);
    }
    return ERR_NONE;
}

static enum err_code write_jobs(struct call *call, const struct bulk_get *request, struct err *err)
{
    struct buf *body = &call->api->body;
    const struct slice *ids = request->job_ids.items;
    enum err_code code = ERR_NONE;
    struct arena arena;
    bool first = true;

    arena_init(&arena, REQUEST_ARENA_MAX);
    (void)buf_add_text(body, "{\"jobs\":[");
    for (uint32_t i = 0; i < request->job_ids.count && code == ERR_NONE; i++) {
        code = write_job(call, ids[i], &arena, &first, err);
    }
    (void)buf_add_text(body, "]}");
    arena_done(&arena);
    return code;
}

void handle_bulk_get(struct call *call)
{
    struct err err;

    call->record = record_create(call, &bulk_get_message, &err);
    if (!call->record || body_read(call, &bulk_get_message, call->record, &err) ||
        write_jobs(call, call->record, &err)) {
        reply_error(call, &err);
        return;
    }
    reply_read(call, 200);
}
