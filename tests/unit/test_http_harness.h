/* A real server and clients on real sockets, stepped in one thread: waiting means running the loop
 * until a fact holds, with a limit after which the test fails. */
#ifndef TEST_HTTP_HARNESS_H
#define TEST_HTTP_HARNESS_H

#include "base/limits.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* After the headers it needs. */
#include <cmocka.h>

#define WAIT_MS 20000 /* A fact that does not hold by then is a failure. */
#define HELD_MAX 64

struct world {
    uv_loop_t loop;
    struct http_server *server;
    struct http_request *held[HELD_MAX]; /* Requests whose answer the test gives. */
    size_t held_count;
    size_t handled;
    size_t gone;
    bool watch_gone;      /* Held requests ask to be told. */
    bool reply_when_gone; /* ... and are answered from there. */
    bool drained;
    bool closed;
};

struct client {
    int fd;
    size_t size;
    uint8_t bytes[256 * 1024]; /* Received and not looked at yet. */
};

struct answer {
    int status;
    bool close;
    size_t body_size;
    char head[4096];
    char body[64 * 1024];
};

static inline void say(struct http_request *request, uint16_t status, const char *body)
{
    struct http_output output = {
        .status = status,
        .content_type = "text/plain",
        .body = slice_text(body),
        .headers = slice_text("X-Test: yes\r\n"),
    };

    http_reply(request, &output);
}

/* Says back what came: "POST /path?query body", cut to 60,000 bytes. */
static inline void echo(struct http_request *request)
{
    static const char *const names[] = {"GET",   "HEAD",   "POST",    "PUT",
                                        "PATCH", "DELETE", "OPTIONS", "OTHER"};
    const struct http_input *input = http_input(request);
    const char *text = arena_printf(input->arena, "%s %.*s?%.*s %.*s", names[input->method],
                                    (int)input->path.size, (const char *)input->path.data,
                                    (int)input->query.size, (const char *)input->query.data,
                                    (int)(input->body.size > 60000 ? 60000 : input->body.size),
                                    input->body.size ? (const char *)input->body.data : "");

    say(request, 200, text);
}

static inline void on_test_gone(void *context)
{
    struct world *world = context;

    world->gone++;
    if (world->reply_when_gone) {
        assert_true(world->held_count > 0);
        world->held_count--;
        say(world->held[world->held_count], 200, "gone");
    }
}

static inline void on_test_request(void *context, struct http_request *request)
{
    struct world *world = context;
    const struct http_input *input = http_input(request);

    world->handled++;
    if (slice_is(input->path, "/hold")) {
        assert_true(world->held_count < HELD_MAX);
        world->held[world->held_count] = request;
        world->held_count++;
        if (world->watch_gone) {
            http_on_gone(request, on_test_gone, world);
        }
    } else if (slice_is(input->path, "/big")) {
        size_t size = 16 * MIB;
        uint8_t *bytes = arena_alloc(input->arena, size);
        struct http_output output = {.status = 200, .body = slice_of(bytes, size)};

        assert_non_null(bytes);
        http_reply(request, &output);
    } else if (slice_is(input->path, "/204")) {
        say(request, 204, "never sent");
    } else if (slice_is(input->path, "/close")) {
        struct http_output output = {.status = 200, .close = true};

        http_reply(request, &output);
    } else {
        echo(request);
    }
}

static inline void on_test_refusal(void *context, uint16_t status, const char *text,
                                   struct arena *arena, struct http_output *ret_output)
{
    char *body = arena_printf(arena, "%u %s", status, text);

    (void)context;
    ret_output->content_type = "text/plain";
    ret_output->body = slice_text(body);
}

static inline struct world *world_create(struct http_options options)
{
    struct world *world = calloc(1, sizeof(*world));
    struct err err;

    assert_non_null(world);
    assert_int_equal(uv_loop_init(&world->loop), 0);
    options.bind = options.bind ? options.bind : "127.0.0.1:0";
    options.handler = on_test_request;
    options.refusal = on_test_refusal;
    options.context = world;
    if (http_server_create(&world->loop, &options, &world->server, &err) != ERR_NONE) {
        fail_msg("no server: %s", err.text);
    }
    return world;
}

static inline void on_test_closed(void *context)
{
    struct world *world = context;

    world->closed = true;
}

/* Closes the server and checks that nothing is left in the loop. */
static inline void world_destroy(struct world *world)
{
    http_server_close(world->server, on_test_closed, world);
    assert_int_equal(uv_run(&world->loop, UV_RUN_DEFAULT), 0);
    assert_true(world->closed);
    for (size_t i = 0; i < world->held_count; i++) {
        say(world->held[i], 200, "the server is gone, this only frees");
    }
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
}

static inline uint64_t test_now_ms(void)
{
    return uv_hrtime() / NS_PER_MS;
}

/* Runs the loop; sleeps only until a socket or timer of ours has something. Handles that a callback
 * has started are not in the backend's set before the next run, hence two, and the short sleep. */
