/* Connections: see connection.h. */
#include "http/connection.h"

#include "base/limits.h"
#include "http/receive.h"
#include "http/send.h"
#include "http/server.h"

#include <stdlib.h>
#include <sys/socket.h>

#define OUT_KEEP_MAX (256 * KIB) /* A larger reply buffer is given back. */
#define LARGE_REPLY (64 * KIB)   /* Smaller ones are sent whatever the others hold. */
#define TURN_ENDS_MAX 256        /* Idle connections that end in one turn of the loop. */
#define WRITE_LOOKS_MAX 20       /* A reply is held for so many write time-outs at most. */

#define TO(state) (1u << HTTP_CONNECTION_##state)
static const uint8_t moves[HTTP_CONNECTION_STATE_COUNT] = {
    [HTTP_CONNECTION_OPENING] = TO(IDLE) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_IDLE] = TO(READING) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_READING] = TO(HANDLING) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_HANDLING] = TO(IDLE) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_WRITING] = TO(IDLE) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_LINGERING] = TO(CLOSED),
    [HTTP_CONNECTION_CLOSED] = 0,
};
#undef TO

static const enum http_deadline_kind deadline_kinds[HTTP_CONNECTION_STATE_COUNT] = {
    [HTTP_CONNECTION_OPENING] = HTTP_DEADLINE_OPEN,
    [HTTP_CONNECTION_IDLE] = HTTP_DEADLINE_IDLE,
    [HTTP_CONNECTION_READING] = HTTP_DEADLINE_REQUEST,
    [HTTP_CONNECTION_HANDLING] = HTTP_DEADLINE_NONE,
    [HTTP_CONNECTION_WRITING] = HTTP_DEADLINE_WRITE,
    [HTTP_CONNECTION_LINGERING] = HTTP_DEADLINE_LINGER,
    [HTTP_CONNECTION_CLOSED] = HTTP_DEADLINE_NONE,
};

static void set_deadline(struct http_connection *connection, enum http_deadline_kind kind)
{
    http_deadline_set(&connection->server->deadlines, &connection->deadline, kind);
}

/* Starts the deadline of the present state. */
static void start_deadline(struct http_connection *connection)
{
    enum http_deadline_kind kind = deadline_kinds[connection->state];

    if (kind == HTTP_DEADLINE_IDLE && connection->server->draining) {
        kind = HTTP_DEADLINE_GRACE;
    }
    set_deadline(connection, kind);
}

void http_connection_move(struct http_connection *connection, enum http_connection_state state)
{
    assert(moves[connection->state] & (1u << state));
    connection->state = state;
    start_deadline(connection);
}

static void on_closed(uv_handle_t *handle)
{
    struct http_connection *connection = handle->data;

    http_server_forget(connection->server, connection);
}

void http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->parser.request;
    bool handled = connection->state == HTTP_CONNECTION_HANDLING;

    if (connection->state == HTTP_CONNECTION_CLOSED) {
        return;
    }
    http_connection_move(connection, HTTP_CONNECTION_CLOSED);
    connection->parser.request = NULL;
    http_receive_drop(connection);
    if (connection->tls) {
        http_tls_end(connection->tls);
        (void)http_send_tls(connection);
        http_tls_close(connection->tls);
        connection->tls = NULL;
    }
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
    if (request && !handled) {
        http_request_give(&server->pool, request);
    } else if (request) {
        void (*gone)(void *) = request->gone;

        http_request_forget(&server->pool, request);
        request->connection = NULL; /* The reply frees it now, be it after the server's end. */
        request->gone = NULL;
        server->stats.requests_in_flight--;
        if (gone) {
            gone(request->gone_context);
        }
    }
}

