/* GET /cluster/events: the events that are stored, page by page (reference 3.12, A14). */
#include "api/metrics.h"
#include "core/event_read.h"
#include "wire/json.h"

#include <inttypes.h>

struct events_reply {
    struct list events; /* struct event_object. */
    uint64_t oldest_seq;
    uint64_t last_seq;
};

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct events_reply, name_),    \
    .help = help_

static const struct field fields[] = {
    {ROW(1, FIELD_MESSAGE, events, "in the order of their numbers"),
     .flags = FIELD_LIST | FIELD_ALWAYS, .sub = &event_object_message},
    {ROW(2, FIELD_U64, oldest_seq, "the first event that is stored"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_U64, last_seq, "the last event so far"), .flags = FIELD_ALWAYS},
};

#undef ROW

const struct message events_reply_message = {
    .name = "EventsResponse",
    .fields = fields,
    .field_count = ARRAY_COUNT(fields),
    .size = sizeof(struct events_reply),
};

/* 410, with where one could go on. */
static void reply_gone(struct call *call, uint64_t after_seq, uint64_t oldest_seq)
{
    struct buf *body = &call->api->body;
    struct err err;

    (void)err_reply(&err, REPLY_EVENTS_GONE,
                    "the events behind %" PRIu64 " are gone: the oldest is %" PRIu64, after_seq,
                    oldest_seq);
    error_body(body, &err, 0);
    body->size--; /* The closing brace. */
    (void)buf_printf(body, ",\"oldest_seq\":%" PRIu64 "}", oldest_seq);
    reply_read(call, reply_row(REPLY_EVENTS_GONE)->status);
}

static enum err_code read_query(const struct call *call, uint64_t *ret_after, uint64_t *ret_limit,
                                struct err *err)
{
    struct slice limit = http_query_find(call->input, "limit");

    if (query_number(http_query_find(call->input, "after_seq"), "after_seq", UINT64_MAX - 1, 0,
                     ret_after, err) ||
        query_number(limit, "limit", UINT32_MAX, EVENTS_PAGE_DEFAULT, ret_limit, err)) {
        return err->code;
    }
    if (*ret_limit == 0) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "limit must be at least 1");
    }
    *ret_limit = *ret_limit < EVENTS_PAGE_MAX ? *ret_limit : EVENTS_PAGE_MAX;
    return ERR_NONE;
}

void handle_events_get(struct call *call)
{
    struct core *core = node_core(call->api->options.node);
    struct events_reply reply;
    struct event_page page;
    uint64_t after, limit;
    struct err err;

    if (!core_keeps_events(core)) {
        (void)err_reply(&err, REPLY_UNSUPPORTED, "this server keeps no events: lifecycle-events");
        reply_error(call, &err);
        return;
    }
    if (read_query(call, &after, &limit, &err) ||
        core_events_get(core, after + 1, (uint32_t)limit, call->input->arena, &page, &err)) {
        reply_error(call, &err);
        return;
    }
    if (after > 0 && after + 1 < page.oldest_seq) {
        reply_gone(call, after, page.oldest_seq);
        return;
    }
    reply = (struct events_reply){page.events, page.oldest_seq, page.last_seq};
    reply_json(call, 200, &events_reply_message, &reply);
}
