/* Every route: method, path, who, body, what is behind it. The router, the documents and the tests
 * of hostile requests all read this table. */
#include "api/api_internal.h"
#include "core/job.h"
#include "core/queue.h"

#define API "/api/v1"

static const struct route rows[] = {
    {HTTP_POST, API "/enqueue", ROLE_WORK, BODY_REQUIRED, 201, "enqueue", NULL, NULL, false,
     handle_enqueue, "put one job into a queue"},
    {HTTP_POST, API "/enqueue/batch", ROLE_WORK, BODY_REQUIRED, 201, NULL, &enqueue_batch_message,
     &enqueue_batch_reply_message, false, handle_enqueue_batch, "put many jobs, all or none"},
    {HTTP_POST, API "/fetch", ROLE_WORK, BODY_REQUIRED, 200, "fetch", NULL, &op_fetch_job_message,
     false, handle_fetch, "claim one job, waiting for it; 204 when there is none"},
    {HTTP_POST, API "/fetch/batch", ROLE_WORK, BODY_REQUIRED, 200, "fetch", NULL, NULL, false,
     handle_fetch, "claim up to count jobs, waiting for the first"},
    {HTTP_POST, API "/ack/batch", ROLE_WORK, BODY_REQUIRED, 200, NULL, &ack_batch_message,
     &ack_batch_reply_message, false, handle_ack_batch, "complete many jobs, each on its own"},
    {HTTP_POST, API "/ack/{job_id}", ROLE_WORK, BODY_LENIENT, 200, "ack", NULL, NULL, false,
     handle_ack, "complete a job"},
    {HTTP_POST, API "/fail/{job_id}", ROLE_WORK, BODY_REQUIRED, 200, "fail", NULL, NULL, false,
     handle_fail, "report a failed attempt: it is retried or dead"},
    {HTTP_POST, API "/heartbeat", ROLE_WORK, BODY_REQUIRED, 200, "heartbeat", NULL, NULL, false,
     handle_operation, "extend leases, report progress, learn of cancellation"},
    {HTTP_GET, API "/jobs/{job_id}", ROLE_READ, BODY_NONE, 200, NULL, NULL, &job_object_message,
     false, handle_job_get, "one job, whole"},
    {HTTP_POST, API "/jobs/{job_id}/cancel", ROLE_OPERATE, BODY_NONE, 200, "cancel", NULL, NULL,
     false, handle_operation, "cancel a job that is not finished"},
    {HTTP_GET, API "/queues", ROLE_READ, BODY_NONE, 200, NULL, NULL, &queue_object_message, true,
     handle_queues_get, "all queues with their counters, by name"},
    {HTTP_GET, API "/queues/{queue}", ROLE_READ, BODY_NONE, 200, NULL, NULL, &queue_object_message,
     false, handle_queue_get, "one queue"},
    {HTTP_POST, API "/queues/{queue}/pause", ROLE_OPERATE, BODY_NONE, 200, "pause", NULL, NULL,
     false, handle_operation, "hand out no more jobs of a queue"},
    {HTTP_POST, API "/queues/{queue}/resume", ROLE_OPERATE, BODY_NONE, 200, "resume", NULL, NULL,
     false, handle_operation, "hand out jobs again"},
    {HTTP_GET, API "/cluster/status", ROLE_READ, BODY_NONE, 200, NULL, NULL, NULL, false,
     handle_status, "the node, its log and its store"},
    {HTTP_GET, API "/info", ROLE_NONE, BODY_NONE, 200, NULL, NULL, NULL, false, handle_info,
     "versions and features"},
    {HTTP_GET, "/healthz", ROLE_NONE, BODY_NONE, 200, NULL, NULL, NULL, false, handle_healthz,
     "200 while the process serves"},
    {HTTP_GET, "/readyz", ROLE_NONE, BODY_NONE, 200, NULL, NULL, NULL, false, handle_readyz,
     "200 when it can take work, else 503 and why"},
    {HTTP_GET, "/openapi.json", ROLE_NONE, BODY_NONE, 200, NULL, NULL, NULL, false, handle_openapi,
     "this interface as OpenAPI"},
};

const struct route *route_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}
