/* Paths in error texts: see path.h. */
#include "wire/path.h"

#include <inttypes.h>
#include <stdio.h>

#define KEY_SHOWN_MAX 32

/* Errors that are not about a value (no memory) stay as they are. So does a text that would not
 * fit: what is wrong matters more than the outermost names. */
static enum err_code prepend(struct err *err, enum err_code code, const char *prefix,
                             const char *separator)
{
    char text[ERR_TEXT_MAX];

    if (!err || err->reply == 0) {
        return code;
    }
    if (strlen(prefix) + strlen(separator) + strlen(err->text) >= sizeof(err->text)) {
        return code;
    }
    memcpy(text, err->text, sizeof(text));
    (void)snprintf(err->text, sizeof(err->text), "%s%s%s", prefix, separator, text);
    return code;
}

enum err_code path_field(struct err *err, enum err_code code, const struct field *field)
{
    return prepend(err, code, field->name, ".");
}

enum err_code path_value(struct err *err, enum err_code code, const struct field *field)
{
    return prepend(err, code, field->name, ": ");
}

enum err_code path_item(struct err *err, enum err_code code, const struct field *field,
                        uint32_t index)
{
    char prefix[96];

    (void)snprintf(prefix, sizeof(prefix), "%.60s[%" PRIu32 "]", field->name, index);
    return prepend(err, code, prefix, ".");
}

enum err_code path_key(struct err *err, enum err_code code, const struct field *field,
                       struct slice key)
{
    char prefix[96];
    int shown = key.size < KEY_SHOWN_MAX ? (int)key.size : KEY_SHOWN_MAX;

    (void)snprintf(prefix, sizeof(prefix), "%.50s.%.*s", field->name, shown,
                   key.size ? (const char *)key.data : "");
    return prepend(err, code, prefix, ".");
}
