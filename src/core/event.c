/* The names and rows of events: see event.h. */
#include "core/event.h"

static const char *const type_names[EVENT_TYPE_COUNT] = {
    [EVENT_ENQUEUED] = "enqueued",
    [EVENT_STARTED] = "started",
    [EVENT_PROGRESS] = "progress",
    [EVENT_COMPLETED] = "completed",
    [EVENT_FAILED] = "failed",
    [EVENT_RETRYING] = "retrying",
    [EVENT_DEAD] = "dead",
    [EVENT_CANCELLED] = "cancelled",
    [EVENT_PROMOTED] = "promoted",
    [EVENT_RECLAIMED] = "reclaimed",
    [EVENT_EXPIRED] = "expired",
    [EVENT_PURGED] = "purged",
    [EVENT_QUEUE_PAUSED] = "queue.paused",
    [EVENT_QUEUE_RESUMED] = "queue.resumed",
    [EVENT_RETRIED] = "retried",
    [EVENT_DELETED] = "deleted",
    [EVENT_MOVED] = "moved",
    [EVENT_HELD] = "held",
    [EVENT_APPROVED] = "approved",
    [EVENT_REJECTED] = "rejected",
    [EVENT_REVISED] = "revised",
    [EVENT_PRIORITY_CHANGED] = "priority_changed",
    [EVENT_QUEUE_DRAINING] = "queue.draining",
    [EVENT_QUEUE_DRAINED] = "queue.drained",
    [EVENT_QUEUE_CLEARED] = "queue.cleared",
    [EVENT_QUEUE_DELETED] = "queue.deleted",
    [EVENT_QUEUE_CONFIG] = "queue.config",
};

const struct words event_type_words = {.names = type_names, .count = EVENT_TYPE_COUNT};

#define ROW(tag_, kind_, name_)                                                                    \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct event, name_)

static const struct field event_fields[] = {
    {ROW(1, FIELD_ENUM, type), .words = &event_type_words},
    {ROW(2, FIELD_BYTES, job)},
    {ROW(3, FIELD_U32, queue)},
    {ROW(4, FIELD_U32, job_seq)},
    {ROW(5, FIELD_U32, attempt)},
    {ROW(6, FIELD_U32, state)},
    {ROW(7, FIELD_JSON, data)},
};

#undef ROW

const struct message event_message = {
    .name = "EventRow",
    .fields = event_fields,
    .field_count = ARRAY_COUNT(event_fields),
    .size = sizeof(struct event),
};

static const struct field pack_fields[] = {
    {
        .name = "at_ns",
        .tag = 1,
        .kind = FIELD_TIME,
        .offset = offsetof(struct event_pack, at_ns),
    },
    {
        .name = "events",
        .tag = 2,
        .kind = FIELD_MESSAGE,
        .flags = FIELD_LIST,
        .offset = offsetof(struct event_pack, events),
        .sub = &event_message,
    },
};

const struct message event_pack_message = {
    .name = "EventPackRow",
    .fields = pack_fields,
    .field_count = ARRAY_COUNT(pack_fields),
    .size = sizeof(struct event_pack),
};