static inline void step(struct world *world, const struct client *client, short events)
{
    struct pollfd fds[2] = {{.fd = uv_backend_fd(&world->loop), .events = POLLIN},
                            {.fd = client ? client->fd : -1, .events = events}};
    int timeout;

    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
    timeout = uv_backend_timeout(&world->loop);
    (void)poll(fds, 2, timeout < 0 || timeout > 20 ? 20 : timeout);
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
}

#define WAIT_FOR(world, fact)                                                                      \
    for (uint64_t wait_end = test_now_ms() + WAIT_MS; !(fact); step((world), NULL, 0)) {           \
        if (test_now_ms() > wait_end) {                                                            \
            fail_msg("not within %d ms: %s", WAIT_MS, #fact);                                      \
        }                                                                                          \
    }

static inline int try_connect(struct world *world, struct client *client)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(http_server_port(world->server))};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->size = 0;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connect(client->fd, (const struct sockaddr *)&address, sizeof(address));
}

static inline void client_open(struct world *world, struct client *client)
{
    assert_int_equal(try_connect(world, client), 0);
}

static inline void client_close(struct client *client)
{
    (void)close(client->fd);
    client->fd = -1;
}

/* Sends all, running the loop meanwhile; what the server does not take any more is dropped. */
static inline void client_send(struct world *world, struct client *client, const void *bytes,
                               size_t size)
{
    const uint8_t *at = bytes;
    uint64_t end = test_now_ms() + WAIT_MS;

    while (size) {
        ssize_t sent = send(client->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        }
        (void)uv_run(&world->loop, UV_RUN_NOWAIT);
        if (sent < 0) {
            step(world, client, POLLOUT);
        }
        assert_true(test_now_ms() < end);
    }
}

static inline void client_text(struct world *world, struct client *client, const char *text)
{
    ssize_t sent = send(client->fd, text, strlen(text), MSG_NOSIGNAL);

    assert_int_equal(sent, strlen(text));
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* Waits for more bytes: > 0, 0 at the end, -1 after a reset. */
static inline ssize_t client_more(struct world *world, struct client *client)
{
    uint64_t end = test_now_ms() + WAIT_MS;

    for (;;) {
        ssize_t size;

        if (client->size == sizeof(client->bytes)) {
            fail_msg("a reply of more than %zu bytes", client->size);
        }
        size = recv(client->fd, client->bytes + client->size, sizeof(client->bytes) - client->size,
                    MSG_DONTWAIT);
        if (size > 0) {
            client->size += (size_t)size;
        }
        if (size >= 0 || errno != EAGAIN) {
            return size;
        }
        if (test_now_ms() > end) {
            fail_msg("no reply within %d ms", WAIT_MS);
        }
        step(world, client, POLLIN);
    }
}

static inline void client_drop(struct client *client, size_t size)
{
    client->size -= size;
    memmove(client->bytes, client->bytes + size, client->size);
}

/* Waits for one whole reply and takes it; false when the connection ends before one begins. */
static inline bool client_answer(struct world *world, struct client *client, bool head_only,
                                 struct answer *ret_answer)
{
    const uint8_t *end;
    const char *length;
    size_t head_size;

    while (!(end = memmem(client->bytes, client->size, "\r\n\r\n", 4))) {
        if (client_more(world, client) <= 0) {
            assert_int_equal(client->size, 0);
            return false;
        }
    }
    head_size = (size_t)(end - client->bytes) + 4;
    assert_true(head_size < sizeof(ret_answer->head));
    memcpy(ret_answer->head, client->bytes, head_size);
    ret_answer->head[head_size] = '\0';
    assert_memory_equal(ret_answer->head, "HTTP/1.1 ", 9);
    ret_answer->status = (int)strtol(ret_answer->head + 9, NULL, 10);
    ret_answer->close = strstr(ret_answer->head, "\r\nConnection: close\r\n") != NULL;
    length = strstr(ret_answer->head, "\r\nContent-Length: ");
    ret_answer->body_size = length && !head_only ? strtoul(length + 18, NULL, 10) : 0;
    while (client->size < head_size + ret_answer->body_size) {
        assert_true(client_more(world, client) > 0);
    }
    assert_true(ret_answer->body_size < sizeof(ret_answer->body));
    memcpy(ret_answer->body, client->bytes + head_size, ret_answer->body_size);
    ret_answer->body[ret_answer->body_size] = '\0';
    client_drop(client, head_size + ret_answer->body_size);
    return true;
}

/* The connection must end, with nothing more to read and without a reset. */
static inline void client_ends(struct world *world, struct client *client)
{
    assert_int_equal(client->size, 0);
    assert_int_equal(client_more(world, client), 0);
    client_close(client);
}

#define GOOD "POST /good?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"

static inline void check_good(struct world *world, struct client *client)
{
    static struct answer answer;

    client_text(world, client, GOOD);
    assert_true(client_answer(world, client, false, &answer));
    assert_int_equal(answer.status, 200);
    assert_false(answer.close);
    assert_string_equal(answer.body, "POST /good?x=1 hello");
}

/* A new connection is served: whatever happened before did the server no harm. */
static inline void check_alive(struct world *world)
{
    static struct client client;

    client_open(world, &client);
    check_good(world, &client);
    client_close(&client);
}

#endif
