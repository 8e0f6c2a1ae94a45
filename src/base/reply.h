/* The contract's machine-readable codes: one row states the word, the HTTP status and the kind of
 * error it is. */
#ifndef BASE_REPLY_H
#define BASE_REPLY_H

#include "base/err.h"
#include "base/slice.h"

enum reply_code {
    REPLY_NONE,
    REPLY_PARSE_ERROR,
    REPLY_VALIDATION_ERROR,
    REPLY_NOT_FOUND,
    REPLY_METHOD_NOT_ALLOWED,
    REPLY_ACK_ERROR,
    REPLY_FAIL_ERROR,
    REPLY_RETRY_ERROR,
    REPLY_CANCEL_ERROR,
    REPLY_MOVE_ERROR,
    REPLY_HOLD_ERROR,
    REPLY_APPROVE_ERROR,
    REPLY_REJECT_ERROR,
    REPLY_PRIORITY_ERROR,
    REPLY_QUEUE_ERROR,
    REPLY_LEASE_LOST,
    REPLY_IDEMPOTENCY_MISMATCH,
    REPLY_PAYLOAD_TOO_LARGE,
    REPLY_BODY_TOO_LARGE,
    REPLY_BATCH_TOO_LARGE,
    REPLY_HEADERS_TOO_LARGE,
    REPLY_REQUEST_TIMEOUT,
    REPLY_OVERLOADED,
    REPLY_UNSUPPORTED,
    REPLY_INTERNAL_ERROR,
    REPLY_LEADER_UNAVAILABLE,
    REPLY_DISK_FULL,
    REPLY_STORAGE_FAILED,
    REPLY_SHUTTING_DOWN,
    REPLY_CONSISTENCY_TIMEOUT,
    REPLY_EVENTS_GONE,
    REPLY_COUNT
};

struct reply_row {
    const char *name;   /* "ACK_ERROR": what clients match on. */
    uint16_t status;    /* HTTP. */
    enum err_code code; /* What the caller may do. */
};

/* The row of a code below REPLY_COUNT; static memory. Any thread. */
const struct reply_row *reply_row(enum reply_code code);

/* The code of that name; REPLY_NONE when there is none. Any thread. */
enum reply_code reply_find(struct slice name);

/* The reply code that an error without one of its own is answered with. Any thread. */
enum reply_code reply_for_err(const struct err *err);

/* As err_set, with the contract's code: err->reply is `reply`, err->code the row's. Returns the
 * latter. */
enum err_code err_reply(struct err *err, enum reply_code reply, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
