/* Connections: see connection.h. */
#include "http/connection.h"

#include "base/limits.h"
#include "http/server.h"

#include <stdlib.h>
#include <sys/socket.h>

#define IDLE_READ_MAX (16 * KIB) /* Bounds what waits behind the first request of a read. */
#define PENDING_STOP (16 * KIB)  /* From here on the client's bytes stay in the kernel. */
#define OUT_KEEP_MAX (256 * KIB) /* A larger reply buffer is given back. */
#define OVER_LIMIT_MAX 256       /* Connections that hear a 503; more are closed at once. */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

#define TO(state) (1u << HTTP_CONNECTION_##state)
static const uint8_t moves[HTTP_CONNECTION_STATE_COUNT] = {
    [HTTP_CONNECTION_IDLE] = TO(READING) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_READING] = TO(HANDLING) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_HANDLING] = TO(IDLE) | TO(WRITING) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_WRITING] = TO(IDLE) | TO(LINGERING) | TO(CLOSED),
    [HTTP_CONNECTION_LINGERING] = TO(CLOSED),
    [HTTP_CONNECTION_CLOSED] = 0,
};
#undef TO

static const enum http_deadline_kind deadline_kinds[HTTP_CONNECTION_STATE_COUNT] = {
    [HTTP_CONNECTION_IDLE] = HTTP_DEADLINE_IDLE,
    [HTTP_CONNECTION_READING] = HTTP_DEADLINE_REQUEST,
    [HTTP_CONNECTION_HANDLING] = HTTP_DEADLINE_NONE,
    [HTTP_CONNECTION_WRITING] = HTTP_DEADLINE_WRITE,
    [HTTP_CONNECTION_LINGERING] = HTTP_DEADLINE_LINGER,
    [HTTP_CONNECTION_CLOSED] = HTTP_DEADLINE_NONE,
};

struct unsent {
    uv_write_t write;
    struct http_connection *connection;
    uint8_t bytes[];
};

static void set_deadline(struct http_connection *connection, enum http_deadline_kind kind)
{
    http_deadline_set(&connection->server->deadlines, &connection->deadline, kind);
}

/* The only writer of the state; each state has its own deadline. */
static void move(struct http_connection *connection, enum http_connection_state state)
{
    enum http_deadline_kind kind = deadline_kinds[state];

    assert(moves[connection->state] & (1u << state));
    connection->state = state;
    if (kind == HTTP_DEADLINE_IDLE && connection->server->draining) {
        kind = HTTP_DEADLINE_GRACE;
    }
    set_deadline(connection, kind);
}

