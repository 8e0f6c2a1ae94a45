/* The h1 yardstick: an HTTP/1.1 server on one thread that parses each request and answers all of
 * them alike. */
#include "base/buf.h"
#include "bench/request.h"
#include "bench/workload_enqueue.h"
#include "bench/yardstick.h"

#include <arpa/inet.h>
#include <errno.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS_MAX 256
#define READ_SIZE ((size_t)64 << 10)
#define BACKLOG 1024

static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                            "Content-Length: 15\r\n\r\n{\"status\":\"ok\"}";

/* One client. What the parser found is kept as a real server would have to. */
struct peer {
    int fd;
    llhttp_t parser;
    struct buf url;
    struct buf body;
    struct buf out;
    uint32_t header_count;
    bool wants_write;
};

static int on_begin(llhttp_t *parser)
{
    struct peer *peer = parser->data;

    buf_clear(&peer->url);
    buf_clear(&peer->body);
    peer->header_count = 0;
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct peer *peer = parser->data;

    return buf_add(&peer->url, at, size) ? 0 : -1;
}

static int on_header(llhttp_t *parser, const char *at, size_t size)
{
    struct peer *peer = parser->data;

    (void)at;
    (void)size;
    peer->header_count++;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct peer *peer = parser->data;

    return buf_add(&peer->body, at, size) ? 0 : -1;
}

static int on_complete(llhttp_t *parser)
{
    struct peer *peer = parser->data;

    return buf_add(&peer->out, reply, sizeof(reply) - 1) ? 0 : -1;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_begin,
    .on_url = on_url,
    .on_header_field = on_header,
    .on_header_value = on_header,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

static void peer_close(struct peer *peer)
{
    (void)close(peer->fd);
    buf_done(&peer->url);
    buf_done(&peer->body);
    buf_done(&peer->out);
    free(peer);
}

static void watch(int epoll_fd, struct peer *peer, int how)
{
    struct epoll_event event = {
        .events = EPOLLIN | (peer->wants_write ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = peer,
    };

    (void)epoll_ctl(epoll_fd, how, peer->fd, &event);
}

static void accept_all(int epoll_fd, int listen_fd)
{
    for (;;) {
        int one = 1;
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct peer *peer;

        if (fd < 0) {
            return;
        }
        peer = calloc(1, sizeof(*peer));
        if (!peer) {
            (void)close(fd);
            return;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        peer->fd = fd;
        buf_init(&peer->url, READ_SIZE);
        buf_init(&peer->body, REQUEST_SIZE_MAX);
        buf_init(&peer->out, REQUEST_SIZE_MAX);
        llhttp_init(&peer->parser, HTTP_REQUEST, &settings);
        peer->parser.data = peer;
        watch(epoll_fd, peer, EPOLL_CTL_ADD);
    }
}

/* False: the connection is over. */
static bool peer_write(int epoll_fd, struct peer *peer)
{
    ssize_t sent;
    bool wants;

    if (peer->out.size == 0) {
        return true;
    }
    sent = send(peer->fd, peer->out.data, peer->out.size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        return false;
    }
    buf_consume(&peer->out, sent > 0 ? (size_t)sent : 0);
    wants = peer->out.size > 0;
    if (wants != peer->wants_write) {
        peer->wants_write = wants;
        watch(epoll_fd, peer, EPOLL_CTL_MOD);
    }
    return true;
}

static bool peer_read(struct peer *peer)
{
    static char bytes[READ_SIZE];
    ssize_t got = recv(peer->fd, bytes, sizeof(bytes), 0);

    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        return false;
    }
    return llhttp_execute(&peer->parser, bytes, (size_t)got) == HPE_OK;
}

static void serve(int listen_fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event events[EVENTS_MAX];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0) {
        _exit(1);
    }
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;

            if (!peer) {
                accept_all(epoll_fd, listen_fd);
            } else if (!peer_read(peer) || !peer_write(epoll_fd, peer)) {
                peer_close(peer);
            }
        }
    }
}

static enum err_code open_listener(int *ret_fd, uint16_t *ret_port, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return err_set(err, ERR_IO, "socket: %s", strerror(errno));
    }
    if (bind(fd, (const struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        (void)close(fd);
        return err_set(err, ERR_IO, "listen: %s", strerror(errno));
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.sin_port);
    return ERR_NONE;
}

enum err_code yardstick_h1_start(pid_t *ret_pid, struct client_address *ret_address,
                                 struct err *err)
{
    struct client_address address = {.host = "127.0.0.1"};
    int fd = -1;
    enum err_code code = open_listener(&fd, &address.port, err);
    pid_t pid;

    if (code != ERR_NONE) {
        return code;
    }
    pid = fork();
    if (pid == 0) {
        serve(fd);
    }
    (void)close(fd);
    if (pid < 0) {
        return err_set(err, ERR_IO, "fork: %s", strerror(errno));
    }
    *ret_pid = pid;
    *ret_address = address;
    return ERR_NONE;
}

void yardstick_h1_stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

enum err_code yardstick_h1(struct bench *bench, struct err *err)
{
    struct bench at_yardstick = *bench;
    struct enqueue_request request = {0};
    struct enqueue_options options = {
        .name = "h1",
        .connection_count = bench_options_connections_max(bench->options),
        .jobs_each = 1,
    };
    pid_t pid = 0;
    enum err_code code = yardstick_h1_start(&pid, &at_yardstick.address, err);

    if (code != ERR_NONE) {
        return code;
    }
    code = enqueue_request_init(&request, &at_yardstick, "bench", err);
    if (code == ERR_NONE) {
        options.request = buf_slice(&request.bytes);
        code = enqueue_run(&at_yardstick, &options, err);
    }
    enqueue_request_done(&request);
    yardstick_h1_stop(pid);
    return code;
}
