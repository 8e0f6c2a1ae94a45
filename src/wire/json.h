/* Structs to and from JSON by field rows, in two dialects, and the splicer that composes JSON from
 * byte ranges.
 *
 * yyjson reads; nothing here writes JSON through a library: clients' bytes stay what they are
 * (white space is compacted outside strings when an embedded value is written). */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/field.h"

enum json_dialect {
    JSON_REST, /* snake_case, embedded raw JSON, integers as numbers, FIELD_ALWAYS honoured. */
    JSON_RPC,  /* proto3 JSON: lowerCamelCase (snake_case accepted), raw JSON as strings, 64-bit as
                  strings. */
};

/* Reads one JSON object into `record` (message->size bytes; initialised here). Texts with
 * escapes are decoded into `arena`, other texts and raw values borrow from `bytes`: both must
 * outlive the record.
 *
 * Last duplicate key wins, unknown keys are skipped, null means absent (but FIELD_JSON keeps it),
 * bytes after the value other than white space are refused, depth is at most JSON_DEPTH_MAX. The
 * empty text is absent for durations and words, and for RPC raw JSON. 64-bit numbers may be strings
 * in RPC, whole numbers have no fraction or exponent. err->reply: REPLY_PARSE_ERROR (not JSON,
 * wrong type, bad time), REPLY_VALIDATION_ERROR (required, bounds, unknown word, bad duration),
 * REPLY_UNSUPPORTED (a FIELD_UNSUPPORTED key is used). ERR_NOMEM: the arena is full. Any thread. */
enum err_code json_read(const struct message *message, enum json_dialect dialect,
                        struct slice bytes, struct arena *arena, void *ret_record,
                        struct err *err) MUST_USE;

/* Checks the rules that json_read checks (required, bounds, words) on a record that came another
 * way. */
enum err_code message_check(const struct message *message, const void *record,
                            struct err *err) MUST_USE;

/* Appends the record as one compact JSON object, without newline. A full buffer sets buf->failed.
 * Any thread. */
void json_write(const struct message *message, enum json_dialect dialect, const void *record,
                struct buf *buf);

/* Appends a JSON string with quotes; invalid UTF-8 becomes U+FFFD. Any thread. */
void json_write_text(struct buf *buf, struct slice text);

/* Appends a time as RFC 3339 with up to nine fraction digits, Z, with quotes. Any thread. */
void json_write_time(struct buf *buf, uint64_t time_ns);

/* Appends one raw JSON value without the white space outside its strings. Any thread. */
void json_write_compact(struct buf *buf, struct slice json);

/* Parses RFC 3339 with any offset. False when it is not one. Any thread. */
bool json_parse_time(struct slice text, uint64_t *ret_time_ns);

/* Parses a Go duration plus d and w, rounding up to ms: "1h30m", "1.5s", "7d", "0". ERR_INVALID
 * (REPLY_VALIDATION_ERROR) when it is not one, is negative or over DURATION_MS_MAX. Any thread. */
enum err_code json_parse_duration(struct slice text, uint64_t *ret_ms, struct err *err) MUST_USE;

/* What one JSON value is; JSON_BAD when it is not exactly one value (depth checked). Any thread. */
enum json_type {
    JSON_BAD,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};
enum json_type json_type_of(struct slice json);

/* Calls `each` for each member of an object in order (duplicates too) with the decoded key and the
 * raw value, both valid during the call. ERR_INVALID: not an object; an error of `each` ends the
 * walk. Any thread. */
typedef enum err_code (*json_member_fn)(void *context, struct slice key, struct slice raw_value,
                                        struct err *err);
enum err_code json_each_member(struct slice json, struct arena *arena, json_member_fn each,
                               void *context, struct err *err) MUST_USE;

/* Appends the target as the patch changes it (JSON merge patch, RFC 7396). Both are one valid JSON
 * value with a depth of at most JSON_DEPTH_MAX; an empty target is absent. What the patch does not
 * name keeps its bytes and its order, new members come behind. Takes up to twice the target and 16
 * times the patch of `arena`. ERR_NOMEM: the arena is full; a full buffer sets buf->failed. Any
 * thread. */
enum err_code json_merge_patch(struct slice target, struct slice patch, struct arena *arena,
                               struct buf *buf, struct err *err) MUST_USE;

#endif
