/* The REST surface: a table of routes over node's operations and core's reads.
 *
 * It turns requests into operations by their field rows and results into replies; it holds no
 * business rules. Loop thread only. */
#ifndef API_API_H
#define API_API_H

#include "http/http.h"
#include "node/node.h"

struct api;

struct api_options {
    struct node *node;
    const char *node_name;       /* X-Corvo-Node. */
    uint64_t max_payload_size;   /* Of a job, bytes; 0 = as large as a body. */
    uint64_t query_timeout_ms;   /* Of a search. */
    uint64_t metrics_queues_max; /* Queues with labels of their own in /metrics. */
    bool docs_enabled;
    bool require_lease_token; /* Of every ack, fail and heartbeat. */
};

/* ERR_NOMEM. The options are copied; the name and the node must outlive the api. */
enum err_code api_create(const struct api_options *options, struct api **ret_api,
                         struct err *err) MUST_USE;

/* Takes NULL. No request may be in flight. */
void api_destroy(struct api *api);

/* http_handler and http_refusal; the context is the api. */
void api_handle(void *context, struct http_request *request);
void api_refuse(void *context, uint16_t status, const char *text, struct arena *arena,
                struct http_output *ret_output);

struct buf;

/* Writes the reference page of the metrics. */
void api_write_metrics(struct buf *buf);

/* Writes the OpenAPI 3 document of all routes, derived from their rows. */
void api_write_openapi(struct buf *buf);

#endif
