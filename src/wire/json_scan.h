/* Finding the parts of JSON text that is already known to be valid: no memory, no recursion, ranges
 * of the original bytes. On bytes that json_validate has not seen the results mean nothing, but
 * nothing is read past the end. json_look.h builds on it what other rooms use. */
#ifndef WIRE_JSON_SCAN_H
#define WIRE_JSON_SCAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct json_cursor {
    const uint8_t *at;
    const uint8_t *end;
};

/* Checks that the bytes are exactly one JSON value in valid UTF-8 (yyjson does). Not its depth: the
 * walk counts that. ERR_INVALID (REPLY_PARSE_ERROR) says where, ERR_NOMEM. Takes up to 13 times the
 * size of memory, and frees it. Any thread. */
enum err_code json_validate(struct slice json, struct err *err) __attribute__((warn_unused_result));

/* Moves behind a string, whose quote it stands at. True if it has escapes. The text between the
 * quotes is in *ret_raw. Any thread. */
bool json_scan_string(struct json_cursor *cursor, struct slice *ret_raw);

/* Moves behind one value of any type, whose bytes are then in *ret_raw. False when containers nest
 * more than depth_max deep in it. Any thread. */
bool json_scan_value(struct json_cursor *cursor, uint32_t depth_max, struct slice *ret_raw);

/* Decodes the escapes of a string's text into the arena. False: the arena is full. Any thread. */
bool json_unescape(struct slice raw, struct arena *arena, struct slice *ret_text);

/* A cursor before the first byte. Any thread. */
static inline struct json_cursor json_cursor_of(struct slice json)
{
    return (struct json_cursor){.at = json.data, .end = json.data + json.size};
}

/* The byte at the cursor behind white space; 0 at the end. */
static inline uint8_t json_peek(struct json_cursor *cursor)
{
    while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\n' ||
                                        *cursor->at == '\t' || *cursor->at == '\r')) {
        cursor->at++;
    }
    return cursor->at < cursor->end ? *cursor->at : 0;
}

/* Moves into a container at its bracket, or from one of its items to the next, over the comma.
 * False, and behind the closing bracket, when there is none. Start with `cursor` behind the opening
 * bracket. */
static inline bool json_next_item(struct json_cursor *cursor)
{
    uint8_t byte = json_peek(cursor);

    if (byte == ',') {
        cursor->at++;
        byte = json_peek(cursor);
    }
    if (byte == ']' || byte == '}') {
        cursor->at++;
        return false;
    }
    return byte != 0;
}

/* Moves over the colon behind a member's name. */
static inline void json_skip_colon(struct json_cursor *cursor)
{
    if (json_peek(cursor) == ':') {
        cursor->at++;
    }
    (void)json_peek(cursor);
}

#endif