void http_connection_linger(struct http_connection *connection)
{
    int fd;

    if (connection->ended || uv_fileno((uv_handle_t *)&connection->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0) {
        http_connection_close(connection);
        return;
    }
    http_receive_drop(connection);
    http_connection_move(connection, HTTP_CONNECTION_LINGERING);
    http_receive_resume(connection);
}

/* All bytes of a reply are with the kernel: what is next? Pending bytes wait for the next turn
 * unless the parser is at work below, so that replies never nest. */
static void after_reply(struct http_connection *connection)
{
    if (connection->close_behind) {
        http_connection_linger(connection);
        return;
    }
    if (connection->ended && connection->pending.size == 0 && !connection->parsing) {
        http_connection_close(connection);
        return;
    }
    http_connection_move(connection, HTTP_CONNECTION_IDLE);
    if (connection->parsing) {
        return;
    }
    if (connection->pending.size) {
        http_connection_next_turn(connection);
        return;
    }
    http_receive_resume(connection);
}

void http_connection_next_turn(struct http_connection *connection)
{
    set_deadline(connection, HTTP_DEADLINE_NOW);
}

void http_connection_sent(struct http_connection *connection, bool complete)
{
    if (complete) {
        after_reply(connection);
    } else {
        http_connection_close(connection);
    }
}

/* Sends server->out and empties it. */
static void send_out(struct http_connection *connection)
{
    struct buf *out = &connection->server->out;
    enum http_sent sent = http_send(connection, buf_slice(out));

    buf_clear(out);
    if (out->capacity > OUT_KEEP_MAX) {
        buf_done(out);
    }
    if (sent == HTTP_SENT_LATER) {
        connection->write_looks = 0;
        http_connection_move(connection, HTTP_CONNECTION_WRITING);
    } else {
        http_connection_sent(connection, sent == HTTP_SENT_ALL);
    }
}

/* Builds and sends the reply to the connection's request, which ends with it. */
static void respond(struct http_connection *connection, const struct http_output *output)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->parser.request;
    uint64_t since_ns = request->handed_ns ? request->handed_ns : request->input.started_ns;
    struct http_answer answer = {
        .output = output,
        .body = output->body,
        .took_ns = uv_hrtime() - since_ns,
        .head_only = request->input.method == HTTP_HEAD,
    };
    bool last = connection->ended && connection->pending.size == 0 && !connection->parsing;
    bool built;

    connection->close_behind = output->close || !request->keep_alive || server->draining || last;
    if (connection->close_behind) {
        answer.connection = HTTP_ANSWER_CLOSE;
    } else if (request->version_1_0) {
        answer.connection = HTTP_ANSWER_KEEP_ALIVE;
    }
    if (server->gzip && output->body.size >= HTTP_GZIP_SIZE_MIN) {
        answer.coding = http_gzip_apply(server->gzip, &request->input, output, uv_now(server->loop),
                                        &answer.body);
    }
    built = http_answer_build(&server->out, &answer, &server->date);
    connection->parser.request = NULL;
    http_request_give(&server->pool, request); /* The output may lie in its arena: not earlier. */
    if (!built) {
        buf_done(&server->out);
        http_connection_close(connection);
        return;
    }
    send_out(connection);
}

void http_connection_refuse(struct http_connection *connection, uint16_t status, const char *text)
{
    struct http_server *server = connection->server;
    struct http_output output = {.status = status};
    struct http_request *request = connection->parser.request;

    server->stats.refused_total++;
    if (!request) {
        request = http_request_take(&server->pool);
        if (!request) {
            http_connection_close(connection);
            return;
        }
        request->input.started_ns = uv_hrtime();
        connection->parser.request = request;
    }
    server->options.refusal(server->options.context, status, text, &request->arena, &output);
    output.status = status;
    output.close = true;
    respond(connection, &output);
}

/* A large reply to a read waits when others hold all the memory that may be held. What changes
 * something is answered: its client must know. */
static bool must_wait(const struct http_connection *connection, const struct http_output *output)
{
    const struct http_server *server = connection->server;
    enum http_method method = connection->parser.request->input.method;

    return output->body.size > LARGE_REPLY && method == HTTP_GET &&
           output->body.size + server->pool.memory_used > server->options.memory_max;
}

void http_reply(struct http_request *request, const struct http_output *output)
{
    struct http_connection *connection = request->connection;

    if (!connection) {
        http_request_destroy(request);
        return;
    }
    assert(connection->state == HTTP_CONNECTION_HANDLING);
    connection->server->stats.requests_in_flight--;
    if (must_wait(connection, output)) {
        http_connection_refuse(connection, 503, HTTP_NO_ROOM);
    } else {
        respond(connection, output);
    }
}

void http_connection_hand_over(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->parser.request;

    http_connection_move(connection, HTTP_CONNECTION_HANDLING);
    server->stats.requests_total++;
    server->stats.requests_in_flight++;
    request->connection = connection;
    request->handed_ns = uv_hrtime();
    if (!arena_copy(&request->arena, slice_text(connection->peer), &request->input.peer)) {
        request->input.peer = slice_of(NULL, 0);
    }
    server->options.handler(server->options.context, request);
}

/* Tells the handler, if it asked to be told. */
static void tell_gone(struct http_connection *connection)
{
    struct http_request *request = connection->parser.request;
    void (*gone)(void *) = request->gone;

    request->gone = NULL;
    if (gone) {
        gone(request->gone_context);
    }
}

/* Thousands that end at once, such as a proxy's, take turns: each costs some system calls. */
static void end_idle(struct http_connection *connection)
{
    if (http_server_turn(connection->server)->ended++ < TURN_ENDS_MAX) {
        http_connection_close(connection);
    } else {
        http_connection_next_turn(connection);
    }
}

