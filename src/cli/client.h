/* One server, asked over HTTP with libcurl, one request at a time on a kept connection. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "base/common.h"
#include "base/err.h"

/* What is wrong when there is no reply; each kind has a hint of what to try. */
enum client_failure {
    CLIENT_NO_FAILURE,
    CLIENT_BAD_URL,
    CLIENT_NO_HOST,
    CLIENT_NO_CONNECTION,
    CLIENT_TIMEOUT,
    CLIENT_CUT, /* The connection ended before the reply did. */
    CLIENT_NO_HTTP,
    CLIENT_TLS,
    CLIENT_TOO_LARGE,
    CLIENT_INTERRUPTED,
    CLIENT_OTHER,
    CLIENT_FAILURE_COUNT
};

/* All borrowed; NULL: none. */
struct client_options {
    const char *server; /* May leave out the scheme. Not NULL. */
    const char *api_key;
    uint64_t timeout_ms;
    const char *ca_cert; /* Whom to believe, a file; NULL: whom the system believes. */
    const char *client_cert;
    const char *client_key;
};

struct client_request;
struct client_reply;

/* What stands for the network in tests: client_call with all that goes with it. */
typedef enum err_code (*client_transport)(void *context, const struct client_request *request,
                                          struct client_reply *ret_reply, struct err *err);

struct client {
    client_transport transport; /* NULL: libcurl. */
    void *transport_context;
    void *curl;       /* The library's handle. */
    char base[512];   /* "http://ada:secret@localhost:8080", without a slash behind it. */
    char server[512]; /* The same for people: without the secret. */
    struct client_options options;
    bool loopback;
    struct buf reply;
    struct buf url;
    enum client_failure failure; /* Of the last call. */
};

struct client_request {
    const char *method;
    struct slice path; /* Encoded, with its query. */
    struct slice body; /* data NULL: none. */
    const char *idempotency_key;
};

struct client_reply {
    uint32_t status;
    struct slice body; /* Borrowed until the next call. */
};

/* Prepares to talk to a server. ERR_INVALID: no such URL is possible, the key can not stand in a
 * header, or a file can not be read. */
enum err_code client_init(struct client *client, const struct client_options *options,
                          struct err *err) MUST_USE;

/* Closes the connection. Takes a zeroed client. */
void client_done(struct client *client);

/* Sends the request and waits for its reply, whatever its status is. Any error: there is none;
 * client->failure says of which kind, the text says what happened. */
enum err_code client_call(struct client *client, const struct client_request *request,
                          struct client_reply *ret_reply, struct err *err) MUST_USE;

/* What a person can do about it: a sentence, or the empty text. */
const char *client_hint(enum client_failure failure);

#endif
