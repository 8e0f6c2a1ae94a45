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

void handle_queues_get(struct call *call)
{
    struct node *node = call->api->options.node;
    struct buf *body = &call->api->body;
    struct list queues;
    struct err err;

    if (core_queues_get(node_core(node), node_now_ns(node), call->input->arena, &queues, &err)) {
        reply_error(call, &err);
        return;
    }
    (void)buf_add_byte(body, '[');
    for (uint32_t i = 0; i < queues.count; i++) {
        if (i > 0) {
            (void)buf_add_byte(body, ',');
        }
        json_write(&queue_object_message, JSON_REST, (const struct queue_object *)queues.items + i,
                   body);
    }
    (void)buf_add_byte(body, ']');
    reply_read(call, 200);
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
    reply_json(call, 200, &queue_object_message, &queue);
}
