/* Pieces of JSON as byte ranges: compacting, looking into objects. Clients' bytes stay as they are
 * spelled. */
#include "wire/splice.h"

#include "base/common.h"
#include "base/limits.h"
#include "base/reply.h"
#include "wire/json.h"
#include "wire/json_scan.h"

bool splice_next_run(struct json_cursor *cursor, struct slice *ret_run)
{
    const uint8_t *start;
    struct slice text;

    if (json_peek(cursor) == 0 && cursor->at >= cursor->end) {
        return false;
    }
    start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at > ' ') {
        if (*cursor->at == '"') {
            (void)json_scan_string(cursor, &text);
        } else {
            cursor->at++;
        }
    }
    if (cursor->at == start) {
        cursor->at++; /* A control byte: not JSON; passed on. */
    }
    *ret_run = slice_of(start, (size_t)(cursor->at - start));
    return true;
}

void json_write_compact(struct buf *buf, struct slice json)
{
    struct json_cursor cursor = json_cursor_of(json);
    struct slice run;

    while (splice_next_run(&cursor, &run)) {
        (void)buf_add_slice(buf, run);
    }
}

static enum json_type type_at(uint8_t byte)
{
    switch (byte) {
    case 'n':
        return JSON_NULL;
    case 't':
    case 'f':
        return JSON_BOOL;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

enum json_type json_type_of(struct slice json)
{
    struct json_cursor cursor = json_cursor_of(json);
    struct slice raw;
    uint8_t first;

    if (json_validate(json, NULL)) {
        return JSON_BAD;
    }
    first = json_peek(&cursor);
    if (!json_scan_value(&cursor, JSON_DEPTH_MAX, &raw)) {
        return JSON_BAD;
    }
    return type_at(first);
}

static enum err_code visit_member(struct json_cursor *cursor, struct arena *arena,
                                  json_member_fn each, void *context, struct err *err)
{
    struct slice key;
    struct slice value;

    if (json_scan_string(cursor, &key) && !json_unescape(key, arena, &key)) {
        return err_set(err, ERR_NOMEM, "no memory for a member's name");
    }
    json_skip_colon(cursor);
    if (!json_scan_value(cursor, JSON_DEPTH_MAX - 1, &value)) {
        return err_reply(err, REPLY_PARSE_ERROR, "JSON nests deeper than %d", JSON_DEPTH_MAX);
    }
    return each(context, key, value, err);
}

enum err_code json_each_member(struct slice json, struct arena *arena, json_member_fn each,
                               void *context, struct err *err)
{
    struct json_cursor cursor = json_cursor_of(json);
    enum err_code code = json_validate(json, err);

    if (code) {
        return code;
    }
    if (json_peek(&cursor) != '{') {
        return err_reply(err, REPLY_PARSE_ERROR, "not a JSON object");
    }
    cursor.at++;
    while (json_next_item(&cursor)) {
        code = visit_member(&cursor, arena, each, context, err);
        if (code) {
            return code;
        }
    }
    return ERR_NONE;
}
