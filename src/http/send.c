/* Sending: see send.h.
 *
 * A long reply through TLS is encrypted piece by piece, as the client takes it: encrypting all of
 * it at once would hold up the loop, and hold the reply twice. */
#include "http/send.h"

#include "base/limits.h"
#include "http/server.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define PIECE_SIZE (64 * KIB)      /* Encrypted at a time. */
#define TURN_SIZE_MAX (256 * KIB)  /* Encrypted for one connection in one turn of the loop. */
#define TLS_UNTAKEN_MAX (64 * KIB) /* TLS's own words to a client that does not read. */
#define REPLY_FREE_SIZE (64 * KIB) /* Kept for a client whatever the others hold. */

struct unsent {
    uv_write_t write;
    struct http_connection *connection;
    struct buf cipher; /* TLS: what libuv is writing. */
    size_t at;         /* TLS: the bytes before it are encrypted. */
    size_t size;
    uint8_t bytes[];
};

struct note {
    uv_write_t write;
    uint8_t bytes[];
};

/* What the kernel takes at once; -1 when the connection has failed. */
static ssize_t try_write(struct http_connection *connection, const void *bytes, size_t size)
{
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);
    int written = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);

    if (written == UV_EAGAIN) {
        return 0;
    }
    return written < 0 ? -1 : written;
}

static void free_unsent(struct unsent *owned_unsent)
{
    owned_unsent->connection->server->pool.memory_used -= owned_unsent->size;
    buf_done(&owned_unsent->cipher);
    free(owned_unsent);
}

/* A copy of the rest of a reply, counted. */
static struct unsent *make_unsent(struct http_connection *connection, struct slice rest)
{
    struct http_server *server = connection->server;
    struct unsent *unsent;

    if (rest.size > REPLY_FREE_SIZE &&
        rest.size + server->pool.memory_used > server->options.memory_max) {
        return NULL;
    }
    unsent = malloc(sizeof(*unsent) + rest.size);
    if (!unsent) {
        return NULL;
    }
    unsent->connection = connection;
    unsent->at = 0;
    unsent->size = rest.size;
    buf_init(&unsent->cipher, HTTP_TLS_OUT_MAX);
    if (rest.size) {
        memcpy(unsent->bytes, rest.data, rest.size);
    }
    server->pool.memory_used += rest.size;
    return unsent;
}

static void on_written(uv_write_t *write, int status);

/* Bytes that the client has not acknowledged: libuv's and the kernel's, which holds megabytes and
 * asks for more only when a third of them is gone. */
static size_t untaken(const struct http_connection *connection)
{
    size_t size = uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
    int held = 0;
    int fd;

    if (uv_fileno((const uv_handle_t *)&connection->tcp, &fd) == 0 &&
        ioctl(fd, SIOCOUTQ, &held) == 0 && held > 0) {
        size += (size_t)held;
    }
    return size;
}

/* Gives bytes of `unsent` to libuv. */
static bool write_on(struct unsent *unsent, const uint8_t *bytes, size_t size)
{
    struct http_connection *connection = unsent->connection;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)size);

    if (uv_write(&unsent->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) != 0) {
        return false;
    }
    connection->untaken_size = untaken(connection);
    return true;
}

/* Encrypts the next piece of `rest`, which moves behind it, and TLS's end behind the last one. */
static bool encrypt(struct http_connection *connection, struct slice *rest)
{
    size_t size = rest->size < PIECE_SIZE ? rest->size : PIECE_SIZE;

    if (!http_tls_write(connection->tls, slice_of(rest->data, size))) {
        return false;
    }
    *rest = slice_from(*rest, size);
    if (rest->size == 0 && connection->close_behind) {
        http_tls_end(connection->tls);
    }
    return !http_tls_out(connection->tls)->failed;
}

/* Takes what TLS has to send as what libuv writes next. */
static bool write_cipher(struct unsent *unsent)
{
    struct buf *out = http_tls_out(unsent->connection->tls);

    buf_done(&unsent->cipher);
    unsent->cipher = *out;
    buf_init(out, HTTP_TLS_OUT_MAX);
    return write_on(unsent, unsent->cipher.data, unsent->cipher.size);
}

/* A piece is with the kernel: the next one, if there is one. */
static bool go_on(struct unsent *unsent)
{
    struct slice rest = slice_of(unsent->bytes + unsent->at, unsent->size - unsent->at);

    if (!encrypt(unsent->connection, &rest)) {
        return false;
    }
    unsent->at = unsent->size - rest.size;
    if (!write_cipher(unsent)) {
        return false;
    }
    unsent->connection->untaken_size = SIZE_MAX; /* The piece before it was progress. */
    return true;
}

