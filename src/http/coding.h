/* Content codings of replies: which one a client wants, and gzip. Loop thread only. */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H

#include "base/buf.h"
#include "http/http.h"

/* Smaller bodies gain nothing; above HTTP_GZIP_SIZE_MAX a body, or what one turn of the loop has
 * compressed already, is sent as it is: nobody waits longer than that takes. */
#define HTTP_GZIP_SIZE_MIN ((size_t)1 << 10)
#define HTTP_GZIP_SIZE_MAX ((size_t)1 << 20)

struct http_gzip;

enum http_coding {
    HTTP_CODING_NONE,     /* As it is, for every client. */
    HTTP_CODING_IDENTITY, /* As it is, for this client; another may get it otherwise. */
    HTTP_CODING_GZIP
};

/* A compressor, allocated with the first body; NULL without memory. */
struct http_gzip *http_gzip_create(void);

/* Takes NULL. */
void http_gzip_destroy(struct http_gzip *owned_gzip);

/* Whether a client that sends these headers rather has gzip (RFC 9110, 12.5.3). One that refuses
 * both gets the body as it is: that is of more use than a 406. */
bool http_coding_wants_gzip(const struct http_input *input);

/* Decides how the reply's body is sent, and compresses it if it is to be: then *ret_body lives
 * until the next call. `turn` tells turns of the loop apart. */
enum http_coding http_gzip_apply(struct http_gzip *gzip, const struct http_input *input,
                                 const struct http_output *output, uint64_t turn,
                                 struct slice *ret_body);

#endif
