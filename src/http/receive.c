/* Receiving: see receive.h. */
#include "http/receive.h"

#include "base/limits.h"
#include "http/send.h"
#include "http/server.h"

#define IDLE_READ_MAX (16 * KIB)     /* Bounds what waits behind the first request of a read. */
#define PENDING_STOP (16 * KIB)      /* From here on the client's bytes stay in the kernel. */
#define TURN_REQUESTS_MAX 64         /* Of one connection in one turn, so that others get theirs. */
#define TURN_ALL_MAX 256             /* Of all: from then on each connection gets one a turn. */
#define OPEN_TURN_NS (5 * NS_PER_MS) /* For handshakes in one turn: each costs a signature. */
#define TLS_HANDSHAKE 22             /* The type of the record that begins a TLS connection. */
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* Keeps the server's count of memory in step with what is pending. */
static void count_pending(struct http_connection *connection)
{
    size_t held = connection->pending.capacity;

    connection->server->pool.memory_used += held - connection->pending_held;
    connection->pending_held = held;
}

void http_receive_drop(struct http_connection *connection)
{
    buf_done(&connection->pending);
    count_pending(connection);
}

/* Taken out of the connection, so that closing it within the handler frees nothing in use. */
static struct buf take_pending(struct http_connection *connection)
{
    struct buf pending = connection->pending;

    connection->pending = (struct buf){.size_max = pending.size_max};
    return pending;
}

static bool may_parse(const struct http_connection *connection)
{
    return connection->state == HTTP_CONNECTION_IDLE ||
           connection->state == HTTP_CONNECTION_READING;
}

/* Invites the body. A client that does not get the line sends the body after a while all the same,
 * so a full socket is no reason to wait. */
static void invite_body(struct http_connection *connection)
{
    connection->parser.request->continue_due = false;
    if (!http_send_line(connection, CONTINUE)) {
        http_connection_close(connection);
    }
}

static void hand_over(struct http_connection *connection)
{
    connection->turn_handled++;
    connection->server->turn.handled++;
    http_connection_hand_over(connection);
}

/* Parses up to the end of one request and acts on it. */
static size_t parse_one(struct http_connection *connection, const uint8_t *data, size_t size)
{
    struct http_parser *parser = &connection->parser;
    size_t used;
    enum http_parsed parsed = http_parser_run(parser, data, size, &used);

    if (parser->request && connection->state == HTTP_CONNECTION_IDLE) {
        http_connection_move(connection, HTTP_CONNECTION_READING);
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
        http_connection_refuse(connection, parser->request->refusal_status,
                               parser->request->refusal_text);
        break;
    case HTTP_PARSED_NO_MEMORY:
        http_connection_close(connection);
        break;
    }
    return used;
}

/* Whether the connection may have a request handled in this turn, in which its bytes may come in
 * many pieces. With many that pipeline, 64 of each would make a turn so long that others wait. */
static bool is_its_turn(struct http_connection *connection)
{
    const struct http_turn *turn = http_server_turn(connection->server);
    uint32_t most = turn->handled < TURN_ALL_MAX ? TURN_REQUESTS_MAX : 1;

    if (connection->turn_ms != turn->at_ms) {
        connection->turn_ms = turn->at_ms;
        connection->turn_handled = 0;
    }
    return connection->turn_handled < most;
}

/* Parses until a request is under way, the bytes are used up or others are due; returns how many
 * bytes were used. */
static size_t parse(struct http_connection *connection, const uint8_t *data, size_t size)
{
    size_t used = 0;

    connection->parsing = true;
    while (used < size && may_parse(connection) && is_its_turn(connection)) {
        used += parse_one(connection, data + used, size - used);
    }
    connection->parsing = false;
    return used;
}

/* Bytes that may be parsed but were not, since others were due, are parsed in the next turn. */
static void parse_later(struct http_connection *connection)
{
    if (connection->pending.size && may_parse(connection)) {
        http_connection_next_turn(connection);
    }
}

/* Keeps bytes for later; past the bound, reading stops until they are used. */
static void keep(struct http_connection *connection, struct slice bytes)
{
    if (bytes.size == 0 || connection->state == HTTP_CONNECTION_LINGERING ||
        connection->state == HTTP_CONNECTION_CLOSED) {
        return;
    }
    if (!buf_add_slice(&connection->pending, bytes)) {
        http_connection_close(connection);
        return;
    }
    count_pending(connection);
    if (connection->pending.size >= PENDING_STOP) {
        connection->paused = true;
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    }
    parse_later(connection);
}

/* Plain bytes from the client. */
static void on_bytes(struct http_connection *connection, struct slice bytes)
{
    size_t used = 0;

    if (connection->pending.size == 0 && may_parse(connection)) {
        used = parse(connection, bytes.data, bytes.size);
    }
    keep(connection, slice_from(bytes, used));
}

