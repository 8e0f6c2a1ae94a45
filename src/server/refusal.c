/* Starts that are refused: see refusal.h. */
#include "server/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    const char *advice;
} kinds[REFUSAL_COUNT] = {
    [REFUSAL_OTHER] = {"failed", "see docs/operating/refusals.md"},
    [REFUSAL_ADDRESS_IN_USE] = {"address-in-use", "stop what listens there (ss -ltnp names it), or "
                                                  "choose another --bind"},
    [REFUSAL_ADDRESS] = {"address", "choose another --bind, such as 127.0.0.1:8080"},
    [REFUSAL_LOCKED] = {"data-dir-locked", "stop that process, or choose another --data-dir"},
    [REFUSAL_NOT_A_DIRECTORY] = {"data-dir-not-a-directory", "choose another --data-dir"},
    [REFUSAL_FOREIGN] = {"data-dir-foreign", "choose an empty or a new directory for --data-dir"},
    [REFUSAL_EMPTY] = {"data-dir-empty", "mount or restore the data, or start once with "
                                         "--bootstrap=true to begin anew"},
    [REFUSAL_OTHER_NODE] = {"other-node", "give the node its old --node-id, or choose another "
                                          "--data-dir"},
    [REFUSAL_OTHER_CLUSTER] = {"other-cluster", "put back what belongs together, from one backup"},
    [REFUSAL_NEWER] = {"newer-data", "start that version or a later one: data is never converted "
                                     "back"},
    [REFUSAL_PERMISSION] = {"no-permission", "start it as the owner of the directory, or give the "
                                             "directory to its user (chown)"},
    [REFUSAL_READ_ONLY] = {"read-only", "mount it for writing, or choose another --data-dir"},
    [REFUSAL_DISK_FULL] = {"disk-full", "free some space; nothing of the data is lost"},
    [REFUSAL_CORRUPT] = {"corrupt",
                         "keep the files as they are and restore a backup elsewhere: see "
                         "docs/operating/refusals.md"},
    [REFUSAL_FILES] = {"too-few-files", "raise it (ulimit -n, or LimitNOFILE= of the unit)"},
    [REFUSAL_CERTIFICATE] = {"certificate", "see docs/operating/https.md"},
    [REFUSAL_UNSUPPORTED] = {"not-built", "leave it at its default"},
};

bool refuse(struct refusal *refusal, enum refusal_kind kind, const char *format, ...)
{
    va_list args;

    refusal->kind = kind;
    va_start(args, format);
    (void)vsnprintf(refusal->text, sizeof(refusal->text), format, args);
    va_end(args);
    return false;
}

bool refuse_path(struct refusal *refusal, int number, const char *what, const char *path)
{
    static const struct {
        int number;
        enum refusal_kind kind;
    } rows[] = {
        {EACCES, REFUSAL_PERMISSION}, {EPERM, REFUSAL_PERMISSION},
        {EROFS, REFUSAL_READ_ONLY},   {ENOSPC, REFUSAL_DISK_FULL},
        {EDQUOT, REFUSAL_DISK_FULL},  {ENOTDIR, REFUSAL_NOT_A_DIRECTORY},
        {EISDIR, REFUSAL_FOREIGN},    {EMFILE, REFUSAL_FILES},
        {ENFILE, REFUSAL_FILES},
    };
    enum refusal_kind kind = REFUSAL_OTHER;

    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        kind = rows[i].number == number ? rows[i].kind : kind;
    }
    return refuse(refusal, kind, "can not %s %s: %s", what, path, strerrordesc_np(number));
}

bool refuse_err(struct refusal *refusal, const struct err *err, enum refusal_kind busy,
                enum refusal_kind invalid)
{
    enum refusal_kind kind = REFUSAL_OTHER;

    switch (err->code) {
    case ERR_STATE:
        kind = busy;
        break;
    case ERR_INVALID:
        kind = invalid;
        break;
    case ERR_NO_SPACE:
        kind = REFUSAL_DISK_FULL;
        break;
    case ERR_CORRUPT:
        kind = REFUSAL_CORRUPT;
        break;
    case ERR_UNSUPPORTED:
        kind = REFUSAL_NEWER;
        break;
    default:
        break;
    }
    return refuse(refusal, kind, "%s", err->text);
}

const char *refusal_word(enum refusal_kind kind)
{
    return kinds[kind].word;
}

const char *refusal_advice(enum refusal_kind kind)
{
    return kinds[kind].advice;
}

void refusal_tell(const struct refusal *refusal, enum log_form form)
{
    const struct log_field fields[] = {
        {"refusal", refusal_word(refusal->kind), 0},
        {"why", refusal->text, 0},
        {"advice", refusal_advice(refusal->kind), 0},
    };

    if (form == LOG_JSON) {
        log_event(LOG_ERROR, "the start is refused", fields, ARRAY_COUNT(fields));
    } else {
        (void)fprintf(stderr, "%scorvo server: %s: %s\n", form == LOG_JOURNAL ? "<3>" : "",
                      refusal->text, refusal_advice(refusal->kind));
    }
}
