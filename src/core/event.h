/* Lifecycle events: what happened to which job, in order, numbered without a gap (A14).
 *
 * Only job_move and the transaction's own operations make them. The events of one entry are one row
 * of TABLE_EVENT, under the number of its first. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/key.h"
#include "wire/field.h"

/* Stored in rows: never renumbered. */
enum event_type {
    EVENT_NONE,
    EVENT_ENQUEUED,
    EVENT_STARTED,
    EVENT_PROGRESS,
    EVENT_COMPLETED,
    EVENT_FAILED,
    EVENT_RETRYING,
    EVENT_DEAD,
    EVENT_CANCELLED,
    EVENT_PROMOTED,
    EVENT_RECLAIMED,
    EVENT_EXPIRED,
    EVENT_PURGED,
    EVENT_QUEUE_PAUSED,
    EVENT_QUEUE_RESUMED,
    EVENT_RETRIED = 20,
    EVENT_DELETED,
    EVENT_MOVED,
    EVENT_HELD,
    EVENT_APPROVED,
    EVENT_REJECTED,
    EVENT_REVISED,
    EVENT_PRIORITY_CHANGED,
    EVENT_QUEUE_DRAINING = 40,
    EVENT_QUEUE_DRAINED,
    EVENT_QUEUE_CLEARED,
    EVENT_QUEUE_DELETED,
    EVENT_QUEUE_CONFIG,
    EVENT_TYPE_COUNT
};

struct event {
    uint32_t type;    /* enum event_type. */
    struct slice job; /* Its key, 13 bytes; empty for queue events. */
    uint32_t queue;   /* Queue number. */
    uint32_t job_seq; /* 1, 2, 3 ... per job. */
    uint32_t attempt;
    uint32_t state;    /* enum job_state after it. */
    struct slice data; /* JSON or empty. */
};

/* The value of a row of TABLE_EVENT; the key is the seq of events[0]. */
struct event_pack {
    uint64_t at_ns;
    struct list events; /* struct event. */
};

extern const struct words event_type_words; /* "enqueued", "queue.paused". */
extern const struct message event_message;
extern const struct message event_pack_message;

#endif
