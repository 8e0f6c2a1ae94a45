/* A connection: from accept to close, one request at a time.
 *
 *     OPENING                          TLS alone: the handshake
 *       | done
 *       v      first byte          last byte             answered
 *      IDLE -------------> READING ----------> HANDLING ----------> IDLE
 *       |                     |                   |       \          ^
 *       |                     | refused           |        v         |
 *       +---------------------+-----------------> +---> WRITING -----+   the reply waits for room
 *                                                 |        |
 *                                                 v        v
 *                                               LINGERING          all is said: wait for the
 *                                                 |                client's end, so that no reset
 *      any ------------------> CLOSED <-----------+                overtakes the reply
 *
 * Bytes behind a request wait in `pending` until it is answered; above a bound reading stops. */
#ifndef HTTP_CONNECTION_H
#define HTTP_CONNECTION_H

#include "http/address.h"
#include "http/deadline.h"
#include "http/parse.h"
#include "http/tls.h"

struct http_server;

enum http_connection_state {
    HTTP_CONNECTION_OPENING,
    HTTP_CONNECTION_IDLE,
    HTTP_CONNECTION_READING,
    HTTP_CONNECTION_HANDLING,
    HTTP_CONNECTION_WRITING,
    HTTP_CONNECTION_LINGERING,
    HTTP_CONNECTION_CLOSED,
    HTTP_CONNECTION_STATE_COUNT
};

struct http_connection {
    uv_tcp_t tcp;
    struct http_server *server;
    struct http_connection *previous; /* In server->connections. */
    struct http_connection *next;
    struct http_parser parser; /* Its request is the one of READING and HANDLING. */
    struct http_deadline deadline;
    struct http_tls_session *tls; /* NULL: plain. */
    struct buf pending;           /* Read, but not parsed yet. */
    size_t pending_held;          /* What of it is counted in pool.memory_used. */
    uint64_t turn_ms;             /* The turn in which ... */
    uint32_t turn_handled;        /* ... so many of its requests were handled. */
    size_t untaken_size;          /* At the last look of the write deadline. */
    uint32_t write_looks;         /* How often it has looked at this reply. */
    enum http_connection_state state;
    bool parsing;      /* A frame below is in the parser: it goes on when the state allows. */
    bool paused;       /* Not reading: too much is pending. */
    bool spoke;        /* TLS: the first bytes have come. */
    bool ended;        /* The client has closed its side. */
    bool close_behind; /* The reply that is being written is the last. */
    bool over_limit;   /* Accepted only to be told 503. */
    char peer[HTTP_ADDRESS_TEXT_MAX];
};

/* Accepts the listener's waiting connection and reads from it; over the limit it is told 503.
 *
 * False without memory: the listener stays paused until this is called again. */
bool http_connection_accept(struct http_server *server) MUST_USE;

/* The only writer of the state: asserts the move and sets the new state's deadline. */
void http_connection_move(struct http_connection *connection, enum http_connection_state state);

/* Gives the handler the request that is complete. */
void http_connection_hand_over(struct http_connection *connection);

/* Answers in the server's own name and closes behind it. */
void http_connection_refuse(struct http_connection *connection, uint16_t status, const char *text);

/* Goes on with what is pending in the next turn of the loop. */
void http_connection_next_turn(struct http_connection *connection);

/* The client has closed its side. It may still read: `printf ... | nc -N` does. */
void http_connection_end(struct http_connection *connection);

/* Says that no more will come, and waits for the client to see it. A close with unread bytes in the
 * kernel would send a reset, which may destroy the reply before the client has read it. */
void http_connection_linger(struct http_connection *connection);

/* Closes at once, whatever the state; a handler that has the request is told that it is gone. */
void http_connection_close(struct http_connection *connection);

/* A reply that http_send kept is with the kernel, or the connection has failed. */
void http_connection_sent(struct http_connection *connection, bool complete);

/* Gives an idle connection of a draining server its last moment; others end with their reply. */
void http_connection_drain(struct http_connection *connection);

/* What to do when the connection's deadline has passed. */
void http_connection_late(struct http_connection *connection, enum http_deadline_kind kind);

#endif
