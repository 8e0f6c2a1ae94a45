/* Bind addresses: text to a listening socket. */
#ifndef HTTP_ADDRESS_H
#define HTTP_ADDRESS_H

#include "base/common.h"
#include "base/err.h"

#include <sys/socket.h>

#define HTTP_ADDRESS_TEXT_MAX 64 /* "[ffff:...:255.255.255.255]:65535" and the NUL. */

/* Opens a listening, non-blocking socket on "host:port", ":port" (all addresses, both families) or
 * "[::1]:port". A host name is looked up, which may block. The socket is the caller's.
 *
 * ERR_INVALID: it does not parse or the name is not known. ERR_STATE: in use. ERR_IO: any other
 * failure. Any thread. */
enum err_code http_address_listen(const char *bind_text, int *ret_socket, uint16_t *ret_port,
                                  struct err *err) MUST_USE;

/* Writes "127.0.0.1:80" or "[::1]:80" to `text`; an IPv4 address within IPv6 is written as IPv4.
 * Any thread. */
void http_address_print(const struct sockaddr_storage *address, char text[HTTP_ADDRESS_TEXT_MAX]);

#endif
