/* fetch and fetch/batch: the same operation, waited for. */
#include "api/api_internal.h"
#include "core/queue.h"
#include "wire/json.h"

#include <string.h>

/* An empty poll is answered a little early: clients and proxies time out at the poll time itself.
 */
#define POLL_EARLY_MS 500

static bool is_batch(const struct call *call)
{
    return call->route->reply == NULL;
}

static uint64_t poll_ms(const struct op_fetch *fetch)
{
    uint64_t poll = POLL_MS_DEFAULT;

    if (fetch->has & (UINT64_C(1) << (OP_FETCH_HAS_WAIT_MS - 1))) {
        return fetch->wait_ms > 0 ? (uint64_t)fetch->wait_ms : 0;
    }
    if (fetch->timeout > 0) {
        poll = (uint64_t)fetch->timeout * 1000;
    }
    if (poll > POLL_MS_MAX) {
        poll = POLL_MS_MAX;
    }
    return poll - POLL_EARLY_MS;
}

static void fetch_done(void *context, const struct node_reply *reply)
{
    struct call *call = context;
    const struct op_result *result = reply->results;
    const struct op_fetch_reply *fetched;

    call->waiter = NULL;
    if (reply->err.code || result->err.code) {
        reply_error(call, reply->err.code ? &reply->err : &result->err);
        return;
    }
    fetched = result->reply;
    if (is_batch(call)) {
        json_write(&op_fetch_reply_message, JSON_REST, fetched, &call->api->body);
    } else if (fetched->jobs.count > 0) {
        json_write(&op_fetch_job_message, JSON_REST, fetched->jobs.items, &call->api->body);
    } else {
        reply_read(call, 204);
        return;
    }
    if (reply->index) {
        reply_receipt(call, 200, reply);
    } else {
        reply_read(call, 200);
    }
}

/* The client closed its side. A claim in flight is waited for: if it still reads, it gets the jobs.
 */
static void client_gone(void *context)
{
    struct call *call = context;
    struct http_output nothing = {.status = 204};

    if (call->waiter && node_fetch_cancel(call->api->options.node, call->waiter)) {
        call->waiter = NULL;
        http_reply(call->request, &nothing);
    }
}

/* A fetch that waits is not an operation yet, so its names are checked here. */
static enum err_code check_queues(const struct op_fetch *fetch, struct err *err)
{
    const struct slice *names = fetch->queues.items;

    for (uint32_t i = 0; i < fetch->queues.count; i++) {
        if (queue_name_check(names[i], err)) {
            return err->code;
        }
    }
    return ERR_NONE;
}

void handle_fetch(struct call *call)
{
    struct op_fetch *fetch;
    struct err err;

    fetch = call->record = record_create(call, &op_fetch_message, &err);
    if (!fetch || body_read(call, &op_fetch_message, fetch, &err) || check_queues(fetch, &err)) {
        reply_error(call, &err);
        return;
    }
    if (!is_batch(call)) {
        fetch->count = 1;
    }
    fetch->count = fetch->count < 1 ? 1 : fetch->count;
    fetch->count = fetch->count > FETCH_COUNT_MAX ? FETCH_COUNT_MAX : fetch->count;
    http_on_gone(call->request, client_gone, call);
    if (node_fetch(call->api->options.node, &call->head, fetch, poll_ms(fetch), fetch_done, call,
                   &call->waiter, &err)) {
        reply_error(call, &err);
    }
}
