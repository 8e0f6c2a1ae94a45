/* Connections over epoll: level-triggered, one recv and one send a request when all goes well. */
#include "bench/client.h"

#include "base/buf.h"
#include "bench/clock.h"
#include "bench/response.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_SIZE ((size_t)64 << 10)
#define IN_MAX (RESPONSE_HEADER_MAX + RESPONSE_BODY_MAX + READ_SIZE)
#define OUT_MAX ((size_t)256 << 20)
#define RECONNECTS_MAX 1000 /* A server that drops every connection ends the run. */
#define CONNECT_SECONDS_MAX 5

struct connection {
    int fd; /* -1: not connected. */
    uint32_t in_flight;
    uint32_t first_sent; /* Ring position in sent_ns of the oldest request in flight. */
    bool wants_write;
    struct response response; /* What is known of the reply at the start of `in`. */
    struct buf in;
    struct buf out; /* What the socket did not take yet. */
    uint64_t sent_ns[CLIENT_DEPTH_MAX];
};

struct client {
    struct connection *connections;
    uint32_t connection_count;
    uint32_t depth_max;
    client_reply_fn on_reply;
    void *context;
    int epoll_fd;
    uint32_t reconnect_count;
    struct sockaddr_storage address;
    socklen_t address_size;
    char where[CLIENT_HOST_MAX + 8];
    struct err failure;
};

static enum err_code copy_host(const char *start, size_t size, struct client_address *address,
                               struct err *err)
{
    if (size == 0 || size >= CLIENT_HOST_MAX) {
        return err_set(err, ERR_INVALID, "the server's host is empty or too long");
    }
    memcpy(address->host, start, size);
    address->host[size] = '\0';
    return ERR_NONE;
}

static enum err_code parse_port(const char *text, uint16_t *ret_port, struct err *err)
{
    char *end;
    unsigned long port;

    if (*text == '\0' || *text == '/') {
        *ret_port = 8080;
        return ERR_NONE;
    }
    if (*text != ':') {
        return err_set(err, ERR_INVALID, "'%s' is not a port of the server", text);
    }
    errno = 0;
    port = strtoul(text + 1, &end, 10);
    if (end == text + 1 || errno != 0 || port == 0 || port > 65535 ||
        (*end != '\0' && strcmp(end, "/") != 0)) {
        return err_set(err, ERR_INVALID, "'%s' is not a port of the server", text + 1);
    }
    *ret_port = (uint16_t)port;
    return ERR_NONE;
}

enum err_code client_address_parse(const char *text, struct client_address *ret_address,
                                   struct err *err)
{
    struct client_address address = {0};
    const char *end;
    enum err_code code;

    if (strncmp(text, "https://", 8) == 0) {
        return err_set(err, ERR_UNSUPPORTED, "the load generator speaks plain http only");
    }
    if (strncmp(text, "http://", 7) == 0) {
        text += 7;
    }
    if (*text == '[') {
        text++;
        end = text + strcspn(text, "]");
        if (*end == '\0') {
            return err_set(err, ERR_INVALID, "the server's address lacks a ']'");
        }
    } else {
        end = text + strcspn(text, ":/");
    }
    code = copy_host(text, (size_t)(end - text), &address, err);
    if (code == ERR_NONE) {
        code = parse_port(*end == ']' ? end + 1 : end, &address.port, err);
    }
    if (code == ERR_NONE) {
        *ret_address = address;
    }
    return code;
}

static enum err_code resolve(struct client *client, const struct client_address *address,
                             struct err *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int status;

    (void)snprintf(port, sizeof(port), "%u", address->port);
    (void)snprintf(client->where, sizeof(client->where), "%s:%s", address->host, port);
    status = getaddrinfo(address->host, port, &hints, &found);
    if (status != 0) {
        return err_set(err, ERR_CLOSED, "%s: %s", client->where, gai_strerror(status));
    }
    memcpy(&client->address, found->ai_addr, found->ai_addrlen);
    client->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    return ERR_NONE;
}

/* A connected, non-blocking socket. SO_SNDTIMEO bounds connect() too. */
static enum err_code open_socket(const struct client *client, int *ret_fd, struct err *err)
{
    struct timeval limit = {.tv_sec = CONNECT_SECONDS_MAX};
    int one = 1;
    int fd = socket(client->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (const struct sockaddr *)&client->address, client->address_size) != 0) {
        int why = errno;

        (void)close(fd);
        return err_set(err, ERR_CLOSED, "connect to %s: %s", client->where, strerror(why));
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *ret_fd = fd;
    return ERR_NONE;
}

static uint32_t index_of(const struct client *client, const struct connection *connection)
{
    return (uint32_t)(connection - client->connections);
}

