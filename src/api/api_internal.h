/* What the files of this room share: a request being answered, and the route rows. */
#ifndef API_API_INTERNAL_H
#define API_API_INTERNAL_H

#include "api/api.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/reply.h"

#define ROUTE_PARAMS_MAX 2
#define REPLY_SIZE_MAX (256 * MIB)

struct api {
    struct api_options options;
    struct buf body; /* Where replies are written; emptied after each. */
    struct buf openapi;
    struct route_count *route_counts;         /* One for each route. */
    struct bulk_read *bulk_first, *bulk_last; /* Under way, oldest first. */
    uint32_t bulk_reads;
    uint32_t queries;            /* On the view, under way. */
    uint64_t queries_incomplete; /* Of those that were answered. */
    uint64_t started_us;         /* Since 1970. */
    char headers[512];           /* On every reply. */
};

struct call;

typedef void (*route_fn)(struct call *call);

/* Who may call a route once there is authentication; every row states it. */
enum role { ROLE_NONE, ROLE_READ, ROLE_WORK, ROLE_OPERATE };

enum route_body {
    BODY_NONE,     /* Ignored. */
    BODY_OPTIONAL, /* Absent or JSON. */
    BODY_LENIENT,  /* Absent, JSON, or anything else, which counts as absent (contract T17). */
    BODY_REQUIRED,
};

enum route_flag {
    ROUTE_READS = 1 << 0,  /* Changes nothing although it is not a GET. */
    ROUTE_NO_KEY = 1 << 1, /* Takes no Idempotency-Key: lease tokens do that work. */
    ROUTE_VIEW = 1 << 2,   /* Is answered by the view. */
};

struct route {
    enum http_method method;
    const char *path; /* "/api/v1/ack/{job_id}": a name in braces is a parameter. */
    enum role role;
    enum route_body body;
    uint16_t status;               /* Of success. */
    const char *op;                /* The operation behind it, or NULL. */
    const struct message *request; /* Of the body, when it is not the operation's. */
    const struct message *reply;   /* Of the answer, when it is not the operation's. */
    bool reply_list;               /* The answer is an array of `reply`. */
    uint8_t flags;                 /* enum route_flag. */
    route_fn handle;
    const char *help;
};

/* One request on its way; lives in the request's arena. */
struct call {
    struct api *api;
    struct http_request *request;
    const struct http_input *input;
    const struct route *route;
    struct slice params[ROUTE_PARAMS_MAX]; /* Decoded, in the order of the path. */
    struct op_head head;
    bool again;                   /* The reply is the first outcome of a keyed request. */
    void *record;                 /* What the body was read into. */
    struct read_bound bound;      /* Of a read. */
    struct waiting_read *waiting; /* While a read waits for it. */
    struct waiter *waiter;        /* While a fetch waits. */
    node_done done;               /* Of call_submit. */
};

/* True if the route changes nothing. */
static inline bool route_is_read(const struct route *route)
{
    return route->method == HTTP_GET || (route->flags & ROUTE_READS);
}

/* router.c */
const char *method_name(enum http_method method); /* "GET"; "" for those that have no route. */

/* routes.c */
uint32_t route_number(const struct route *route); /* From 0. */
const struct route *route_rows(uint32_t *ret_count);

/* reply.c */
void reply_json(struct call *call, uint16_t status, const struct message *message,
                const void *record);
void reply_receipt(struct call *call, uint16_t status, const struct node_reply *reply);
void reply_read(struct call *call, uint16_t status);
void reply_view(struct call *call, uint16_t status, uint64_t view_index);
void reply_error(struct call *call, const struct err *err);
void reply_text(struct call *call, const char *content_type); /* What is in api->body, 200. */
void error_body(struct buf *buf, const struct err *err, uint32_t retry_after_ms);

/* operations.c */

/* As node_submit, for the call; `done` gets the call. */
enum err_code call_submit(struct call *call, const struct node_op *ops, uint32_t count, bool unit,
                          node_done done, struct err *err) MUST_USE;

/* consistency.c */
enum err_code consistency_read(struct call *call, struct err *err) MUST_USE;

/* Has the route handle the call, once what it reads has been applied. */
void consistency_wait(struct call *call);

/* idempotency.c */
enum err_code idempotency_read(struct call *call, struct err *err) MUST_USE;

/* body.c */
enum err_code body_read(struct call *call, const struct message *message, void *ret_record,
                        struct err *err) MUST_USE;
/* A whole number of a query or header, at most `max`; absent = `value_default`. */
enum err_code query_number(struct slice text, const char *name, uint64_t max,
                           uint64_t value_default, uint64_t *ret_value, struct err *err) MUST_USE;
void *record_create(struct call *call, const struct message *message, struct err *err);

/* admin.c, operations.c, batches.c, fetch.c, reads.c, search.c, system.c */
void handle_operation(struct call *call);
void handle_enqueue(struct call *call);
void handle_ack(struct call *call);
void handle_fail(struct call *call);
void handle_heartbeat(struct call *call);
void handle_reject(struct call *call);
void handle_enqueue_batch(struct call *call);
void handle_ack_batch(struct call *call);
void handle_fetch(struct call *call);
void handle_job_get(struct call *call);
void handle_attempts_get(struct call *call);
void handle_queues_get(struct call *call);
void handle_workers_get(struct call *call);
void handle_throughput_get(struct call *call);
void handle_metrics_get(struct call *call);
void handle_events_get(struct call *call);
void handle_why_get(struct call *call);
void handle_bulk_get(struct call *call);
void handle_rebuild(struct call *call);
void handle_queue_get(struct call *call);
void handle_search(struct call *call);
void handle_errors_get(struct call *call);
void handle_info(struct call *call);
void handle_healthz(struct call *call);
void handle_readyz(struct call *call);
void handle_status(struct call *call);
void handle_runtime(struct call *call);
void handle_openapi(struct call *call);

/* True if the payload is within --max-payload-size; else *err says so (PAYLOAD_TOO_LARGE). */
bool payload_fits(const struct api *api, struct slice payload, struct err *err);

/* Messages of this room's own bodies. */
extern const struct message enqueue_batch_message;
extern const struct message enqueue_batch_reply_message;
extern const struct message ack_batch_message;
extern const struct message ack_batch_reply_message;
extern const struct message bulk_get_message;
extern const struct message bulk_get_reply_message;
extern const struct message rebuild_reply_message;
extern const struct message minute_message;
extern const struct message events_reply_message;

#endif