static bool may_parse(const struct http_connection *connection)
{
    return connection->state == HTTP_CONNECTION_IDLE ||
           connection->state == HTTP_CONNECTION_READING;
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
    move(connection, HTTP_CONNECTION_CLOSED);
    connection->parser.request = NULL;
    buf_done(&connection->pending);
    uv_close((uv_handle_t *)&connection->tcp, on_closed);
    if (request && !handled) {
        http_request_give(&server->pool, request);
    } else if (request) {
        void (*gone)(void *) = request->gone;

        request->connection = NULL; /* The reply frees it now, be it after the server's end. */
        request->gone = NULL;
        server->stats.requests_in_flight--;
        if (gone) {
            gone(request->gone_context);
        }
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    struct http_connection *connection = handle->data;
    uint8_t *bytes = connection->server->read_buffer;
    size_t size = connection->state == HTTP_CONNECTION_READING ? HTTP_READ_MAX : IDLE_READ_MAX;

    (void)suggested;
    *ret_buffer = uv_buf_init((char *)bytes, (unsigned)size);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

static void resume_reading(struct http_connection *connection)
{
    if (connection->paused && !connection->ended && connection->state != HTTP_CONNECTION_CLOSED) {
        connection->paused = false;
        if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) {
            http_connection_close(connection);
        }
    }
}

/* Says that no more will come, and waits for the client to see it. A close with unread bytes in the
 * kernel would send a reset, which may destroy the reply before the client has read it. */
static void linger(struct http_connection *connection)
{
    int fd;

    if (connection->ended || uv_fileno((uv_handle_t *)&connection->tcp, &fd) != 0 ||
        shutdown(fd, SHUT_WR) != 0) {
        http_connection_close(connection);
        return;
    }
    buf_done(&connection->pending);
    move(connection, HTTP_CONNECTION_LINGERING);
    resume_reading(connection);
}

/* All bytes of a reply are with the kernel: what is next? Pending bytes wait for the next turn
 * unless the parser is at work below, so that replies never nest. */
static void after_reply(struct http_connection *connection)
{
    if (connection->close_behind) {
        linger(connection);
        return;
    }
    if (connection->ended && connection->pending.size == 0 && !connection->parsing) {
        http_connection_close(connection);
        return;
    }
    move(connection, HTTP_CONNECTION_IDLE);
    if (connection->parsing) {
        return;
    }
    if (connection->pending.size) {
        set_deadline(connection, HTTP_DEADLINE_NOW);
        return;
    }
    resume_reading(connection);
}

static void on_written(uv_write_t *write, int status)
{
    struct unsent *unsent =
        (struct unsent *)(void *)((char *)write - offsetof(struct unsent, write));
    struct http_connection *connection = unsent->connection;

    free(unsent);
    if (connection->state == HTTP_CONNECTION_CLOSED) {
        return;
    }
    if (status < 0) {
        http_connection_close(connection);
        return;
    }
    after_reply(connection);
}

/* Leaves the rest of a reply to libuv until the client takes it. */
static void write_later(struct http_connection *connection, const uint8_t *bytes, size_t size)
{
    struct unsent *unsent = malloc(sizeof(*unsent) + size);
    uv_buf_t buffer;

    if (!unsent) {
        http_connection_close(connection);
        return;
    }
    unsent->connection = connection;
    memcpy(unsent->bytes, bytes, size);
    buffer = uv_buf_init((char *)unsent->bytes, (unsigned)size);
    if (uv_write(&unsent->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) != 0) {
        free(unsent);
        http_connection_close(connection);
        return;
    }
    connection->unwritten_size = size;
    move(connection, HTTP_CONNECTION_WRITING);
}

/* Sends server->out and empties it. */
static void send_out(struct http_connection *connection)
{
    struct buf *out = &connection->server->out;
    uv_buf_t buffer = uv_buf_init((char *)out->data, (unsigned)out->size);
    int written = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
    bool complete = written >= 0 && (size_t)written == out->size;

    if (written < 0 && written != UV_EAGAIN) {
        http_connection_close(connection);
    } else if (!complete) {
        size_t done = written < 0 ? 0 : (size_t)written;

        write_later(connection, out->data + done, out->size - done);
    }
    buf_clear(out);
    if (out->capacity > OUT_KEEP_MAX) {
        buf_done(out);
    }
    if (complete) {
        after_reply(connection);
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

void http_reply(struct http_request *request, const struct http_output *output)
{
    struct http_connection *connection = request->connection;

    if (!connection) {
        http_request_destroy(request);
        return;
    }
    assert(connection->state == HTTP_CONNECTION_HANDLING);
    connection->server->stats.requests_in_flight--;
    respond(connection, output);
}

/* Answers in the server's own name and closes behind it. */
static void refuse(struct http_connection *connection, uint16_t status, const char *text)
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

/* Invites the body. A client that does not get the line sends the body after a while all the same,
 * so a full socket is no reason to wait; half a line is one to give up. */
static void invite_body(struct http_connection *connection)
{
    char line[] = CONTINUE;
    uv_buf_t buffer = uv_buf_init(line, sizeof(line) - 1);
    int written = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);

    connection->parser.request->continue_due = false;
    if (written != UV_EAGAIN && written != (int)sizeof(line) - 1) {
        http_connection_close(connection);
    }
}

static void hand_over(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = connection->parser.request;

    move(connection, HTTP_CONNECTION_HANDLING);
    server->stats.requests_total++;
    server->stats.requests_in_flight++;
    request->connection = connection;
    request->handed_ns = uv_hrtime();
    if (!arena_copy(&request->arena, slice_text(connection->peer), &request->input.peer)) {
        request->input.peer = slice_of(NULL, 0);
    }
    server->options.handler(server->options.context, request);
}

/* Parses up to the end of one request and acts on it. */
static size_t parse_one(struct http_connection *connection, const uint8_t *data, size_t size)
{
    struct http_parser *parser = &connection->parser;
    size_t used;
    enum http_parsed parsed = http_parser_run(parser, data, size, &used);

    if (parser->request && connection->state == HTTP_CONNECTION_IDLE) {
        move(connection, HTTP_CONNECTION_READING);
    }
    switch (parsed) {
    case HTTP_PARSED_MORE:
        if (parser->request && parser->request->continue_due) {
            invite_body(connection);
        }
        break;
    case HTTP_PARSED_COMPLETE:
        hand_over(connection);
        break;
    case HTTP_PARSED_REFUSED:
        refuse(connection, parser->request->refusal_status, parser->request->refusal_text);
        break;
    case HTTP_PARSED_NO_MEMORY:
        http_connection_close(connection);
        break;
    }
    return used;
}

/* Parses until a request is under way or the bytes are used up; returns how many were. */
static size_t parse(struct http_connection *connection, const uint8_t *data, size_t size)
{
    size_t used = 0;

    connection->parsing = true;
    while (used < size && may_parse(connection)) {
        used += parse_one(connection, data + used, size - used);
    }
    connection->parsing = false;
    return used;
}

/* Keeps bytes for later; past the bound, reading stops until they are used. */
static void keep(struct http_connection *connection, const uint8_t *data, size_t size)
{
    if (size == 0 || connection->state == HTTP_CONNECTION_LINGERING ||
        connection->state == HTTP_CONNECTION_CLOSED) {
        return;
    }
    if (!buf_add(&connection->pending, data, size)) {
        http_connection_close(connection);
        return;
    }
    if (connection->pending.size >= PENDING_STOP) {
        connection->paused = true;
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    }
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

/* The client has closed its side. It may still read: `printf ... | nc -N` does. */
static void end(struct http_connection *connection)
{
    connection->ended = true;
    switch (connection->state) {
    case HTTP_CONNECTION_IDLE:
        if (connection->pending.size == 0) {
            http_connection_close(connection);
        }
        break;
    case HTTP_CONNECTION_READING:
        refuse(connection, 400, "the request ends early");
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

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct http_connection *connection = stream->data;
    const uint8_t *data = (const uint8_t *)buffer->base;
    size_t used = 0;

    if (count == UV_EOF) {
        end(connection);
        return;
    }
    if (count < 0) {
        http_connection_close(connection);
        return;
    }
    if (connection->pending.size == 0 && may_parse(connection)) {
        used = parse(connection, data, (size_t)count);
    }
    keep(connection, data + used, (size_t)count - used);
}

/* Goes on with what is pending: the request before it is answered. */
static void go_on(struct http_connection *connection)
{
    struct buf pending = connection->pending;
    size_t used;

    /* Taken out of the connection, so that closing it within the handler frees nothing in use. */
    connection->pending = (struct buf){.size_max = pending.size_max};
    used = parse(connection, pending.data, pending.size);
    if (used == pending.size || connection->state == HTTP_CONNECTION_LINGERING ||
        connection->state == HTTP_CONNECTION_CLOSED) {
        buf_done(&pending);
    } else {
        buf_consume(&pending, used);
        connection->pending = pending;
    }
    if (may_parse(connection) && connection->ended) {
        end(connection);
    } else if (connection->pending.size < PENDING_STOP) {
        resume_reading(connection);
    }
}

/* A client that takes a byte now and then is slow; one that takes none is gone. */
static void check_progress(struct http_connection *connection)
{
    size_t size = uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp);

    if (size >= connection->unwritten_size) {
        http_connection_close(connection);
        return;
    }
    connection->unwritten_size = size;
    set_deadline(connection, HTTP_DEADLINE_WRITE);
}

void http_connection_late(struct http_connection *connection, enum http_deadline_kind kind)
{
    switch (kind) {
    case HTTP_DEADLINE_NOW:
        if (connection->state == HTTP_CONNECTION_HANDLING) {
            tell_gone(connection);
        } else {
            go_on(connection);
        }
        break;
    case HTTP_DEADLINE_REQUEST:
        refuse(connection, 408, "the request did not arrive in time");
        break;
    case HTTP_DEADLINE_WRITE:
        check_progress(connection);
        break;
    case HTTP_DEADLINE_IDLE:
    case HTTP_DEADLINE_GRACE:
    case HTTP_DEADLINE_LINGER:
        http_connection_close(connection);
        break;
    case HTTP_DEADLINE_NONE:
    case HTTP_DEADLINE_ACCEPT:
    case HTTP_DEADLINE_COUNT:
        assert(false);
        break;
    }
}

void http_connection_drain(struct http_connection *connection)
{
    if (connection->state == HTTP_CONNECTION_IDLE && connection->pending.size == 0) {
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

bool http_connection_accept(struct http_server *server)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));

    if (!connection) {
        return false;
    }
    connection->server = server;
    connection->paused = true;
    connection->deadline.owner = connection;
    buf_init(&connection->pending, HTTP_READ_MAX);
    http_parser_init(&connection->parser, &server->options, &server->pool);
    (void)uv_tcp_init(server->loop, &connection->tcp); /* Cannot fail: it opens no socket. */
    connection->tcp.data = connection;
    link_connection(server, connection);
    if (uv_accept((uv_stream_t *)&server->listener, (uv_stream_t *)&connection->tcp) != 0) {
        http_connection_close(connection);
        return true;
    }
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    note_peer(connection);
    set_deadline(connection, HTTP_DEADLINE_IDLE);
    if (server->stats.connections - server->refused_count <= server->options.connections_max) {
        resume_reading(connection);
        return true;
    }
    server->refused_count++;
    connection->over_limit = true;
    if (server->refused_count > OVER_LIMIT_MAX) {
        http_connection_close(connection);
    } else {
        refuse(connection, 503, "too many connections");
    }
    return true;
}