static enum err_code watch(struct client *client, struct connection *connection, int how,
                           struct err *err)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->wants_write ? (uint32_t)EPOLLOUT : 0),
        .data.u32 = index_of(client, connection),
    };

    if (epoll_ctl(client->epoll_fd, how, connection->fd, &event) != 0) {
        return err_set(err, ERR_IO, "epoll_ctl: %s", strerror(errno));
    }
    return ERR_NONE;
}

static enum err_code open_connection(struct client *client, struct connection *connection,
                                     struct err *err)
{
    enum err_code code;

    assert(connection->fd < 0);
    assert(connection->in_flight == 0);
    code = open_socket(client, &connection->fd, err);
    if (code != ERR_NONE) {
        return code;
    }
    connection->wants_write = false;
    connection->response = (struct response){0};
    buf_clear(&connection->in);
    buf_clear(&connection->out);
    return watch(client, connection, EPOLL_CTL_ADD, err);
}

/* The first failure is the one that explains the rest. */
static void fail(struct client *client, const struct err *err)
{
    if (client->failure.code == ERR_NONE) {
        client->failure = *err;
    }
}

static void deliver(struct client *client, struct connection *connection,
                    struct client_reply *reply)
{
    assert(connection->in_flight > 0);
    reply->sent_ns = connection->sent_ns[connection->first_sent];
    connection->first_sent = (connection->first_sent + 1) % CLIENT_DEPTH_MAX;
    connection->in_flight--;
    client->on_reply(client->context, index_of(client, connection), reply);
}

/* Closes, and answers what was in flight: the oldest with `last` if there is one, the rest with
 * status 0. The callback may send, which connects again: so all answers are made before the first
 * call. */
static void lose(struct client *client, struct connection *connection,
                 const struct client_reply *last)
{
    uint32_t lost = connection->in_flight;
    struct client_reply replies[CLIENT_DEPTH_MAX];
    uint64_t now_ns = clock_mono_ns();

    (void)close(connection->fd);
    connection->fd = -1;
    for (uint32_t i = 0; i < lost; i++) {
        uint32_t at = (connection->first_sent + i) % CLIENT_DEPTH_MAX;

        replies[i] = i == 0 && last ? *last : (struct client_reply){.received_ns = now_ns};
        replies[i].sent_ns = connection->sent_ns[at];
    }
    connection->in_flight = 0;
    for (uint32_t i = 0; i < lost; i++) {
        client->on_reply(client->context, index_of(client, connection), &replies[i]);
    }
}

static void set_wants_write(struct client *client, struct connection *connection, bool wants)
{
    struct err err;

    if (connection->wants_write == wants) {
        return;
    }
    connection->wants_write = wants;
    if (watch(client, connection, EPOLL_CTL_MOD, &err) != ERR_NONE) {
        fail(client, &err);
    }
}

