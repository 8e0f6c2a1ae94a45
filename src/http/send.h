/* Bytes to a connection's client, plain or through TLS. What the kernel does not take at once is
 * kept until it does. Loop thread only. */
#ifndef HTTP_SEND_H
#define HTTP_SEND_H

#include "base/common.h"
#include "base/slice.h"

struct http_connection;

enum http_sent {
    HTTP_SENT_ALL,   /* The kernel has all of it. */
    HTTP_SENT_LATER, /* The rest was copied: http_connection_sent follows, from a later turn. */
    HTTP_SENT_FAILED /* The connection is of no use any more. */
};

/* Sends a reply. The last one (connection->close_behind) is followed by TLS's own end. A rest that
 * does not fit the memory that all replies may take is a failure. */
enum http_sent http_send(struct http_connection *connection, struct slice bytes);

/* Sends a line that is no reply, such as 100 Continue; it is dropped when the client is not
 * reading. False when the connection is of no use any more. */
bool http_send_line(struct http_connection *connection, const char *line) MUST_USE;

/* Sends what TLS itself has to say. False as above. */
bool http_send_tls(struct http_connection *connection);

/* Whether the client has taken bytes since the last call, or since the reply began. */
bool http_send_progress(struct http_connection *connection);

#endif
