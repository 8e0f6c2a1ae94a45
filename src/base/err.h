/* Errors: one code that says what the caller may do, one text that says what happened. Both by
 * value. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdint.h>

enum err_code {
    ERR_NONE,
    ERR_INVALID,     /* The request is malformed: do not send it again. */
    ERR_STATE,       /* Not possible in the present state: read again, then decide. */
    ERR_NOT_FOUND,   /* The named thing does not exist. */
    ERR_LEASE_LOST,  /* The lease token is not the current one: drop the work. */
    ERR_TOO_LARGE,   /* Above a size limit: send less. */
    ERR_NOT_LEADER,  /* Ask the leader. */
    ERR_BUSY,        /* Over a limit: try later. */
    ERR_NO_SPACE,    /* The disk is full: reads go on, try writes later. */
    ERR_IO,          /* A read, write or sync failed: the store can not be trusted any more. */
    ERR_CORRUPT,     /* Stored bytes do not decode: stop this replica. */
    ERR_NOMEM,       /* No memory: try later; inside apply it stops the replica. */
    ERR_TIMEOUT,     /* A deadline passed: the outcome is not known. */
    ERR_CLOSED,      /* The other side is gone or is shutting down. */
    ERR_UNSUPPORTED, /* This build or node can not do it. */
    ERR_COUNT
};

#define ERR_TEXT_MAX 160

struct err {
    enum err_code code;
    uint16_t reply; /* enum reply_code when the contract has a word of its own for it, else 0. */
    char text[ERR_TEXT_MAX]; /* "job 'job_9' is pending, not active"; always NUL-terminated. */
};

/* Fills *err (which may be NULL) and returns `code`, so that callers write `return err_set(...)`.
 *
 * Text that does not fit is cut. Any thread. */
enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text of *err; returns err->code. Any thread. */
enum err_code err_prefix(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The code's name in lower case with underscores, for logs and tests. Any thread. */
const char *err_code_name(enum err_code code);

#endif
