/* An HTTP/1.1 client for load: one thread, raw epoll, keep-alive, ready-made request bytes.
 *
 * Each connection has up to depth_max requests in flight, answered in order. Replies are given to
 * one callback, from within client_turn. It follows no redirects, speaks no TLS and copies no body.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#define CLIENT_DEPTH_MAX 64
#define CLIENT_CONNECTIONS_MAX 10000
#define CLIENT_HOST_MAX 128

struct client;

/* Where the server is. */
struct client_address {
    char host[CLIENT_HOST_MAX]; /* A name or a number, without brackets. */
    uint16_t port;
};

struct client_reply {
    uint16_t status;   /* 0: the connection was lost before the reply was complete. */
    struct slice body; /* Borrowed during the callback. */
    uint64_t sent_ns;  /* Monotonic: when client_send got the request. */
    uint64_t received_ns;
};

typedef void (*client_reply_fn)(void *context, uint32_t connection,
                                const struct client_reply *reply);

struct client_options {
    const struct client_address *address;
    uint32_t connection_count;
    uint32_t depth_max; /* 0 = 1; at most CLIENT_DEPTH_MAX. */
    client_reply_fn on_reply;
    void *context;
};

/* Parses "http://host:port", also without the scheme, with a trailing slash or as "[::1]:port"; the
 * port is 8080 when absent. ERR_INVALID: it is none of these; ERR_UNSUPPORTED: https. Any thread.
 */
enum err_code client_address_parse(const char *text, struct client_address *ret_address,
                                   struct err *err) MUST_USE;

/* Connects all connections. ERR_CLOSED: nobody answers there; ERR_NOMEM, ERR_IO. The caller
 * destroys it; the client and all calls on it belong to one thread. */
enum err_code client_create(const struct client_options *options, struct client **ret_client,
                            struct err *err) MUST_USE;

/* Closes everything without waiting for replies. Takes NULL. */
void client_destroy(struct client *client);

/* Sends a request; connection < connection_count with a free place. The bytes are borrowed during
 * the call.
 *
 * A lost connection is opened again first. A failure to do so is kept and returned by the next
 * client_turn. May be called in the callback. */
void client_send(struct client *client, uint32_t connection, struct slice request);

/* Requests in flight on one connection. */
uint32_t client_in_flight(const struct client *client, uint32_t connection);

/* Waits until something happens or wait_until_ns (monotonic) is reached, and handles all that did.
 * A signal ends the wait early. ERR_CLOSED: a connection can not be opened again; ERR_IO. */
enum err_code client_turn(struct client *client, uint64_t wait_until_ns, struct err *err) MUST_USE;

#endif
