/* A start that is refused: one line that says what is wrong and what to do.
 *
 * Each kind is a row: its word (for JSON logs and docs/operating/refusals.md) and its advice. */
#ifndef SERVER_REFUSAL_H
#define SERVER_REFUSAL_H

#include "base/common.h"
#include "base/err.h"
#include "base/log.h"

enum refusal_kind {
    REFUSAL_OTHER,
    REFUSAL_ADDRESS_IN_USE,
    REFUSAL_ADDRESS,
    REFUSAL_LOCKED,
    REFUSAL_NOT_A_DIRECTORY,
    REFUSAL_FOREIGN,
    REFUSAL_EMPTY,
    REFUSAL_OTHER_NODE,
    REFUSAL_OTHER_CLUSTER,
    REFUSAL_NEWER,
    REFUSAL_PERMISSION,
    REFUSAL_READ_ONLY,
    REFUSAL_DISK_FULL,
    REFUSAL_CORRUPT,
    REFUSAL_FILES,
    REFUSAL_CERTIFICATE,
    REFUSAL_UNSUPPORTED,
    REFUSAL_COUNT
};

struct refusal {
    enum refusal_kind kind;
    char text[512]; /* What is wrong; always NUL-terminated. */
};

/* Fills *refusal; returns false, so that checks can return it. Any thread, like all here. */
bool refuse(struct refusal *refusal, enum refusal_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As refuse, for a system call on a path: the kind follows from errno `number`. */
bool refuse_path(struct refusal *refusal, int number, const char *what, const char *path);

/* As refuse, for an error of another room: the kind follows from its code. `busy` is what ERR_STATE
 * and `invalid` what ERR_INVALID means there; ERR_UNSUPPORTED is something that a later version
 * wrote. */
bool refuse_err(struct refusal *refusal, const struct err *err, enum refusal_kind busy,
                enum refusal_kind invalid);

/* The word of a kind ("data-dir-locked"), and what to do about it. */
const char *refusal_word(enum refusal_kind kind);
const char *refusal_advice(enum refusal_kind kind);

/* Tells it on standard error: "corvo server: WHAT: ADVICE", in the journal with its level, or as an
 * error line of the JSON log. */
void refusal_tell(const struct refusal *refusal, enum log_form form);

#endif