/* The session is over without an orderly end. A client whose hello was refused is told why. */
static void fail_tls(struct http_connection *connection)
{
    connection->server->stats.tls_failed_total++;
    if (connection->state == HTTP_CONNECTION_OPENING && http_send_tls(connection)) {
        http_connection_linger(connection);
    } else {
        http_connection_close(connection);
    }
}

/* What TLS makes of the client's bytes. */
static void decrypt(struct http_connection *connection, struct slice bytes)
{
    http_tls_feed(connection->tls, bytes);
    while (connection->tls) {
        struct slice plain;
        enum http_tls_result result = http_tls_read(connection->tls, &plain);

        if (result == HTTP_TLS_FAILED) {
            fail_tls(connection);
            return;
        }
        if (!http_send_tls(connection)) {
            http_connection_close(connection);
            return;
        }
        if (connection->state == HTTP_CONNECTION_OPENING && http_tls_is_ready(connection->tls)) {
            http_connection_move(connection, HTTP_CONNECTION_IDLE);
        }
        if (result == HTTP_TLS_BYTES) {
            on_bytes(connection, plain);
            continue;
        }
        if (result == HTTP_TLS_ENDED) {
            http_connection_end(connection);
        }
        return;
    }
}

/* Keeps a handshake's bytes for a turn with fewer of them. */
static void open_later(struct http_connection *connection, struct slice bytes)
{
    if (!buf_add_slice(&connection->pending, bytes)) {
        http_connection_close(connection);
        return;
    }
    count_pending(connection);
    connection->paused = true;
    (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    http_connection_next_turn(connection);
}

static void on_cipher(struct http_connection *connection, struct slice bytes)
{
    struct http_server *server = connection->server;
    uint64_t began_ns;

    if (connection->state != HTTP_CONNECTION_OPENING) {
        decrypt(connection, bytes);
    } else if (http_server_turn(server)->open_ns >= OPEN_TURN_NS) {
        open_later(connection, bytes);
    } else {
        began_ns = uv_hrtime();
        decrypt(connection, bytes);
        server->turn.open_ns += uv_hrtime() - began_ns;
    }
}

/* Somebody speaks HTTP without TLS: a person with the wrong URL, so the answer is in plain words.
 */
static void speak_plainly(struct http_connection *connection)
{
    http_tls_close(connection->tls);
    connection->tls = NULL;
    http_connection_refuse(connection, 400, "this port speaks TLS: use https://");
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct http_connection *connection = stream->data;
    struct slice bytes = slice_of((const uint8_t *)buffer->base, count > 0 ? (size_t)count : 0);

    if (count == UV_EOF) {
        http_connection_end(connection);
    } else if (count < 0) {
        http_connection_close(connection);
    } else if (connection->state == HTTP_CONNECTION_LINGERING || bytes.size == 0) {
        return;
    } else if (!connection->tls) {
        on_bytes(connection, bytes);
    } else if (!connection->spoke && bytes.data[0] != TLS_HANDSHAKE) {
        speak_plainly(connection);
    } else if (!connection->ended) {
        connection->spoke = true;
        on_cipher(connection, bytes);
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

void http_receive_resume(struct http_connection *connection)
{
    if (connection->paused && !connection->ended && connection->state != HTTP_CONNECTION_CLOSED) {
        connection->paused = false;
        if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) {
            http_connection_close(connection);
        }
    }
}

/* Goes on with a handshake. */
static void go_on_opening(struct http_connection *connection)
{
    struct buf pending = take_pending(connection);

    on_cipher(connection, buf_slice(&pending));
    buf_done(&pending);
    count_pending(connection);
    if (connection->state != HTTP_CONNECTION_OPENING || connection->pending.size == 0) {
        http_receive_resume(connection);
    }
}

void http_receive_go_on(struct http_connection *connection)
{
    struct buf pending;
    size_t used;

    if (connection->state == HTTP_CONNECTION_OPENING) {
        go_on_opening(connection);
        return;
    }
    pending = take_pending(connection);
    used = parse(connection, pending.data, pending.size);
    if (used == pending.size || connection->state == HTTP_CONNECTION_LINGERING ||
        connection->state == HTTP_CONNECTION_CLOSED) {
        buf_done(&pending);
    } else {
        buf_consume(&pending, used);
        connection->pending = pending;
    }
    count_pending(connection);
    if (may_parse(connection) && connection->pending.size) {
        parse_later(connection);
    } else if (may_parse(connection) && connection->ended) {
        http_connection_end(connection);
        return;
    }
    if (connection->pending.size < PENDING_STOP) {
        http_receive_resume(connection);
    }
}
