/* From a request to its route: match, decode, check what every request must be, hand over. */
#include "api/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const method_names[] = {
    [HTTP_GET] = "GET",         [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT",         [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
    [HTTP_OPTIONS] = "OPTIONS", [HTTP_OTHER] = "",
};

const char *method_name(enum http_method method)
{
    return method_names[method];
}

enum err_code api_create(const struct api_options *options, struct api **ret_api, struct err *err)
{
    struct api *api = calloc(1, sizeof(*api));
    struct timespec started;
    uint32_t route_count;

    if (!api) {
        return err_set(err, ERR_NOMEM, "no memory for the api");
    }
    api->options = *options;
    buf_init(&api->body, REPLY_SIZE_MAX);
    buf_init(&api->openapi, 4 * MIB);
    (void)route_rows(&route_count);
    api->route_counts = calloc(route_count, sizeof(*api->route_counts));
    if (!api->route_counts) {
        api_destroy(api);
        return err_set(err, ERR_NOMEM, "no memory for the api");
    }
    (void)clock_gettime(CLOCK_REALTIME, &started);
    api->started_us = (uint64_t)started.tv_sec * 1000000 + (uint64_t)started.tv_nsec / 1000;
    (void)snprintf(api->headers, sizeof(api->headers),
                   "Access-Control-Allow-Origin: *\r\n"
                   "Access-Control-Allow-Methods: GET, POST, PUT, DELETE, OPTIONS\r\n"
                   "Access-Control-Allow-Headers: Content-Type, Authorization, X-API-Key, "
                   "X-Corvo-Namespace\r\n"
                   "X-Corvo-Node: %.100s\r\n",
                   options->node_name);
    *ret_api = api;
    return ERR_NONE;
}

void api_destroy(struct api *api)
{
    if (api) {
        buf_done(&api->body);
        buf_done(&api->openapi);
        free(api->route_counts);
        free(api);
    }
}

/* The next path segment of *rest, which moves behind it. False at the end. */
static bool next_segment(struct slice *rest, struct slice *ret_segment)
{
    size_t size = 0;

    if (rest->size == 0 || rest->data[0] != '/') {
        return false;
    }
    *rest = slice_from(*rest, 1);
    while (size < rest->size && rest->data[size] != '/') {
        size++;
    }
    *ret_segment = slice_of(rest->data, size);
    *rest = slice_from(*rest, size);
    return true;
}

/* True if the raw path has the route's shape; fills the raw parameters. */
static bool path_matches(const char *pattern, struct slice path, struct slice *ret_params)
{
    struct slice shape = slice_text(pattern);
    struct slice want, got;
    uint32_t param = 0;

    while (next_segment(&shape, &want)) {
        if (!next_segment(&path, &got)) {
            return false;
        }
        if (want.size > 0 && want.data[0] == '{') {
            if (got.size == 0) {
                return false;
            }
            ret_params[param++] = got;
        } else if (!slice_equal(want, got)) {
            return false;
        }
    }
    return path.size == 0;
}

/* Adds a method to the list, once: several paths may fit. */
static void add_method(struct buf *allow, enum http_method method)
{
    const char *name = method_names[method];

    if (!allow->size || !memmem(allow->data, allow->size, name, strlen(name))) {
        (void)buf_printf(allow, "%s%s", allow->size ? ", " : "", name);
    }
}

/* The route, or NULL; then *ret_allow names the methods of routes with the same path. */
static const struct route *find_route(const struct http_input *input, struct slice *ret_params,
                                      struct buf *allow)
{
    enum http_method method = input->method == HTTP_HEAD ? HTTP_GET : input->method;
    uint32_t count;
    const struct route *rows = route_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        struct slice params[ROUTE_PARAMS_MAX] = {{0}};

        if (!path_matches(rows[i].path, input->path, params)) {
            continue;
        }
        if (rows[i].method == method) {
            memcpy(ret_params, params, sizeof(params));
            return &rows[i];
        }
        add_method(allow, rows[i].method);
    }
    return NULL;
}

