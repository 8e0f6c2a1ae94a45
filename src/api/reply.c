/* Replies: status, headers and JSON bodies, errors among them. */
#include "api/metrics.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>

static const char json_type[] = "application/json";

void error_body(struct buf *buf, const struct err *err, uint32_t retry_after_ms)
{
    (void)buf_add_text(buf, "{\"error\":");
    json_write_text(buf, slice_text(err->text));
    (void)buf_printf(buf, ",\"code\":\"%s\"", reply_row(reply_for_err(err))->name);
    if (retry_after_ms) {
        (void)buf_printf(buf, ",\"retry_after_ms\":%u", retry_after_ms);
    }
    (void)buf_add_text(buf, "}");
}

/* Sends what is in api->body, which is left empty. */
static void send_as(struct call *call, uint16_t status, const char *headers,
                    const char *content_type)
{
    struct api *api = call->api;
    struct http_output output = {.status = status, .headers = slice_text(headers)};

    metrics_count(call, status);
    if (status != 204) {
        output.content_type = content_type;
        output.body = buf_slice(&api->body);
    }
    http_reply(call->request, &output);
    buf_clear(&api->body);
    if (api->body.capacity > 4 * MIB) {
        buf_done(&api->body);
    }
}

static void send_body(struct call *call, uint16_t status, const char *headers)
{
    if (status != 204) {
        (void)buf_add_byte(&call->api->body, '\n');
    }
    send_as(call, status, headers, json_type);
}

/* A reply that does not fit the memory that replies may take is an error, never a cut body. */
static void check_body(struct call *call, uint16_t *status)
{
    struct err err;

    if (!call->api->body.failed) {
        return;
    }
    (void)err_reply(&err, REPLY_INTERNAL_ERROR, "the reply does not fit %zu bytes",
                    (size_t)REPLY_SIZE_MAX);
    buf_clear(&call->api->body);
    error_body(&call->api->body, &err, 0);
    *status = 500;
}

/* Tells that the reply is the first outcome of a request that was repeated (A4). */
static const char *again_header(const struct call *call)
{
    return call->again ? "Idempotency-Replayed: true\r\n" : "";
}

void reply_error(struct call *call, const struct err *err)
{
    struct api *api = call->api;
    const struct reply_row *row = reply_row(reply_for_err(err));
    bool later = row->code == ERR_BUSY || err->reply == REPLY_CONSISTENCY_TIMEOUT;
    uint32_t retry_ms = later ? node_retry_after_ms(api->options.node) : 0;
    char headers[700];
    int size = snprintf(headers, sizeof(headers), "%s%s", api->headers, again_header(call));

    if (retry_ms) {
        (void)snprintf(headers + size, sizeof(headers) - (size_t)size, "Retry-After: %u.%03u\r\n",
                       retry_ms / 1000, retry_ms % 1000);
    }
    buf_clear(&api->body);
    error_body(&api->body, err, retry_ms);
    send_body(call, row->status, headers);
}

void reply_receipt(struct call *call, uint16_t status, const struct node_reply *reply)
{
    struct api *api = call->api;
    char headers[900];

    check_body(call, &status);
    (void)snprintf(
        headers, sizeof(headers),
        "%sX-Corvo-Index: %" PRIu64 "\r\nX-Corvo-Durability: %s;quorum=1;voters=1;index=%" PRIu64
        ";term=%" PRIu64 "\r\n%s",
        api->headers, reply->index, node_is_durable(api->options.node) ? "synced" : "unsynced",
        reply->index, reply->term, again_header(call));
    send_body(call, status, headers);
}

void reply_read(struct call *call, uint16_t status)
{
    char headers[700];

    check_body(call, &status);
    (void)snprintf(headers, sizeof(headers), "%sX-Corvo-Index: %" PRIu64 "\r\n", call->api->headers,
                   core_mark(node_core(call->api->options.node)).index);
    send_body(call, status, headers);
}

/* The answer follows from the view, so its index is the one to tell. */
void reply_view(struct call *call, uint16_t status, uint64_t view_index)
{
    char headers[700];

    check_body(call, &status);
    (void)snprintf(headers, sizeof(headers),
                   "%sX-Corvo-Index: %" PRIu64 "\r\nX-Corvo-View-Index: %" PRIu64 "\r\n",
                   call->api->headers, view_index, view_index);
    send_body(call, status, headers);
}

void reply_text(struct call *call, const char *content_type)
{
    send_as(call, 200, call->api->headers, content_type);
}

void reply_json(struct call *call, uint16_t status, const struct message *message,
                const void *record)
{
    json_write(message, JSON_REST, record, &call->api->body);
    reply_read(call, status);
}

/* The word for what the HTTP room refuses by itself. */
static enum reply_code refusal_code(uint16_t status)
{
    switch (status) {
    case 405:
        return REPLY_METHOD_NOT_ALLOWED;
    case 408:
        return REPLY_REQUEST_TIMEOUT;
    case 413:
        return REPLY_BODY_TOO_LARGE;
    case 415:
        return REPLY_UNSUPPORTED;
    case 414:
    case 431:
        return REPLY_HEADERS_TOO_LARGE;
    case 501:
        return REPLY_UNSUPPORTED;
    case 503:
        return REPLY_OVERLOADED;
    default:
        return REPLY_PARSE_ERROR;
    }
}

void api_refuse(void *context, uint16_t status, const char *text, struct arena *arena,
                struct http_output *ret_output)
{
    const struct api *api = context;
    uint32_t retry_ms = status == 503 ? node_retry_after_ms(api->options.node) : 0;
    const char *headers = NULL;
    struct buf body;
    struct err err;

    (void)err_reply(&err, refusal_code(status), "%s", text);
    buf_init(&body, 4 * KIB);
    error_body(&body, &err, retry_ms);
    (void)buf_add_byte(&body, '\n');
    if (retry_ms) {
        headers = arena_printf(arena, "%sRetry-After: %u.%03u\r\n", api->headers, retry_ms / 1000,
                               retry_ms % 1000);
    }
    ret_output->content_type = json_type;
    ret_output->headers = slice_text(headers ? headers : api->headers);
    if (!arena_copy(arena, buf_slice(&body), &ret_output->body)) {
        ret_output->body = slice_of(NULL, 0);
    }
    buf_done(&body);
}
