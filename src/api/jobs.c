/* Reads of jobs that are more than their rows: why one is not running, and many at once. */
#include "api/api_internal.h"
#include "core/job.h"
#include "core/why.h"
#include "wire/json.h"

#include <stdlib.h>

/* So long a reading works in one turn of the loop. */
#define READ_SLICE_NS (2 * NS_PER_MS)

/* --- GET /jobs/{id}/why -------------------------------------------------------------------------
 */

/* That nobody asks for the queue is known to the node alone. */
static void add_no_worker(struct node *node, struct why *why)
{
    struct node_attendance attendance = node_attendance(node, why->queue);
    struct why_gate gate = {.gate = WHY_NO_WORKER,
                            .text = slice_text(attendance.unknown && !attendance.asked_at_ns
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

/* A reading under way. It goes on in later turns of the loop when it takes long, so that a thousand
 * large jobs do not hold up everybody else; of several the first goes on. */
struct bulk_read {
    struct bulk_read *next_read, *previous_read;
    struct call *call;
    const struct bulk_get *request;
    struct buf body;
    struct arena arena; /* For one job only: a thousand may be more than a request's memory. */
    uint32_t next;
    bool first;
    uv_idle_t idle;
};

/* Writes one job, unless there is none. */
static enum err_code write_job(struct bulk_read *read, struct slice id, struct err *err)
{
    struct core *core = node_core(read->call->api->options.node);
    struct job_object *job;
    enum err_code code;

    arena_clear(&read->arena);
    code = core_job_get(core, id, &read->arena, &job, err);
    if (code == ERR_NOT_FOUND) {
        return ERR_NONE;
    }
    if (code != ERR_NONE) {
        return code;
    }
    (void)buf_add_text(&read->body, read->first ? "" : ",");
    read->first = false;
    json_write(&job_object_message, JSON_REST, job, &read->body);
    if (read->body.failed) {
        return err_reply(err, REPLY_BATCH_TOO_LARGE,
                         "these jobs have more than %zu bytes: ask for fewer at once",
                         (size_t)BULK_GET_SIZE_MAX);
    }
    return ERR_NONE;
}

/* Reads for a while; false when it is not through yet. *ret_code is that of a failure. */
static bool read_some(struct bulk_read *read, enum err_code *ret_code, struct err *err)
{
    const struct slice *ids = read->request->job_ids.items;
    uint64_t until_ns = uv_hrtime() + READ_SLICE_NS;

    *ret_code = ERR_NONE;
    while (read->next < read->request->job_ids.count) {
        *ret_code = write_job(read, ids[read->next++], err);
        if (*ret_code) {
            return true;
        }
        if (uv_hrtime() >= until_ns) {
            return read->next == read->request->job_ids.count;
        }
    }
    return true;
}

static void on_idle_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void line_up(struct api *api, struct bulk_read *read)
{
    read->previous_read = api->bulk_last;
    if (api->bulk_last) {
        api->bulk_last->next_read = read;
    } else {
        api->bulk_first = read;
    }
    api->bulk_last = read;
    api->bulk_reads++;
}

static void step_out(struct api *api, struct bulk_read *read)
{
    if (read->previous_read) {
        read->previous_read->next_read = read->next_read;
    } else {
        api->bulk_first = read->next_read;
    }
    if (read->next_read) {
        read->next_read->previous_read = read->previous_read;
    } else {
        api->bulk_last = read->previous_read;
    }
    api->bulk_reads--;
}

static void end_read(struct api *api, struct bulk_read *read)
{
    step_out(api, read);
    buf_done(&read->body);
    arena_done(&read->arena);
    read->idle.data = read;
    uv_close((uv_handle_t *)&read->idle, on_idle_closed);
}

/* The call is gone with its answer. The bodies are exchanged, not copied. */
static void answer_read(struct bulk_read *read, const struct err *err)
{
    struct call *call = read->call;
    struct api *api = call->api;
    struct buf body = api->body;

    if (err->code) {
        reply_error(call, err);
    } else {
        api->body = read->body;
        api->body.size_max = body.size_max;
        read->body = body;
        (void)buf_add_text(&api->body, "]}");
        reply_read(call, 200);
    }
    end_read(api, read);
}

static void on_idle(uv_idle_t *idle)
{
    struct bulk_read *read = idle->data;
    struct err err = {0};
    enum err_code code;

    if (read == read->call->api->bulk_first && read_some(read, &code, &err)) {
        err.code = code;
        http_on_gone(read->call->request, NULL, NULL);
        answer_read(read, &err);
    }
}

static void on_gone(void *context)
{
    struct bulk_read *read = context;
    struct api *api = read->call->api;
    struct http_output nothing = {.status = 204};

    http_reply(read->call->request, &nothing);
    end_read(api, read);
}

static struct bulk_read *begin_read(struct call *call, struct err *err)
{
    struct bulk_read *read;

    if (call->api->bulk_reads >= BULK_READS_MAX) {
        (void)err_set(err, ERR_BUSY, "%d such readings are under way", BULK_READS_MAX);
        return NULL;
    }
    read = calloc(1, sizeof(*read));
    if (!read) {
        (void)err_set(err, ERR_NOMEM, "no memory for the request");
        return NULL;
    }
    read->call = call;
    read->request = call->record;
    read->first = true;
    buf_init(&read->body, BULK_GET_SIZE_MAX);
    arena_init(&read->arena, REQUEST_ARENA_MAX);
    (void)uv_idle_init(node_loop(call->api->options.node), &read->idle);
    read->idle.data = read;
    line_up(call->api, read);
    return read;
}

void handle_bulk_get(struct call *call)
{
    struct bulk_read *read;
    enum err_code code;
    struct err err = {0};

    call->record = record_create(call, &bulk_get_message, &err);
    if (!call->record || body_read(call, &bulk_get_message, call->record, &err)) {
        reply_error(call, &err);
        return;
    }
    read = begin_read(call, &err);
    if (!read) {
        reply_error(call, &err);
        return;
    }
    (void)buf_add_text(&read->body, "{\"jobs\":[");
    if (read == call->api->bulk_first && read_some(read, &code, &err)) {
        err.code = code;
        answer_read(read, &err);
        return;
    }
    http_on_gone(call->request, on_gone, read);
    (void)uv_idle_start(&read->idle, on_idle);
}
