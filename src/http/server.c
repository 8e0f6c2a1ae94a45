/* The server: see http.h and server.h. */
#include "http/server.h"

#include "base/limits.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKLOG 1024
#define HEADER_SIZE_DEFAULT (64 * KIB)
#define HEADER_COUNT_DEFAULT 128
#define CONNECTIONS_DEFAULT 20000
#define IDLE_MS_DEFAULT 120000
#define REQUEST_MS_DEFAULT 30000
#define WRITE_MS_DEFAULT 30000
#define OPEN_MS_DEFAULT 10000
#define MEMORY_DEFAULT (512 * MIB)
#define LINGER_MS 2000
#define GRACE_MS 100
#define ACCEPT_RETRY_MS 100
#define TURN_ACCEPTS_MAX 64 /* In one turn of the loop. */
#define OUT_SIZE_MAX (256 * MIB)

struct http_turn *http_server_turn(struct http_server *server)
{
    uint64_t now_ms = uv_now(server->loop);

    if (server->turn.at_ms != now_ms) {
        server->turn = (struct http_turn){.at_ms = now_ms};
    }
    return &server->turn;
}

static uint64_t number_or(uint64_t given, uint64_t otherwise)
{
    return given ? given : otherwise;
}

static void fill_options(struct http_server *server, const struct http_options *given)
{
    struct http_options *options = &server->options;
    uint64_t *lasts_ms = server->deadlines.lasts_ms;

    *options = *given;
    options->bind = NULL;
    options->tls_cert_path = options->tls_key_path = options->tls_client_ca_path = NULL;
    options->memory_max = number_or(given->memory_max, MEMORY_DEFAULT);
    options->header_size_max = number_or(given->header_size_max, HEADER_SIZE_DEFAULT);
    options->header_count_max =
        given->header_count_max ? given->header_count_max : HEADER_COUNT_DEFAULT;
    options->body_size_max = number_or(given->body_size_max, BODY_MAX_DEFAULT);
    options->connections_max =
        given->connections_max ? given->connections_max : CONNECTIONS_DEFAULT;
    lasts_ms[HTTP_DEADLINE_IDLE] = number_or(given->idle_timeout_ms, IDLE_MS_DEFAULT);
    lasts_ms[HTTP_DEADLINE_REQUEST] = number_or(given->request_timeout_ms, REQUEST_MS_DEFAULT);
    lasts_ms[HTTP_DEADLINE_WRITE] = number_or(given->write_timeout_ms, WRITE_MS_DEFAULT);
    lasts_ms[HTTP_DEADLINE_OPEN] = number_or(given->open_timeout_ms, OPEN_MS_DEFAULT);
    lasts_ms[HTTP_DEADLINE_LINGER] = LINGER_MS;
    lasts_ms[HTTP_DEADLINE_GRACE] = GRACE_MS;
    lasts_ms[HTTP_DEADLINE_ACCEPT] = ACCEPT_RETRY_MS;
}

/* libuv accepts until nobody waits, so a flood of connections would keep it: there is a bound. */
static bool may_accept(struct http_server *server)
{
    return http_server_turn(server)->accepted++ < TURN_ACCEPTS_MAX;
}

/* A connection that is not accepted pauses the listener until it is. */
static void accept_one(struct http_server *server)
{
    enum http_deadline_kind later = HTTP_DEADLINE_NONE;

    if (!may_accept(server)) {
        later = HTTP_DEADLINE_BACKLOG;
    } else if (!http_connection_accept(server)) {
        later = HTTP_DEADLINE_ACCEPT;
    }
    http_deadline_set(&server->deadlines, &server->accept_retry, later);
}

static void on_deadline(void *owner, enum http_deadline_kind kind)
{
    struct http_server *server = owner;

    if (kind != HTTP_DEADLINE_ACCEPT && kind != HTTP_DEADLINE_BACKLOG) {
        http_connection_late(owner, kind);
    } else if (server->listening) {
        accept_one(server);
    }
}

/* Out of descriptors, libuv itself drops the waiting connections, with a spare one it keeps, and
 * reports each here: there is nothing left to do. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *server = listener->data;

    if (status == 0) {
        accept_one(server);
    }
}

/* Writing to a connection that was reset must be an error, not the end of the process. */
static void ignore_broken_pipes(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        (void)sigaction(SIGPIPE, &action, NULL);
    }
}

static enum err_code open_tls(const struct http_options *options, struct http_tls **ret_tls,
                              struct err *err)
{
    const struct http_tls_options tls = {
        .cert_path = options->tls_cert_path,
        .key_path = options->tls_key_path,
        .client_ca_path = options->tls_client_ca_path,
        .version_1_3_only = options->tls_1_3_only,
    };

    return options->tls_cert_path ? http_tls_create(&tls, ret_tls, err) : ERR_NONE;
}

enum err_code http_server_create(uv_loop_t *loop, const struct http_options *options,
                                 struct http_server **ret_server, struct err *err)
{
    struct http_server *server;
    enum err_code code;
    int fd = -1;
    int failed;

