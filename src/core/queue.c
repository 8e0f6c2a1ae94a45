/* Queues as the API shows them, and their names: see queue.h. */
#include "core/queue.h"

#include "base/limits.h"
#include "base/reply.h"

#define ROW(tag_, kind_, name_, help_)                                                             \
    .name = #name_, .tag = tag_, .kind = kind_, .offset = offsetof(struct queue_object, name_),    \
    .help = help_
#define COUNT(tag_, name_, help_) {ROW(tag_, FIELD_U64, name_, help_), .flags = FIELD_ALWAYS}

#define KEPT(tag_, name_, bit_)                                                                    \
    {.name = #name_,                                                                               \
     .kind = FIELD_DURATION,                                                                       \
     .tag = tag_,                                                                                  \
     .bit = RETENTION_HAS_##bit_,                                                                  \
     .offset = offsetof(struct queue_retention, keep.name_##_ms),                                  \
     .help = "how long " #name_ " jobs are kept; absent: as the server says"}

static const struct field retention_fields[] = {
    KEPT(1, completed, COMPLETED),
    KEPT(2, dead, DEAD),
    KEPT(3, cancelled, CANCELLED),
};

#undef KEPT

static const struct message queue_retention_message = {
    .name = "QueueRetention",
    .fields = retention_fields,
    .field_count = ARRAY_COUNT(retention_fields),
    .size = sizeof(struct queue_retention),
    .has_offset = offsetof(struct queue_retention, has),
};

static const struct field queue_fields[] = {
    {ROW(1, FIELD_TEXT, name, "the queue"), .flags = FIELD_ALWAYS},
    {ROW(2, FIELD_BOOL, paused, "hands out nothing"), .flags = FIELD_ALWAYS},
    {ROW(3, FIELD_TIME, created_at, "when it was first named"), .flags = FIELD_ALWAYS},
    COUNT(4, pending, "jobs pending"),
    COUNT(5, active, "jobs active"),
    COUNT(6, held, "jobs held"),
    COUNT(7, completed, "jobs completed that are kept"),
    COUNT(8, dead, "jobs dead that are kept"),
    COUNT(9, scheduled, "jobs scheduled"),
    COUNT(10, retrying, "jobs that wait for their next attempt"),
    COUNT(11, cancelled, "jobs cancelled that are kept"),
    COUNT(12, enqueued, "jobs in any state that are kept"),
    COUNT(13, failed, "failed attempts ever"),
    COUNT(14, ready, "pending jobs that could be handed out"),
    COUNT(15, blocked, "pending jobs that wait for others"),
    {ROW(16, FIELD_TIME, oldest_pending_at, "since when the oldest is pending")},
    {ROW(17, FIELD_U64, oldest_ready_age_ms, "how long the oldest is ready"), .bit = 1},
    COUNT(18, enqueued_total, "jobs enqueued ever"),
    COUNT(19, completed_total, "jobs completed ever"),
    COUNT(20, failed_total, "failed attempts ever"),
    {ROW(21, FIELD_BOOL, draining, "paused, to run dry"), .flags = FIELD_ALWAYS},
    {ROW(22, FIELD_BOOL, drained, "it did: nothing is active"), .flags = FIELD_ALWAYS},
    {ROW(23, FIELD_U32, max_concurrency, "jobs active at most; absent: no limit")},
    {ROW(24, FIELD_U32, rate_limit, "jobs handed out at most in any window; absent: no limit")},
    {ROW(25, FIELD_U64, rate_window_ms, "length of the window")},
    {ROW(30, FIELD_MESSAGE, retention, "set for this queue; absent: nothing is"),
     .sub = &queue_retention_message},
    {ROW(31, FIELD_BOOL, require_lease_token, "acks and fails without one are refused")},
    {ROW(32, FIELD_DURATION, default_lease, "of a fetch that asks for none; absent: 60s")},
    {ROW(40, FIELD_U64, throughput_1m, "jobs completed within the last minute"), .bit = 2},
    {ROW(41, FIELD_U64, wait_p50_ms, "half of those started lately were ready for less"), .bit = 3},
    {ROW(42, FIELD_U64, wait_p99_ms, "99 of 100 were ready for less"), .bit = 3},
};

#undef ROW
#undef COUNT

const struct message queue_object_message = {
    .name = "Queue",
    .fields = queue_fields,
    .field_count = ARRAY_COUNT(queue_fields),
    .size = sizeof(struct queue_object),
    .has_offset = offsetof(struct queue_object, has),
};

/* C0, DEL and, in UTF-8, C1 (c2 80 .. c2 9f). */
static bool is_control(struct slice name, size_t at)
{
    uint8_t byte = name.data[at];

    if (byte < 0x20 || byte == 0x7f) {
        return true;
    }
    return byte == 0xc2 && at + 1 < name.size && name.data[at + 1] >= 0x80 &&
           name.data[at + 1] <= 0x9f;
}

enum err_code queue_name_check(struct slice name, struct err *err)
{
    if (name.size == 0) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "queue is required");
    }
    if (name.size > QUEUE_NAME_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "queue is longer than %d bytes",
                         QUEUE_NAME_MAX);
    }
    for (size_t i = 0; i < name.size; i++) {
        if (is_control(name, i)) {
            return err_reply(err, REPLY_VALIDATION_ERROR, "queue has a control character");
        }
        if (name.data[i] == ':' && i + 1 < name.size && name.data[i + 1] == ':') {
            return err_reply(err, REPLY_VALIDATION_ERROR, "queue must not contain '::'");
        }
    }
    return ERR_NONE;
}
