/* The contract's codes: see reply.h. */
#include "base/reply.h"

#include "base/common.h"

#include <stdarg.h>
#include <stdio.h>

static const struct reply_row rows[REPLY_COUNT] = {
    [REPLY_NONE] = {"", 200, ERR_NONE},
    [REPLY_PARSE_ERROR] = {"PARSE_ERROR", 400, ERR_INVALID},
    [REPLY_VALIDATION_ERROR] = {"VALIDATION_ERROR", 400, ERR_INVALID},
    [REPLY_NOT_FOUND] = {"NOT_FOUND", 404, ERR_NOT_FOUND},
    [REPLY_METHOD_NOT_ALLOWED] = {"METHOD_NOT_ALLOWED", 405, ERR_INVALID},
    [REPLY_ACK_ERROR] = {"ACK_ERROR", 400, ERR_STATE},
    [REPLY_FAIL_ERROR] = {"FAIL_ERROR", 400, ERR_STATE},
    [REPLY_RETRY_ERROR] = {"RETRY_ERROR", 400, ERR_STATE},
    [REPLY_CANCEL_ERROR] = {"CANCEL_ERROR", 400, ERR_STATE},
    [REPLY_MOVE_ERROR] = {"MOVE_ERROR", 400, ERR_STATE},
    [REPLY_HOLD_ERROR] = {"HOLD_ERROR", 400, ERR_STATE},
    [REPLY_APPROVE_ERROR] = {"APPROVE_ERROR", 400, ERR_STATE},
    [REPLY_REJECT_ERROR] = {"REJECT_ERROR", 400, ERR_STATE},
    [REPLY_PRIORITY_ERROR] = {"PRIORITY_ERROR", 400, ERR_STATE},
    [REPLY_QUEUE_ERROR] = {"QUEUE_ERROR", 400, ERR_STATE},
    [REPLY_LEASE_LOST] = {"LEASE_LOST", 409, ERR_LEASE_LOST},
    [REPLY_IDEMPOTENCY_MISMATCH] = {"IDEMPOTENCY_MISMATCH", 422, ERR_INVALID},
    [REPLY_PAYLOAD_TOO_LARGE] = {"PAYLOAD_TOO_LARGE", 413, ERR_TOO_LARGE},
    [REPLY_BODY_TOO_LARGE] = {"BODY_TOO_LARGE", 413, ERR_TOO_LARGE},
    [REPLY_BATCH_TOO_LARGE] = {"BATCH_TOO_LARGE", 413, ERR_TOO_LARGE},
    [REPLY_HEADERS_TOO_LARGE] = {"HEADERS_TOO_LARGE", 431, ERR_TOO_LARGE},
    [REPLY_REQUEST_TIMEOUT] = {"REQUEST_TIMEOUT", 408, ERR_TIMEOUT},
    [REPLY_OVERLOADED] = {"OVERLOADED", 429, ERR_BUSY},
    [REPLY_UNSUPPORTED] = {"UNSUPPORTED", 501, ERR_UNSUPPORTED},
    [REPLY_INTERNAL_ERROR] = {"INTERNAL_ERROR", 500, ERR_CORRUPT},
    [REPLY_LEADER_UNAVAILABLE] = {"LEADER_UNAVAILABLE", 503, ERR_NOT_LEADER},
    [REPLY_DISK_FULL] = {"DISK_FULL", 507, ERR_NO_SPACE},
    [REPLY_STORAGE_FAILED] = {"STORAGE_FAILED", 503, ERR_IO},
    [REPLY_SHUTTING_DOWN] = {"SHUTTING_DOWN", 503, ERR_CLOSED},
    [REPLY_CONSISTENCY_TIMEOUT] = {"CONSISTENCY_TIMEOUT", 504, ERR_TIMEOUT},
    [REPLY_EVENTS_GONE] = {"EVENTS_GONE", 410, ERR_NOT_FOUND},
};

static const enum reply_code by_err[ERR_COUNT] = {
    [ERR_INVALID] = REPLY_VALIDATION_ERROR, [ERR_STATE] = REPLY_VALIDATION_ERROR,
    [ERR_NOT_FOUND] = REPLY_NOT_FOUND,      [ERR_LEASE_LOST] = REPLY_LEASE_LOST,
    [ERR_TOO_LARGE] = REPLY_BODY_TOO_LARGE, [ERR_NOT_LEADER] = REPLY_LEADER_UNAVAILABLE,
    [ERR_BUSY] = REPLY_OVERLOADED,          [ERR_NO_SPACE] = REPLY_DISK_FULL,
    [ERR_IO] = REPLY_STORAGE_FAILED,        [ERR_CORRUPT] = REPLY_STORAGE_FAILED,
    [ERR_NOMEM] = REPLY_OVERLOADED,         [ERR_TIMEOUT] = REPLY_REQUEST_TIMEOUT,
    [ERR_CLOSED] = REPLY_SHUTTING_DOWN,     [ERR_UNSUPPORTED] = REPLY_UNSUPPORTED,
};

const struct reply_row *reply_row(enum reply_code code)
{
    assert(code < REPLY_COUNT);
    return &rows[code];
}

enum reply_code reply_find(struct slice name)
{
    for (uint32_t i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
        if (slice_is(name, rows[i].name)) {
            return (enum reply_code)i;
        }
    }
    return REPLY_NONE;
}

enum reply_code reply_for_err(const struct err *err)
{
    if (err->reply) {
        return (enum reply_code)err->reply;
    }
    assert(err->code < ERR_COUNT);
    return by_err[err->code] ? by_err[err->code] : REPLY_INTERNAL_ERROR;
}

enum err_code err_reply(struct err *err, enum reply_code reply, const char *format, ...)
{
    va_list args;

    if (!err) {
        return reply_row(reply)->code;
    }
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->code = reply_row(reply)->code;
    err->reply = (uint16_t)reply;
    return err->code;
}
