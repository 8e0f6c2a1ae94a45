/* Bytes from a connection's client: through TLS if it is spoken, then to the parser, or kept until
 * the request before them is answered. Loop thread only. */
#ifndef HTTP_RECEIVE_H
#define HTTP_RECEIVE_H

struct http_connection;

/* Reads from a connection that is not read, unless its client has closed its side. */
void http_receive_resume(struct http_connection *connection);

/* Goes on with what is pending: the request before it is answered. */
void http_receive_go_on(struct http_connection *connection);

/* Forgets what is pending. */
void http_receive_drop(struct http_connection *connection);

#endif
