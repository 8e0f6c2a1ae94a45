/* A request: what the parser assembles and the handler reads, and the pool it is taken from.
 *
 * Requests belong to connections only from their first byte to their reply, so that an idle
 * connection holds no memory for them; the pool keeps a few, last used first. Loop thread only. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/buf.h"
#include "http/http.h"

struct http_connection;

struct http_request {
    struct http_input input;
    struct arena arena;
    struct buf body;
    struct http_connection *connection; /* NULL when it has gone: the reply only frees. */
    struct http_request *next;          /* In the pool. */
    uint64_t handed_ns;                 /* When the handler got it; 0 before. */
    void *data;
    void (*gone)(void *context);
    void *gone_context;

    /* The text that is being assembled; what is complete lies in front of it. */
    uint8_t *text;
    size_t text_size;
    size_t text_capacity;
    struct http_header *headers; /* input.headers, while they may change. */
    uint32_t header_capacity;
    uint32_t hosts;
    uint32_t transfer_encodings;
    size_t head_size; /* What counts against header_size_max. */
    size_t wire_size; /* All bytes of the request so far, framing included. */
    size_t held;      /* What of it is counted in the pool's memory_used. */
    bool host_bad;
    bool chunked_only;
    bool version_1_0;
    bool keep_alive;
    bool head_done;
    bool coded;           /* A Content-Encoding other than identity was said. */
    bool expects;         /* "Expect: 100-continue" was sent. */
    bool expects_unknown; /* Another expectation was. */
    bool continue_due;    /* 100 is to be answered if the body is still to come. */

    uint16_t refusal_status; /* 0: not refused. */
    const char *refusal_text;
};

struct http_request_pool {
    struct http_request *first;
    uint32_t count;
    size_t memory_used; /* Requests that are being read or handled, what waits behind them, replies
                         * that wait for their clients. */
};

/* An empty request, or NULL without memory. Given back with http_request_give. */
struct http_request *http_request_take(struct http_request_pool *pool);

/* Takes back a request, which is kept or freed. */
void http_request_give(struct http_request_pool *pool, struct http_request *owned_request);

/* Takes a request's bytes out of the pool's memory_used. */
void http_request_forget(struct http_request_pool *pool, struct http_request *request);

/* Frees a request that has no pool to return to. */
void http_request_destroy(struct http_request *owned_request);

/* Frees what the pool keeps. */
void http_request_pool_done(struct http_request_pool *pool);

#endif
