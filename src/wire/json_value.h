/* Reading one JSON value that is not a message, list or map into its place in a struct. Of this
 * room only. */
#ifndef WIRE_JSON_VALUE_H
#define WIRE_JSON_VALUE_H

#include "wire/json.h"
#include "wire/json_scan.h"

/* One call of json_read. The cursor walks text that json_validate has accepted. */
struct json_reader {
    enum json_dialect dialect;
    struct arena *arena;
    struct err *err; /* May be NULL. */
    struct json_cursor cursor;
    uint32_t depth; /* Containers around the cursor. */
};

/* Reads the value at the cursor, moves behind it, and checks its bounds. Errors as json_read, their
 * text starting with the field's name. Any thread. */
enum err_code json_read_value(struct json_reader *reader, const struct field *field,
                              void *value) MUST_USE;

/* Moves over the value at the cursor; *ret_raw has its bytes. ERR_INVALID: it nests too deep. Any
 * thread. */
enum err_code json_read_raw(struct json_reader *reader, struct slice *ret_raw) MUST_USE;

/* The decoded text of the string at the cursor, moving behind it. ERR_NOMEM. Any thread. */
enum err_code json_read_string(struct json_reader *reader, struct slice *ret_text) MUST_USE;

#endif