    assert(options->handler && options->refusal);
    server = calloc(1, sizeof(*server));
    if (!server) {
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    }
    code = open_tls(options, &server->tls, err);
    if (!code) {
        code = http_address_listen(options->bind, &fd, &server->port, err);
    }
    if (!code && options->compression) {
        server->gzip = http_gzip_create();
        code = server->gzip ? ERR_NONE : err_set(err, ERR_NOMEM, "no memory for compression");
    }
    if (code) {
        if (fd >= 0) {
            (void)close(fd);
        }
        http_gzip_destroy(server->gzip);
        http_tls_destroy(server->tls);
        free(server);
        return code;
    }
    ignore_broken_pipes();
    server->loop = loop;
    buf_init(&server->out, OUT_SIZE_MAX);
    http_deadlines_init(&server->deadlines, loop, on_deadline);
    server->accept_retry.owner = server;
    fill_options(server, options);
    (void)uv_tcp_init(loop, &server->listener); /* Cannot fail: it opens no socket yet. */
    server->listener.data = server;
    server->handle_count = 2; /* The listener and the timer. */
    server->listening = true;
    failed = uv_tcp_open(&server->listener, fd);
    if (!failed) {
        fd = -1;
        failed = uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
    }
    if (failed) {
        (void)err_set(err, ERR_IO, "can not listen on %s: %s", options->bind, uv_strerror(failed));
        http_server_close(server, NULL, NULL);
        if (fd >= 0) {
            (void)close(fd);
        }
        return ERR_IO;
    }
    *ret_server = server;
    return ERR_NONE;
}

enum err_code http_server_reload(struct http_server *server, struct err *err)
{
    return server->tls ? http_tls_reload(server->tls, err) : ERR_NONE;
}

struct http_certificate http_server_certificate(const struct http_server *server)
{
    struct http_certificate certificate = {.used = server->tls != NULL};

    if (server->tls) {
        struct http_tls_facts facts = http_tls_facts(server->tls);

        certificate.valid_from_s = facts.valid_from_s;
        certificate.valid_until_s = facts.valid_until_s;
    }
    return certificate;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

struct http_stats http_server_stats(const struct http_server *server)
{
    struct http_stats stats = server->stats;

    stats.memory_used = server->pool.memory_used;
    return stats;
}

static void free_server(struct http_server *server)
{
    void (*closed)(void *) = server->closed;
    void *context = server->closed_context;

    assert(!server->connections);
    assert(server->pool.memory_used == 0);
    http_request_pool_done(&server->pool);
    http_tls_destroy(server->tls);
    http_gzip_destroy(server->gzip);
    buf_done(&server->out);
    free(server);
    if (closed) {
        closed(context);
    }
}

/* One handle less: the last one ends the drain, or the server. The timer is open until the end, so
 * that `drained` may close the server. */
static void handle_closed(struct http_server *server)
{
    void (*drained)(void *) = server->drained;

    server->handle_count--;
    if (server->draining && server->handle_count == 1 && drained) {
        server->drained = NULL;
        drained(server->drained_context);
    }
    if (server->handle_count == 0) {
        free_server(server);
    }
}

static void on_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct http_deadlines *deadlines = handle->data;

    handle_closed((struct http_server *)(void *)((char *)deadlines -
                                                 offsetof(struct http_server, deadlines)));
}

static void stop_listening(struct http_server *server)
{
    if (server->listening) {
        server->listening = false;
        http_deadline_set(&server->deadlines, &server->accept_retry, HTTP_DEADLINE_NONE);
        uv_close((uv_handle_t *)&server->listener, on_closed);
    }
}

void http_server_forget(struct http_server *server, struct http_connection *owned_connection)
{
    if (owned_connection->previous) {
        owned_connection->previous->next = owned_connection->next;
    } else {
        server->connections = owned_connection->next;
    }
    if (owned_connection->next) {
        owned_connection->next->previous = owned_connection->previous;
    }
    server->stats.connections--;
    server->refused_count -= owned_connection->over_limit;
    free(owned_connection);
    handle_closed(server);
}

void http_server_drain(struct http_server *server, void (*drained)(void *context), void *context)
{
    if (server->closing || server->draining) {
        return;
    }
    server->draining = true;
    server->drained = drained;
    server->drained_context = context;
    stop_listening(server);
    for (struct http_connection *one = server->connections; one; one = one->next) {
        http_connection_drain(one);
    }
}

void http_server_close(struct http_server *server, void (*closed)(void *context), void *context)
{
    if (server->closing) {
        return;
    }
    server->closing = true;
    server->drained = NULL;
    server->closed = closed;
    server->closed_context = context;
    stop_listening(server);
    for (struct http_connection *one = server->connections; one; one = one->next) {
        http_connection_close(one);
    }
    uv_close((uv_handle_t *)&server->deadlines.timer, on_timer_closed);
}