static void reply_options(struct call *call)
{
    struct http_output output = {.status = 200, .headers = slice_text(call->api->headers)};

    http_reply(call->request, &output);
}

static void reply_no_route(struct call *call, const struct buf *allow)
{
    struct buf *body = &call->api->body;
    struct http_output output = {.content_type = "application/json"};
    struct slice path = call->input->path;
    char headers[700];
    struct err err;
    int shown = (int)(path.size < 80 ? path.size : 80);

    (void)snprintf(headers, sizeof(headers), "%s%s%.*s%s", call->api->headers,
                   allow->size ? "Allow: " : "", (int)allow->size, (const char *)allow->data,
                   allow->size ? "\r\n" : "");
    if (allow->size) {
        const char *method = method_names[call->input->method];

        (void)err_reply(&err, REPLY_METHOD_NOT_ALLOWED, "%s is not possible on %.*s",
                        *method ? method : "this method", shown, (const char *)path.data);
    } else {
        (void)err_reply(&err, REPLY_NOT_FOUND, "no such path: %.*s", shown,
                        (const char *)path.data);
    }
    error_body(body, &err, 0);
    (void)buf_add_byte(body, '\n');
    output.status = allow->size ? 405 : 404;
    output.headers = slice_text(headers);
    output.body = buf_slice(body);
    http_reply(call->request, &output);
    buf_clear(body);
}

/* Of two, one would be dropped silently. */
static enum err_code check_twins(const struct http_input *input, struct err *err)
{
    static const char *const names[] = {"Idempotency-Key", "X-Corvo-Namespace",
                                        "X-Corvo-Lease-Token", "X-Corvo-Min-Index"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (http_header_count(input, names[i]) > 1) {
            return err_reply(err, REPLY_VALIDATION_ERROR, "there are two %s headers", names[i]);
        }
    }
    return ERR_NONE;
}

/* What would be dropped silently is refused instead. */
static enum err_code check_headers(struct call *call, struct err *err)
{
    struct slice namespace = http_header_find(call->input, "X-Corvo-Namespace");

    if (check_twins(call->input, err)) {
        return err->code;
    }
    if (namespace.size > 0 && !slice_is(namespace, "default")) {
        return err_reply(err, REPLY_UNSUPPORTED, "namespaces are not supported by this server");
    }
    if (route_is_read(call->route)) {
        return consistency_read(call, err);
    }
    return idempotency_read(call, err);
}

static enum err_code prepare(struct call *call, struct err *err)
{
    call->head.source = call->input->peer;
    call->head.traceparent = http_header_find(call->input, "traceparent");
    if (call->head.traceparent.size > TRACEPARENT_MAX) {
        call->head.traceparent = slice_of(NULL, 0);
    }
    for (uint32_t i = 0; i < ROUTE_PARAMS_MAX && call->params[i].data; i++) {
        if (http_decode(call->params[i], call->input->arena, &call->params[i], err)) {
            err->reply = REPLY_VALIDATION_ERROR;
            return err->code;
        }
    }
    if (!http_query_is_good(call->input)) {
        return err_reply(err, REPLY_VALIDATION_ERROR,
                         "the query has a bad percent-escape or a NUL");
    }
    return check_headers(call, err);
}

void api_handle(void *context, struct http_request *request)
{
    const struct http_input *input = http_input(request);
    struct call *call = arena_alloc(input->arena, sizeof(*call));
    struct call nothing = {.api = context, .request = request, .input = input};
    struct buf allow;
    struct err err;

    if (!call) {
        (void)err_set(&err, ERR_NOMEM, "no memory for the request");
        reply_error(&nothing, &err);
        return;
    }
    *call = nothing;
    if (input->method == HTTP_OPTIONS) {
        reply_options(call);
        return;
    }
    buf_init(&allow, 128);
    call->route = find_route(input, call->params, &allow);
    if (!call->route) {
        reply_no_route(call, &allow);
    } else if (prepare(call, &err)) {
        reply_error(call, &err);
    } else {
        consistency_wait(call);
    }
    buf_done(&allow);
}