static void on_written(uv_write_t *write, int status)
{
    struct unsent *unsent =
        (struct unsent *)(void *)((char *)write - offsetof(struct unsent, write));
    struct http_connection *connection = unsent->connection;
    bool closed = connection->state == HTTP_CONNECTION_CLOSED;
    bool more = connection->tls && unsent->at < unsent->size;

    if (!closed && status == 0 && more && go_on(unsent)) {
        return;
    }
    free_unsent(unsent);
    if (!closed) {
        http_connection_sent(connection, status == 0 && !more);
    }
}

static enum http_sent send_plain(struct http_connection *connection, struct slice bytes)
{
    ssize_t written = try_write(connection, bytes.data, bytes.size);
    struct unsent *unsent;

    if (written < 0) {
        return HTTP_SENT_FAILED;
    }
    if ((size_t)written == bytes.size) {
        return HTTP_SENT_ALL;
    }
    unsent = make_unsent(connection, slice_from(bytes, (size_t)written));
    if (!unsent) {
        return HTTP_SENT_FAILED;
    }
    if (!write_on(unsent, unsent->bytes, unsent->size)) {
        free_unsent(unsent);
        return HTTP_SENT_FAILED;
    }
    return HTTP_SENT_LATER;
}

/* Leaves the rest to libuv: what is encrypted already, then piece by piece. */
static enum http_sent send_rest(struct http_connection *connection, struct slice rest)
{
    struct unsent *unsent = make_unsent(connection, rest);

    if (!unsent) {
        return HTTP_SENT_FAILED;
    }
    if (!(http_tls_out(connection->tls)->size ? write_cipher(unsent) : go_on(unsent))) {
        free_unsent(unsent);
        return HTTP_SENT_FAILED;
    }
    return HTTP_SENT_LATER;
}

static enum http_sent send_cipher(struct http_connection *connection, struct slice bytes)
{
    struct buf *out = http_tls_out(connection->tls);
    size_t turn_end = bytes.size > TURN_SIZE_MAX ? bytes.size - TURN_SIZE_MAX : 0;
    ssize_t written;

    assert(out->size == 0);
    while (bytes.size > turn_end) {
        if (!encrypt(connection, &bytes)) {
            return HTTP_SENT_FAILED;
        }
        written = try_write(connection, out->data, out->size);
        if (written < 0) {
            return HTTP_SENT_FAILED;
        }
        if ((size_t)written < out->size) {
            buf_consume(out, (size_t)written);
            break;
        }
        buf_clear(out);
        if (bytes.size == 0) {
            return HTTP_SENT_ALL;
        }
    }
    return send_rest(connection, bytes);
}

enum http_sent http_send(struct http_connection *connection, struct slice bytes)
{
    enum http_sent sent;

    assert(bytes.size > 0);
    if (!connection->tls) {
        return send_plain(connection, bytes);
    }
    sent = send_cipher(connection, bytes);
    buf_clear(http_tls_out(connection->tls));
    return sent;
}

static void on_note_written(uv_write_t *write, int status)
{
    (void)status; /* The reply behind it, or the next read, fails as well. */
    free((char *)write - offsetof(struct note, write));
}

/* What is behind another write waits for it, in order, but not for ever. */
static bool write_note(struct http_connection *connection, const uint8_t *bytes, size_t size)
{
    uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
    struct note *note;
    uv_buf_t buffer;

    if (uv_stream_get_write_queue_size(stream) > TLS_UNTAKEN_MAX + 2 * PIECE_SIZE) {
        return false;
    }
    note = malloc(sizeof(*note) + size);
    if (!note) {
        return false;
    }
    memcpy(note->bytes, bytes, size);
    buffer = uv_buf_init((char *)note->bytes, (unsigned)size);
    if (uv_write(&note->write, stream, &buffer, 1, on_note_written) != 0) {
        free(note);
        return false;
    }
    return true;
}

bool http_send_tls(struct http_connection *connection)
{
    struct buf *out = http_tls_out(connection->tls);
    ssize_t written;
    bool sent;

    if (out->size == 0 && !out->failed) {
        return true;
    }
    written = try_write(connection, out->data, out->size);
    sent = written >= 0 && !out->failed;
    if (sent && (size_t)written < out->size) {
        sent = write_note(connection, out->data + written, out->size - (size_t)written);
    }
    buf_clear(out); /* Also of its failure, which was one client's. */
    return sent;
}

bool http_send_line(struct http_connection *connection, const char *line)
{
    size_t size = strlen(line);
    ssize_t written;

    if (connection->tls) {
        return http_tls_write(connection->tls, slice_of((const uint8_t *)line, size)) &&
               http_send_tls(connection);
    }
    written = try_write(connection, line, size);
    return written == 0 || written == (ssize_t)size; /* Half a line is one to give up. */
}

bool http_send_progress(struct http_connection *connection)
{
    size_t size = untaken(connection);
    bool progress = size < connection->untaken_size;

    connection->untaken_size = size;
    return progress;
}
