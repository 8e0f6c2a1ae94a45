/* The server: its listener, what its connections share, and its end. Loop thread only. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/answer.h"
#include "http/connection.h"
#include "http/deadline.h"

/* What the present turn of the loop was spent on, so that everybody gets a share of it. */
struct http_turn {
    uint64_t at_ms;
    uint32_t accepted; /* Connections. */
    uint32_t handled;  /* Requests. */
    uint32_t ended;    /* Idle connections. */
    uint64_t open_ns;  /* For TLS handshakes. */
};

struct http_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    struct http_options options; /* With the defaults filled in; texts are not kept. */
    struct http_tls *tls;        /* NULL: plain. */
    struct http_gzip *gzip;      /* NULL: replies are sent as they are. */
    struct http_deadlines deadlines;
    struct http_deadline accept_retry;
    struct http_connection *connections; /* All whose handle is not closed yet. */
    struct http_request_pool pool;
    struct buf out; /* The reply that is being sent; empty between replies. */
    struct http_date date;
    struct http_stats stats;
    struct http_turn turn;
    uint32_t handle_count;  /* libuv handles that are not closed yet. */
    uint32_t refused_count; /* Connections over connections_max that hear their 503. */
    uint16_t port;
    bool listening;
    bool draining;
    bool closing;
    void (*drained)(void *context);
    void *drained_context;
    void (*closed)(void *context);
    void *closed_context;
    uint8_t read_buffer[HTTP_READ_MAX]; /* One for all: a read is used up before the next one. */
};

/* The present turn. Turns of the same millisecond count as one. */
struct http_turn *http_server_turn(struct http_server *server);

/* Tells the server that a connection's handle is closed; the connection is freed by it. */
void http_server_forget(struct http_server *server, struct http_connection *owned_connection);

#endif
