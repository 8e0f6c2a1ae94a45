/* Every route: method, path, who, body, what is behind it. The router, the documents and the tests
 * of hostile requests all read this table. */
#include "api/api_internal.h"
#include "core/job.h"
#include "core/queue.h"
#include "core/why.h"
#include "view/query.h"

#define API "/api/v1"

/* What most rows have in common; the rest is named, and what is not named is zero. */
#define GET(path_, role_) .method = HTTP_GET, .path = path_, .role = role_, .status = 200
#define WRITE(method_, path_, role_, body_, status_)                                               \
    .method = HTTP_##method_, .path = path_, .role = role_, .body = body_, .status = status_
#define POST(path_, role_, body_, status_) WRITE(POST, path_, role_, body_, status_)

static const struct route rows[] = {
    {POST(API "/enqueue", ROLE_WORK, BODY_REQUIRED, 201), .op = "enqueue", .handle = handle_enqueue,
     .help = "put one job into a queue"},
    {POST(API "/enqueue/batch", ROLE_WORK, BODY_REQUIRED, 201), .request = &enqueue_batch_message,
     .reply = &enqueue_batch_reply_message, .handle = handle_enqueue_batch,
     .help = "put many jobs, all or none"},
    {POST(API "/fetch", ROLE_WORK, BODY_REQUIRED, 200), .op = "fetch",
     .reply = &op_fetch_job_message, .flags = ROUTE_NO_KEY, .handle = handle_fetch,
     .help = "claim one job, waiting for it; 204 when there is none"},
    {POST(API "/fetch/batch", ROLE_WORK, BODY_REQUIRED, 200), .op = "fetch", .flags = ROUTE_NO_KEY,
     .handle = handle_fetch, .help = "claim up to count jobs, waiting for the first"},
    {POST(API "/ack/batch", ROLE_WORK, BODY_REQUIRED, 200), .request = &ack_batch_message,
     .reply = &ack_batch_reply_message, .handle = handle_ack_batch,
     .help = "complete many jobs, each on its own"},
    {POST(API "/ack/{job_id}", ROLE_WORK, BODY_LENIENT, 200), .op = "ack", .handle = handle_ack,
     .help = "complete a job"},
    {POST(API "/fail/{job_id}", ROLE_WORK, BODY_REQUIRED, 200), .op = "fail", .handle = handle_fail,
     .help = "report a failed attempt: it is retried or dead"},
    {POST(API "/heartbeat", ROLE_WORK, BODY_REQUIRED, 200), .op = "heartbeat",
     .flags = ROUTE_NO_KEY, .handle = handle_heartbeat,
     .help = "extend leases, report progress, learn of cancellation"},
    {GET(API "/jobs/{job_id}", ROLE_READ), .reply = &job_object_message, .handle = handle_job_get,
     .help = "one job, whole"},
    {POST(API "/jobs/{job_id}/cancel", ROLE_OPERATE, BODY_NONE, 200), .op = "cancel",
     .handle = handle_operation, .help = "cancel a job that is not finished"},
    {POST(API "/jobs/{job_id}/retry", ROLE_OPERATE, BODY_NONE, 200), .op = "retry",
     .handle = handle_operation, .help = "run a finished job again, or a scheduled one now"},
    {POST(API "/jobs/{job_id}/move", ROLE_OPERATE, BODY_REQUIRED, 200), .op = "move",
     .handle = handle_operation, .help = "put a job into another queue"},
    {POST(API "/jobs/{job_id}/priority", ROLE_OPERATE, BODY_REQUIRED, 200), .op = "priority",
     .handle = handle_operation, .help = "change the priority of a job that is not finished"},
    {POST(API "/jobs/{job_id}/hold", ROLE_OPERATE, BODY_OPTIONAL, 200), .op = "hold",
     .handle = handle_operation, .help = "keep a job from running until it is approved"},
    {POST(API "/jobs/{job_id}/approve", ROLE_OPERATE, BODY_OPTIONAL, 200), .op = "approve",
     .handle = handle_operation, .help = "let a held job go on"},
    {POST(API "/jobs/{job_id}/reject", ROLE_OPERATE, BODY_OPTIONAL, 200), .op = "reject",
     .handle = handle_reject, .help = "end a held job, or send it back with feedback"},
    {WRITE(DELETE, API "/jobs/{job_id}", ROLE_OPERATE, BODY_NONE, 200), .op = "delete",
     .handle = handle_operation, .help = "remove a job, whatever its state"},
    {GET(API "/jobs/{job_id}/attempts", ROLE_READ), .reply = &job_attempts_message,
     .handle = handle_attempts_get, .help = "the deliveries of a job and how they ended"},
    {GET(API "/jobs/{job_id}/why", ROLE_READ), .reply = &why_message, .handle = handle_why_get,
     .help = "every gate that holds a job"},
    {POST(API "/jobs/bulk-get", ROLE_OPERATE, BODY_REQUIRED, 200), .request = &bulk_get_message,
     .reply = &bulk_get_reply_message, .flags = ROUTE_READS, .handle = handle_bulk_get,
     .help = "many jobs, whole; those that do not exist are left out"},
    {POST(API "/jobs/search", ROLE_READ, BODY_OPTIONAL, 200), .request = &search_body_message,
     .reply = &search_reply_message, .flags = ROUTE_READS | ROUTE_VIEW, .handle = handle_search,
     .help = "the jobs that match all of some filters, page by page"},
    {GET(API "/errors", ROLE_READ), .reply = &errors_reply_message, .flags = ROUTE_VIEW,
     .handle = handle_errors_get, .help = "recorded errors, those that are alike as one"},
    {GET(API "/queues", ROLE_READ), .reply = &queue_object_message, .reply_list = true,
     .handle = handle_queues_get, .help = "all queues with their counters, by name"},
    {GET(API "/queues/{queue}", ROLE_READ), .reply = &queue_object_message,
     .handle = handle_queue_get, .help = "one queue"},
    {POST(API "/queues/{queue}/pause", ROLE_OPERATE, BODY_NONE, 200), .op = "pause",
     .handle = handle_operation, .help = "hand out no more jobs of a queue"},
    {POST(API "/queues/{queue}/resume", ROLE_OPERATE, BODY_NONE, 200), .op = "resume",
     .handle = handle_operation, .help = "hand out jobs again"},
    {POST(API "/queues/{queue}/drain", ROLE_OPERATE, BODY_NONE, 200), .op = "drain",
     .handle = handle_operation, .help = "pause, and tell when no job is active any more"},
    {POST(API "/queues/{queue}/clear", ROLE_OPERATE, BODY_NONE, 200), .op = "clear",
     .handle = handle_operation, .help = "delete the jobs that are pending, scheduled or retrying"},
    {POST(API "/queues/{queue}/throttle", ROLE_OPERATE, BODY_REQUIRED, 200), .op = "throttle",
     .handle = handle_operation, .help = "hand out at most rate jobs in any window_ms"},
    {WRITE(DELETE, API "/queues/{queue}/throttle", ROLE_OPERATE, BODY_NONE, 200),
     .op = "unthrottle", .handle = handle_operation, .help = "take that limit away"},
    {POST(API "/queues/{queue}/concurrency", ROLE_OPERATE, BODY_REQUIRED, 200), .op = "concurrency",
     .handle = handle_operation, .help = "have at most max jobs active; 0 = no limit"},
    {WRITE(PUT, API "/queues/{queue}/retention", ROLE_OPERATE, BODY_REQUIRED, 200),
     .op = "queue_retention", .handle = handle_operation,
     .help = "set how long finished jobs of a queue are kept"},
    {WRITE(PUT, API "/queues/{queue}/lease", ROLE_OPERATE, BODY_REQUIRED, 200), .op = "queue_lease",
     .handle = handle_operation, .help = "set what leases of a queue's jobs are like"},
    {WRITE(DELETE, API "/queues/{queue}", ROLE_OPERATE, BODY_NONE, 200), .op = "destroy",
     .handle = handle_operation, .help = "delete a queue with its jobs and settings"},
    {GET(API "/workers", ROLE_READ), .reply = &worker_message, .reply_list = true,
     .handle = handle_workers_get, .help = "the workers, those heard of last first"},
    {GET(API "/metrics", ROLE_READ), .handle = handle_metrics_get,
     .help = "figures for Prometheus"},
    {GET(API "/metrics/throughput", ROLE_READ), .reply = &minute_message, .reply_list = true,
     .handle = handle_throughput_get, .help = "the last hour by minutes"},
    {GET(API "/cluster/events", ROLE_READ), .reply = &events_reply_message,
     .handle = handle_events_get, .help = "the events that are kept, after one of them"},
    {GET(API "/cluster/status", ROLE_READ), .handle = handle_status,
     .help = "the node, its log and its store"},
    {POST(API "/admin/rebuild-sqlite", ROLE_OPERATE, BODY_NONE, 200),
     .reply = &rebuild_reply_message, .flags = ROUTE_NO_KEY, .handle = handle_rebuild,
     .help = "make what lists and searches read anew from the jobs themselves"},
    {GET(API "/debug/runtime", ROLE_READ), .handle = handle_runtime,
     .help = "threads, memory and CPU time of the process"},
    {GET(API "/info", ROLE_NONE), .handle = handle_info, .help = "versions and features"},
    {GET("/healthz", ROLE_NONE), .handle = handle_healthz, .help = "200 while the process serves"},
    {GET("/readyz", ROLE_NONE), .handle = handle_readyz,
     .help = "200 when it can take work, else 503 and why"},
    {GET("/openapi.json", ROLE_NONE), .handle = handle_openapi,
     .help = "this interface as OpenAPI"},
};

#undef GET
#undef WRITE
#undef POST

uint32_t route_number(const struct route *route)
{
    return (uint32_t)(route - rows);
}

const struct route *route_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}
