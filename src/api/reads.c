/* Reads that are answered from core's rows. */
#include "api/api_internal.h"
#include "core/job.h"
#include "core/queue.h"
#include "wire/json.h"

void handle_job_get(struct call *call)
{
    struct job_object *job;
    struct err err;

    if (core_job_get(node_core(call->api->options.node), call->params[0], call->input->arena, &job,
                     &err)) {
        reply_error(call, &err);
        return;
    }
    reply_json(call, 200, &job_object_message, job);
}

void handle_attempts_get(struct call *call)
{
    struct job_attempts *attempts;
    struct err err;

    if (core_attempts_get(node_core(call->api->options.node), call->params[0], call->input->arena,
                          &attempts, &err)) {
        reply_error(call, &err);
        return;
    }
    reply_json(call, 200, &job_attempts_message, attempts);
}

/* What the node remembers of the queue's last minutes. */
static void add_pace(struct node *node, struct queue_object *queue)
{
    struct pace_figures pace = node_pace(node, queue->name);

    queue->has |= QUEUE_HAS_THROUGHPUT | (pace.has_waits ? QUEUE_HAS_WAITS : 0);
    queue->throughput_1m = pace.completed_1m;
    queue->wait_p50_ms = pace.wait_p50_ms;
    queue->wait_p99_ms = pace.wait_p99_ms;
}

/* Answers with an array of records. */
static void reply_list(struct call *call, const struct message *message, const struct list *list)
{
    struct buf *body = &call->api->body;

    (void)buf_add_byte(body, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        if (i > 0) {
            (void)buf_add_byte(body, ',');
        }
        json_write(message, JSON_REST, (const uint8_t *)list->items + (size_t)i * message->size,
                   body);
    }
    (void)buf_add_byte(body, ']');
    reply_read(call, 200);
}

void handle_queues_get(struct call *call)
{
    struct node *node = call->api->options.node;
    struct list queues;
    struct err err;

    if (core_queues_get(node_core(node), node_now_ns(node), call->input->arena, &queues, &err)) {
        reply_error(call, &err);
        return;
    }
    for (uint32_t i = 0; i < queues.count; i++) {
        add_pace(node, (struct queue_object *)queues.items + i);
    }
    reply_list(call, &queue_object_message, &queues);
}

void handle_queue_get(struct call *call)
{
    struct node *node = call->api->options.node;
    struct queue_object queue;
    struct err err;

    if (core_queue_get(node_core(node), call->params[0], node_now_ns(node), call->input->arena,
                       &queue, &err)) {
        reply_error(call, &err);
        return;
    }
    add_pace(node, &queue);
    reply_json(call, 200, &queue_object_message, &queue);
}

void handle_workers_get(struct call *call)
{
    struct list workers;
    struct err err;

    if (node_workers(call->api->options.node, call->input->arena, &workers, &err)) {
        reply_error(call, &err);
        return;
    }
    reply_list(call, &worker_message, &workers);
}

/* A minute of GET /metrics/throughput. */
struct minute {
    uint64_t minute; /* ns; its start. */
    uint64_t enqueued;
    uint64_t completed;
    uint64_t failed;
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    {.name = #name_,                                                                               \
     .tag = tag_,                                                                                  \
     .kind = kind_,                                                                                \
     .flags = FIELD_ALWAYS,                                                                        \
     .offset = offsetof(struct minute, name_),                                                     \
     .help = help_}

static const struct field minute_fields[] = {
    ROW(1, FIELD_TIME, minute, "its start"),
    ROW(2, FIELD_U64, enqueued, "jobs enqueued"),
    ROW(3, FIELD_U64, completed, "jobs completed"),
    ROW(4, FIELD_U64, failed, "attempts failed"),
};

#undef ROW

const struct message minute_message = {
    .name = "ThroughputMinute",
    .fields = minute_fields,
    .field_count = ARRAY_COUNT(minute_fields),
    .size = sizeof(struct minute),
};

void handle_throughput_get(struct call *call)
{
    struct pace_minute paced[PACE_MINUTES];
    struct minute minutes[PACE_MINUTES];
    struct list list = {.items = minutes, .count = PACE_MINUTES};

    node_minutes(call->api->options.node, paced);
    for (uint32_t i = 0; i < PACE_MINUTES; i++) {
        minutes[i] = (struct minute){.minute = paced[i].minute * 60 * NS_PER_SECOND,
                                     .enqueued = paced[i].enqueued,
                                     .completed = paced[i].completed,
                                     .failed = paced[i].failed};
    }
    reply_list(call, &minute_message, &list);
}
