/* An HTTP/1.1 server on libuv and llhttp: connections, parsing, limits, replies. It knows nothing
 * of jobs or JSON.
 *
 * Each request has an arena, is handed to one handler when its body is complete, and is answered
 * exactly once, now or later, on the loop thread. Pipelined requests of a connection are handled
 * one at a time, in order. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/common.h"
#include "base/err.h"
#include "base/slice.h"

#include <uv.h>

struct http_server;
struct http_request;

/* Connections over connections_max that are told so at a time; more are closed without a word. So
 * many files are open beside connections_max. */
#define HTTP_REFUSED_MAX 64

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER
};

struct http_header {
    struct slice name;  /* As sent; compare without case. */
    struct slice value; /* Trimmed. */
};

/* What a handler reads. All memory is the request's arena; it lives until the reply. */
struct http_input {
    enum http_method method;
    struct slice path;  /* Raw, without query: segments are decoded by http_decode. */
    struct slice query; /* Raw, without '?'; may be empty. */
    struct slice body;
    const struct http_header *headers;
    uint32_t header_count;
    struct slice peer;   /* "127.0.0.1:4711". */
    uint64_t started_ns; /* Monotonic: first byte of the request. */
    struct arena *arena;
};

struct http_output {
    uint16_t status;
    const char *content_type; /* NULL: none. Static memory. */
    struct slice body;        /* Copied. Not sent for HEAD, 204, 304. */
    struct slice headers;     /* Extra lines, each ending in CRLF; copied. */
    bool close;               /* Close the connection behind it. */
};

/* Called with each complete request. The handler answers with http_reply, at once or later. */
typedef void (*http_handler)(void *context, struct http_request *request);

/* Makes the answer to what the server itself refuses (bad request line 400, headers 431, body 413,
 * slow client 408 ...): fills body, content type and headers in the arena. `text` says why. */
typedef void (*http_refusal)(void *context, uint16_t status, const char *text, struct arena *arena,
                             struct http_output *ret_output);

struct http_options {
    const char *bind;            /* "host:port", ":port", "[::1]:port"; port 0 = any. */
    size_t header_size_max;      /* 0 = 64 KiB, request line and headers together. */
    uint32_t header_count_max;   /* 0 = 128. */
    size_t body_size_max;        /* 0 = BODY_MAX_DEFAULT. */
    uint32_t connections_max;    /* 0 = 20,000; one more is answered 503 and closed. */
    uint64_t idle_timeout_ms;    /* 0 = 120 s between requests. */
    uint64_t request_timeout_ms; /* 0 = 30 s from the first byte to the last of a request. */
    uint64_t write_timeout_ms;   /* 0 = 30 s in which a client must take bytes of its reply; all
                                    of it in 20 times that. */
    uint64_t open_timeout_ms;    /* 0 = 10 s for the TLS handshake. */
    size_t memory_max;           /* 0 = 512 MiB: what all requests and replies may hold together. */
    bool compression;            /* Replies in gzip for clients that want it. */
    const char *tls_cert_path;   /* NULL: plain HTTP, and no other of these is looked at. */
    const char *tls_key_path;
    const char *tls_client_ca_path; /* NULL: clients need no certificate. */
    bool tls_1_3_only;
    http_handler handler;
    http_refusal refusal;
    void *context;
};

struct http_stats {
    uint32_t connections;
    uint32_t requests_in_flight;
    uint64_t requests_total, refused_total, accepted_total;
    uint64_t tls_failed_total; /* Handshakes that failed, and sessions that broke. */
    uint64_t memory_used;      /* Of memory_max. */
};

struct http_certificate {
    bool used;            /* TLS is spoken. */
    int64_t valid_from_s; /* Since 1970. */
    int64_t valid_until_s;
};

/* Binds and listens on `loop`; the options are copied. Ignores SIGPIPE unless the process handles
 * it.
 *
 * ERR_STATE: the address is in use; ERR_INVALID: it does not parse, or is not this machine's;
 * ERR_CORRUPT: certificate, key or client authorities are not usable; ERR_IO; ERR_NOMEM. This and
 * all below: loop thread only. */
enum err_code http_server_create(uv_loop_t *loop, const struct http_options *options,
                                 struct http_server **ret_server, struct err *err) MUST_USE;

/* The bound port. */
uint16_t http_server_port(const struct http_server *server);

/* Reads certificate, key and client authorities again, for connections from now on; nothing to do
 * for plain HTTP. ERR_CORRUPT: they are not usable, and all stays as it was; ERR_NOMEM. */
enum err_code http_server_reload(struct http_server *server, struct err *err) MUST_USE;

/* When the certificate is valid. */
struct http_certificate http_server_certificate(const struct http_server *server);

/* Stops accepting; answers carry Connection: close; idle connections close after a moment in which
 * what is on its way is still served; calls `drained` when the last is gone, in a later turn. Time
 * limits go on; a request that is held is waited for. */
void http_server_drain(struct http_server *server, void (*drained)(void *context), void *context);

/* Closes everything at once; frees the server in a later loop turn, then calls `closed` (may be
 * NULL). Requests that are held are told that they are gone, and http_reply still frees them, be it
 * after `closed`. */
void http_server_close(struct http_server *server, void (*closed)(void *context), void *context);

/* A copy of the counters. */
struct http_stats http_server_stats(const struct http_server *server);

/* What the client sent; lives until the reply. */
const struct http_input *http_input(const struct http_request *request);

/* A header's value by name without case; data NULL when absent. */
struct slice http_header_find(const struct http_input *input, const char *name);

/* How many headers have that name. */
uint32_t http_header_count(const struct http_input *input, const char *name);

/* A query parameter's value, percent- and plus-decoded into the arena; data NULL when absent or
 * malformed. */
struct slice http_query_find(const struct http_input *input, const char *name);

/* Whether all of the query decodes: without bad escapes and NUL bytes. */
bool http_query_is_good(const struct http_input *input);

/* Percent-decodes once into the arena ('+' stays). ERR_INVALID: a bad escape or a NUL byte. */
enum err_code http_decode(struct slice raw, struct arena *arena, struct slice *ret_text,
                          struct err *err) MUST_USE;

/* Answers; the request and its arena are gone when it returns. Adds Content-Length, Date,
 * Server-Timing (proc;dur=ms with 3 decimals) and the connection header. */
void http_reply(struct http_request *request, const struct http_output *output);

/* Calls `gone`, once, if the client ends the connection before the reply: by a reset, or by closing
 * its side, which may also be a client that only has nothing more to send. The handler must then
 * still call http_reply, at once for choice (in `gone` is fine): what it says reaches a client that
 * is still there. Not called once the request is answered. */
void http_on_gone(struct http_request *request, void (*gone)(void *context), void *context);

/* The handler's own pointer, kept with the request. */
void http_set_data(struct http_request *request, void *data);
void *http_data(const struct http_request *request);

#endif
