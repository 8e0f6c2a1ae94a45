/* Looking into JSON whose shape is not known before: for display, and for replies of servers that
 * are older or newer than the reader. What has a struct is read by its rows (json.h).
 *
 * Everything here takes JSON that json_look has accepted, and gives ranges of its bytes. */
#ifndef WIRE_JSON_LOOK_H
#define WIRE_JSON_LOOK_H

#include "wire/json_scan.h"

/* Accepts exactly one JSON value, with white space around it; *ret_value is the value alone.
 * ERR_INVALID (REPLY_PARSE_ERROR), ERR_NOMEM. Any thread. */
enum err_code json_look(struct slice bytes, struct slice *ret_value, struct err *err)
    __attribute__((warn_unused_result));

/* A walk over an array's items or an object's members, in their order. */
struct json_walk {
    struct json_cursor cursor;
    bool members;
};

/* A walk before the first one; anything that is no container has none. Any thread. */
struct json_walk json_walk_of(struct slice container);

/* The next one's bytes; false at the end. *ret_name is a member's name as it stands between its
 * quotes, and empty for an item. Any thread. */
bool json_walk_next(struct json_walk *walk, struct slice *ret_name, struct slice *ret_value);

/* The member of that name, the last of several; the empty slice when there is none, when it is
 * null, or when `object` is no object. A name that is written with escapes is not found. Any
 * thread. */
struct slice json_member(struct slice object, const char *name);

/* How many items or members there are. Any thread. */
uint32_t json_walk_count(struct slice container);

/* What a string says. False when it is none, or when the arena is full. Any thread. */
bool json_string_of(struct slice value, struct arena *arena, struct slice *ret_text);

/* A whole number of at most 64 bits, also in a string of digits. False when it is none. Any thread.
 */
bool json_whole_of(struct slice value, uint64_t *ret_number);

/* True for `true`; false for everything else. Any thread. */
bool json_true(struct slice value);

#endif
