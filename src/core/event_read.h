/* Events as the API shows them (A14). Nothing here changes anything. */
#ifndef CORE_EVENT_READ_H
#define CORE_EVENT_READ_H

#include "core/core.h"

struct event_object {
    uint64_t seq;
    uint32_t type;       /* enum event_type. */
    struct slice job_id; /* Empty for events of queues. */
    struct slice queue;
    uint64_t at_ns;
    struct slice data; /* JSON or empty. */
    uint32_t job_seq;  /* 0 for events of queues, as the next two. */
    uint32_t attempt;
    uint32_t state; /* enum job_state. */
    struct slice namespace;
};

extern const struct message event_object_message;

struct event_page {
    struct list events;  /* struct event_object. */
    uint64_t oldest_seq; /* First event that is stored; last_seq + 1 when none is. */
    uint64_t last_seq;   /* Of the last event ever. */
};

/* True if the replicated settings keep events. Apply thread. */
bool core_keeps_events(const struct core *core);

/* Up to `limit` events from number `from_seq` on, which is at least 1, in the arena. Events before
 * oldest_seq are gone: the page then starts there. ERR_NOMEM; others stop the replica. Apply
 * thread.
 */
enum err_code core_events_get(struct core *core, uint64_t from_seq, uint32_t limit,
                              struct arena *arena, struct event_page *ret_page,
                              struct err *err) MUST_USE;

#endif
