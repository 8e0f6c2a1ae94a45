/* Routes that are one operation: body and path into its request, its reply out. */
#include "api/api_internal.h"
#include "core/job.h"
#include "wire/json.h"

#include <string.h>

static const struct field *find_field(const struct message *message, struct slice name)
{
    for (uint32_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].kind == FIELD_TEXT && slice_is(name, message->fields[i].name)) {
            return &message->fields[i];
        }
    }
    return NULL;
}

/* Puts the path's parameters into the request's fields of the same name. */
static void set_params(struct call *call, const struct message *message, void *record)
{
    const char *at = call->route->path;

    for (uint32_t i = 0; i < ROUTE_PARAMS_MAX && (at = strchr(at, '{')); i++) {
        const char *end = strchr(at, '}');
        const struct field *field = find_field(message, slice_of(at + 1, (size_t)(end - at - 1)));

        assert(field);
        memcpy((uint8_t *)record + field->offset, &call->params[i], sizeof(struct slice));
        at = end;
    }
}

static uint16_t status_of(const struct call *call, const struct op_result *result)
{
    const struct op_enqueue_reply *reply;

    if (call->route->handle != handle_enqueue) {
        return call->route->status;
    }
    reply = result->reply;
    return reply->unique_existing ? 200 : 201;
}

static void submitted(void *context, const struct node_reply *reply)
{
    struct call *call = context;

    call->again = reply->again;
    call->done(call, reply);
}

enum err_code call_submit(struct call *call, const struct node_op *ops, uint32_t count, bool unit,
                          node_done done, struct err *err)
{
    call->done = done;
    return node_submit(call->api->options.node, &call->head, ops, count, unit, submitted, call,
                       err);
}

static void operation_done(void *context, const struct node_reply *reply)
{
    struct call *call = context;
    const struct op_result *result = reply->results;

    if (reply->err.code || result->err.code) {
        reply_error(call, reply->err.code ? &reply->err : &result->err);
        return;
    }
    json_write(result->spec->reply, JSON_REST, result->reply, &call->api->body);
    reply_receipt(call, status_of(call, result), reply);
}

static void submit(struct call *call, const struct op_spec *spec)
{
    struct node_op op = {.spec = spec, .request = call->record};
    struct err err;

    if (message_check(spec->request, call->record, &err) ||
        call_submit(call, &op, 1, false, operation_done, &err)) {
        reply_error(call, &err);
    }
}

/* Reads the request of the route's operation; NULL when it was answered with an error. */
static const struct op_spec *read_operation(struct call *call)
{
    const struct op_spec *spec = op_find_name(call->route->op);
    struct err err;

    call->record = record_create(call, spec->request, &err);
    if (!call->record || body_read(call, spec->request, call->record, &err)) {
        reply_error(call, &err);
        return NULL;
    }
    set_params(call, spec->request, call->record);
    return spec;
}

void handle_operation(struct call *call)
{
    const struct op_spec *spec = read_operation(call);

    if (spec) {
        submit(call, spec);
    }
}

void handle_enqueue(struct call *call)
{
    const struct op_spec *spec = read_operation(call);
    struct err err;

    if (!spec) {
        return;
    }
    if (!payload_fits(call->api, ((struct op_enqueue *)call->record)->payload, &err)) {
        reply_error(call, &err);
        return;
    }
    submit(call, spec);
}

void handle_reject(struct call *call)
{
    const struct op_spec *spec = read_operation(call);

    if (spec) {
        ((struct op_reject *)call->record)->payload_max = call->api->options.max_payload_size;
        submit(call, spec);
    }
}

/* The header carries the token when the body has none (A3). */
static void take_token(struct call *call, struct slice *token)
{
    struct slice header = http_header_find(call->input, "X-Corvo-Lease-Token");

    if (token->size == 0 && header.data) {
        *token = header;
    }
}

void handle_ack(struct call *call)
{
    const struct op_spec *spec = read_operation(call);

    if (spec) {
        take_token(call, &((struct op_ack *)call->record)->lease_token);
        ((struct op_ack *)call->record)->require_token = call->api->options.require_lease_token;
        submit(call, spec);
    }
}

void handle_fail(struct call *call)
{
    const struct op_spec *spec = read_operation(call);

    if (spec) {
        take_token(call, &((struct op_fail *)call->record)->lease_token);
        ((struct op_fail *)call->record)->require_token = call->api->options.require_lease_token;
        submit(call, spec);
    }
}

void handle_heartbeat(struct call *call)
{
    const struct op_spec *spec = read_operation(call);

    if (spec) {
        ((struct op_heartbeat *)call->record)->require_token =
            call->api->options.require_lease_token;
        submit(call, spec);
    }
}