/* How many bytes the socket took; a broken socket takes none and is found out by the next read. */
static size_t send_some(const struct connection *connection, struct slice bytes)
{
    ssize_t sent = send(connection->fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent > 0 ? (size_t)sent : 0;
}

static void flush_out(struct client *client, struct connection *connection)
{
    buf_consume(&connection->out, send_some(connection, buf_slice(&connection->out)));
    set_wants_write(client, connection, connection->out.size > 0);
}

/* Gives each complete reply at the front of `in` to the callback. */
static void take_replies(struct client *client, struct connection *connection)
{
    struct slice rest = buf_slice(&connection->in);
    uint64_t now_ns = clock_mono_ns();

    while (rest.size > 0) {
        struct response response = connection->response;
        enum response_state state = response_read(&response, rest);
        struct client_reply reply = {.status = response.status, .received_ns = now_ns};

        connection->response = response;
        if (state == RESPONSE_MORE) {
            break;
        }
        if (state == RESPONSE_BAD || connection->in_flight == 0) {
            lose(client, connection, NULL);
            return;
        }
        reply.body = slice_of(rest.data + response.header_size, response.body_size);
        if (response.closes) {
            lose(client, connection, &reply);
            return;
        }
        rest = slice_from(rest, response.header_size + response.body_size);
        connection->response = (struct response){0};
        deliver(client, connection, &reply);
    }
    buf_consume(&connection->in, connection->in.size - rest.size);
}

static void on_readable(struct client *client, struct connection *connection)
{
    struct buf *in = &connection->in;
    struct err err;
    ssize_t got;

    if (!buf_reserve(in, READ_SIZE)) {
        (void)err_set(&err, ERR_NOMEM, "no memory for a reply");
        fail(client, &err);
        return;
    }
    got = recv(connection->fd, in->data + in->size, in->capacity - in->size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        lose(client, connection, NULL);
        return;
    }
    in->size += (size_t)got;
    take_replies(client, connection);
}

static bool connect_again(struct client *client, struct connection *connection)
{
    struct err err;

    if (client->failure.code != ERR_NONE) {
        return false;
    }
    if (client->reconnect_count++ >= RECONNECTS_MAX) {
        (void)err_set(&err, ERR_CLOSED, "%s closed %u connections", client->where, RECONNECTS_MAX);
        fail(client, &err);
        return false;
    }
    if (open_connection(client, connection, &err) != ERR_NONE) {
        fail(client, &err);
        return false;
    }
    return true;
}

void client_send(struct client *client, uint32_t index, struct slice request)
{
    struct connection *connection = &client->connections[index];
    uint32_t at;

    assert(index < client->connection_count);
    assert(connection->in_flight < client->depth_max);
    if (connection->fd < 0 && !connect_again(client, connection)) {
        return;
    }
    at = (connection->first_sent + connection->in_flight) % CLIENT_DEPTH_MAX;
    connection->sent_ns[at] = clock_mono_ns();
    connection->in_flight++;
    if (connection->out.size == 0) {
        request = slice_from(request, send_some(connection, request));
    }
    if (request.size == 0) {
        return;
    }
    if (!buf_add_slice(&connection->out, request)) {
        struct err err;

        (void)err_set(&err, ERR_NOMEM, "no memory for a request");
        fail(client, &err);
    }
    set_wants_write(client, connection, true);
}

uint32_t client_in_flight(const struct client *client, uint32_t index)
{
    assert(index < client->connection_count);
    return client->connections[index].in_flight;
}

static struct timespec wait_of(uint64_t wait_until_ns)
{
    uint64_t now_ns = clock_mono_ns();
    uint64_t wait_ns = wait_until_ns > now_ns ? wait_until_ns - now_ns : 0;

    return (struct timespec){.tv_sec = (time_t)(wait_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(wait_ns % NS_PER_SECOND)};
}

enum err_code client_turn(struct client *client, uint64_t wait_until_ns, struct err *err)
{
    struct epoll_event events[EVENTS_MAX];
    struct timespec wait = wait_of(wait_until_ns);
    int count = epoll_pwait2(client->epoll_fd, events, EVENTS_MAX, &wait, NULL);

    if (count < 0 && errno != EINTR) {
        return err_set(err, ERR_IO, "epoll: %s", strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        struct connection *connection = &client->connections[events[i].data.u32];

        if (connection->fd >= 0 && (events[i].events & EPOLLOUT)) {
            flush_out(client, connection);
        }
        if (connection->fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
            on_readable(client, connection);
        }
    }
    if (client->failure.code != ERR_NONE) {
        return err_set(err, client->failure.code, "%s", client->failure.text);
    }
    return ERR_NONE;
}

static enum err_code open_all(struct client *client, const struct client_options *options,
                              struct err *err)
{
    enum err_code code = resolve(client, options->address, err);

    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (client->epoll_fd < 0) {
        return err_set(err, ERR_IO, "epoll_create1: %s", strerror(errno));
    }
    for (uint32_t i = 0; i < client->connection_count && code == ERR_NONE; i++) {
        code = open_connection(client, &client->connections[i], err);
    }
    return code;
}

enum err_code client_create(const struct client_options *options, struct client **ret_client,
                            struct err *err)
{
    struct client *client = calloc(1, sizeof(*client));
    enum err_code code;

    assert(options->depth_max <= CLIENT_DEPTH_MAX);
    assert(options->connection_count > 0);
    assert(options->connection_count <= CLIENT_CONNECTIONS_MAX);
    if (!client) {
        return err_set(err, ERR_NOMEM, "no memory for a client");
    }
    client->epoll_fd = -1;
    client->depth_max = options->depth_max ? options->depth_max : 1;
    client->on_reply = options->on_reply;
    client->context = options->context;
    client->connections = calloc(options->connection_count, sizeof(client->connections[0]));
    if (!client->connections) {
        client_destroy(client);
        return err_set(err, ERR_NOMEM, "no memory for %u connections", options->connection_count);
    }
    client->connection_count = options->connection_count;
    for (uint32_t i = 0; i < client->connection_count; i++) {
        client->connections[i].fd = -1;
        buf_init(&client->connections[i].in, IN_MAX);
        buf_init(&client->connections[i].out, OUT_MAX);
    }
    code = open_all(client, options, err);
    if (code != ERR_NONE) {
        client_destroy(client);
        return code;
    }
    *ret_client = client;
    return ERR_NONE;
}

void client_destroy(struct client *client)
{
    if (!client) {
        return;
    }
    for (uint32_t i = 0; i < client->connection_count; i++) {
        struct connection *connection = &client->connections[i];

        if (connection->fd >= 0) {
            (void)close(connection->fd);
        }
        buf_done(&connection->in);
        buf_done(&connection->out);
    }
    if (client->epoll_fd >= 0) {
        (void)close(client->epoll_fd);
    }
    free(client->connections);
    free(client);
}
