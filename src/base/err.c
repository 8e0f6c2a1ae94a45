/* Error values: see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_code err_set(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;

    if (!err) {
        return code;
    }
    err->code = code;
    err->reply = 0;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return code;
}

enum err_code err_prefix(struct err *err, const char *format, ...)
{
    char old[ERR_TEXT_MAX];
    char prefix[ERR_TEXT_MAX];
    uint16_t reply = err->reply;
    va_list args;

    memcpy(old, err->text, sizeof(old));
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    (void)err_set(err, err->code, "%.60s: %.90s", prefix, old);
    err->reply = reply;
    return err->code;
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[ERR_COUNT] = {
        [ERR_NONE] = "none",
        [ERR_INVALID] = "invalid",
        [ERR_STATE] = "state",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_LEASE_LOST] = "lease_lost",
        [ERR_TOO_LARGE] = "too_large",
        [ERR_NOT_LEADER] = "not_leader",
        [ERR_BUSY] = "busy",
        [ERR_NO_SPACE] = "no_space",
        [ERR_IO] = "io",
        [ERR_CORRUPT] = "corrupt",
        [ERR_NOMEM] = "nomem",
        [ERR_TIMEOUT] = "timeout",
        [ERR_CLOSED] = "closed",
        [ERR_UNSUPPORTED] = "unsupported",
    };

    return code < ERR_COUNT && names[code] ? names[code] : "unknown";
}
