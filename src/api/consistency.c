/* What a read wants to have been applied before it is answered (A2): parsed here, waited for by the
 * node. */
#include "api/api_internal.h"

enum err_code consistency_read(struct call *call, struct err *err)
{
    struct read_bound *bound = &call->bound;
    struct slice level = http_query_find(call->input, "consistency");
    struct slice index = http_query_find(call->input, "min_index");

    if (level.data && !slice_is(level, "local") && !slice_is(level, "linearizable")) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "consistency is local or linearizable");
    }
    bound->linearizable = slice_is(level, "linearizable");
    if (!index.data) {
        index = http_header_find(call->input, "X-Corvo-Min-Index");
    }
    if (query_number(index, "min_index", UINT64_MAX, 0, &bound->min_index, err)) {
        return err->code;
    }
    return query_number(http_query_find(call->input, "wait_ms"), "wait_ms", READ_WAIT_MS_MAX,
                        READ_WAIT_MS_DEFAULT, &bound->wait_ms, err);
}

static void go_on(void *context, const struct err *err)
{
    struct call *call = context;

    call->waiting = NULL;
    http_on_gone(call->request, NULL, NULL);
    if (err->code) {
        reply_error(call, err);
    } else {
        call->route->handle(call);
    }
}

static void client_gone(void *context)
{
    struct call *call = context;
    struct http_output nothing = {.status = 204};

    node_read_cancel(call->api->options.node, call->waiting);
    call->waiting = NULL;
    http_reply(call->request, &nothing);
}

/* What a view-backed read waits for: without a wish of its own, a moment for what is applied now.
 */
static void bind_view(struct call *call)
{
    struct read_bound *bound = &call->bound;

    bound->view = true;
    if (!bound->linearizable && bound->min_index == 0) {
        bound->soft = true;
        bound->min_index = core_mark(node_core(call->api->options.node)).index;
        bound->wait_ms = READ_VIEW_WAIT_MS;
    }
}

void consistency_wait(struct call *call)
{
    struct err err;

    if (call->route->flags & ROUTE_VIEW) {
        bind_view(call);
    }
    if (!call->bound.linearizable && call->bound.min_index == 0) {
        call->route->handle(call);
    } else if (node_read_begin(call->api->options.node, &call->bound, go_on, call, &call->waiting,
                               &err)) {
        reply_error(call, &err);
    } else if (call->waiting) {
        http_on_gone(call->request, client_gone, call);
    } else {
        call->route->handle(call);
    }
}