void http_connection_end(struct http_connection *connection)
{
    connection->ended = true;
    switch (connection->state) {
    case HTTP_CONNECTION_OPENING:
        if (connection->pending.size == 0) {
            http_connection_close(connection);
        }
        break;
    case HTTP_CONNECTION_IDLE:
        if (connection->pending.size == 0) {
            end_idle(connection);
        }
        break;
    case HTTP_CONNECTION_READING:
        http_connection_refuse(connection, 400, "the request ends early");
        break;
    case HTTP_CONNECTION_HANDLING:
        tell_gone(connection);
        break;
    case HTTP_CONNECTION_LINGERING:
        http_connection_close(connection);
        break;
    case HTTP_CONNECTION_WRITING:
    case HTTP_CONNECTION_CLOSED:
    case HTTP_CONNECTION_STATE_COUNT:
        break;
    }
}

/* A client that takes a byte now and then is slow; one that takes none is gone. One that is slow
 * for ever holds memory that others want. */
static void check_progress(struct http_connection *connection)
{
    connection->write_looks++;
    if (http_send_progress(connection) && connection->write_looks < WRITE_LOOKS_MAX) {
        set_deadline(connection, HTTP_DEADLINE_WRITE);
    } else {
        http_connection_close(connection);
    }
}

void http_connection_late(struct http_connection *connection, enum http_deadline_kind kind)
{
    switch (kind) {
    case HTTP_DEADLINE_NOW:
        if (connection->state == HTTP_CONNECTION_HANDLING) {
            tell_gone(connection);
        } else {
            start_deadline(
                connection); /* What is pending may be less than a request's beginning. */
            http_receive_go_on(connection);
        }
        break;
    case HTTP_DEADLINE_REQUEST:
        http_connection_refuse(connection, 408, "the request did not arrive in time");
        break;
    case HTTP_DEADLINE_WRITE:
        check_progress(connection);
        break;
    case HTTP_DEADLINE_OPEN:
    case HTTP_DEADLINE_IDLE:
    case HTTP_DEADLINE_GRACE:
    case HTTP_DEADLINE_LINGER:
        http_connection_close(connection);
        break;
    case HTTP_DEADLINE_NONE:
    case HTTP_DEADLINE_ACCEPT:
    case HTTP_DEADLINE_BACKLOG:
    case HTTP_DEADLINE_COUNT:
        assert(false);
        break;
    }
}

void http_connection_drain(struct http_connection *connection)
{
    if (connection->state == HTTP_CONNECTION_OPENING ||
        (connection->state == HTTP_CONNECTION_IDLE && connection->pending.size == 0)) {
        set_deadline(connection, HTTP_DEADLINE_GRACE);
    }
}

/* A client that had closed its side before the handler asked is told in the next turn. */
void http_on_gone(struct http_request *request, void (*gone)(void *context), void *context)
{
    struct http_connection *connection = request->connection;

    request->gone = gone;
    request->gone_context = context;
    if (connection && connection->ended && gone) {
        set_deadline(connection, HTTP_DEADLINE_NOW);
    }
}

static void link_connection(struct http_server *server, struct http_connection *connection)
{
    connection->next = server->connections;
    if (server->connections) {
        server->connections->previous = connection;
    }
    server->connections = connection;
    server->handle_count++;
    server->stats.connections++;
    server->stats.accepted_total++;
}

static void note_peer(struct http_connection *connection)
{
    struct sockaddr_storage address;
    int size = sizeof(address);

    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&address, &size) == 0) {
        http_address_print(&address, connection->peer);
    }
}

/* The first deadline, and TLS if it is spoken here. */
static bool open_connection(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    (void)uv_tcp_nodelay(&connection->tcp, 1);
    note_peer(connection);
    if (!server->tls) {
        http_connection_move(connection, HTTP_CONNECTION_IDLE);
        return true;
    }
    connection->tls = http_tls_open(server->tls);
    set_deadline(connection, HTTP_DEADLINE_OPEN);
    return connection->tls != NULL;
}

/* One too many is told so, unless there are too many of those, or a handshake would come first. */
static void refuse_connection(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    server->refused_count++;
    connection->over_limit = true;
    if (server->refused_count > HTTP_REFUSED_MAX || connection->tls) {
        server->stats.refused_total++;
        http_connection_close(connection);
    } else {
        http_connection_refuse(connection, 503, "too many connections");
    }
}

bool http_connection_accept(struct http_server *server)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));

    if (!connection) {
        return false;
    }
    connection->server = server;
    connection->paused = true;
    connection->deadline.owner = connection;
    buf_init(&connection->pending, HTTP_READ_MAX + (server->tls ? HTTP_TLS_RECORD_MAX : 0));
    http_parser_init(&connection->parser, &server->options, &server->pool);
    (void)uv_tcp_init(server->loop, &connection->tcp); /* Cannot fail: it opens no socket. */
    connection->tcp.data = connection;
    link_connection(server, connection);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp) != 0 ||
        !open_connection(connection)) {
        http_connection_close(connection);
    } else if (server->stats.connections - server->refused_count >
               server->options.connections_max) {
        refuse_connection(connection);
    } else {
        http_receive_resume(connection);
    }
    return true;
}
