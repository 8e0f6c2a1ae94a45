/* Bytes to requests: llhttp in its strict mode, with the limits and the rules that llhttp leaves
 * to its callers (Host, Transfer-Encoding, Expect, request targets, sizes). */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "http/llhttp_names.h"
#include "http/request.h"

/* Bytes one read may bring; also how far a head may overshoot its limit before that is seen. */
#define HTTP_READ_MAX ((size_t)64 << 10)

/* Bytes of a request that are taken whatever the others hold. */
#define HTTP_REQUEST_FREE_SIZE ((size_t)16 << 10)

/* Why a request or a reply has to wait for memory. */
#define HTTP_NO_ROOM "the server holds as many bytes of requests and replies as it may"

enum http_parsed {
    HTTP_PARSED_MORE,     /* All bytes are used; the request, if one began, wants more. */
    HTTP_PARSED_COMPLETE, /* A request is complete; the bytes behind it are not used. */
    HTTP_PARSED_REFUSED,  /* Refused: see request->refusal_status. Parse no further. */
    HTTP_PARSED_NO_MEMORY /* There is not even a request to answer. Parse no further. */
};

struct http_parser {
    llhttp_t llhttp;
    const struct http_options *options; /* With the defaults filled in. */
    struct http_request_pool *pool;
    struct http_request *request; /* From its first byte on; the caller takes it away. */
};

/* Prepares a parser at the start of a connection; allocates nothing. Loop thread only. */
void http_parser_init(struct http_parser *parser, const struct http_options *options,
                      struct http_request_pool *pool);

/* Parses up to the end of one request; size > 0. Loop thread only. */
enum http_parsed http_parser_run(struct http_parser *parser, const uint8_t *data, size_t size,
                                 size_t *ret_used);

#endif
