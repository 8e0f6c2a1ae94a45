/* Bounds of single values, shared by the JSON reader and message_check. Of this room only. */
#ifndef WIRE_CHECK_H
#define WIRE_CHECK_H

#include "base/err.h"
#include "wire/field.h"

/* Checks one value (a list's item too) against the field's min, max and words. `value` is where it
 * lies. ERR_INVALID (REPLY_VALIDATION_ERROR), the text starting with the field's name. Any thread.
 */
enum err_code check_value(const struct field *field, const void *value, struct err *err);

/* "queue is required". */
enum err_code check_missing(const struct field *field, struct err *err);

/* "jobs has more than 512 items". */
enum err_code check_count(const struct field *field, uint64_t count, struct err *err);

#endif
