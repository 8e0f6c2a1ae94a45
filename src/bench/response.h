/* Reads just enough of an HTTP/1.1 response for a load generator: status, length, whether the
 * connection closes.
 *
 * It refuses what it can not time honestly: chunked bodies, 1xx, a missing length. Nothing is
 * copied. */
#ifndef BENCH_RESPONSE_H
#define BENCH_RESPONSE_H

#include "base/common.h"
#include "base/slice.h"

#define RESPONSE_HEADER_MAX ((size_t)16 << 10)
#define RESPONSE_BODY_MAX ((size_t)64 << 20)

enum response_state {
    RESPONSE_MORE,  /* Call again with more bytes from the same start. */
    RESPONSE_READY, /* Header and body are complete. */
    RESPONSE_BAD,   /* Not a response that this reader takes. */
};

struct response {
    uint16_t status;
    bool closes;        /* The server closes the connection behind it. */
    size_t header_size; /* With the empty line; 0 until it was found. */
    size_t body_size;
};

/* Looks at `bytes`, which begin with a response; *response is zeroed before the first call for it
 * and keeps what was found, so that a body in many pieces does not parse its header again. Any
 * thread. */
enum response_state response_read(struct response *response, struct slice bytes);

#endif
