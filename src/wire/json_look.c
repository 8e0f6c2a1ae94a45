/* Looking into JSON by name: see json_look.h. */
#include "wire/json_look.h"

#include "base/common.h"

enum err_code json_look(struct slice bytes, struct slice *ret_value, struct err *err)
{
    struct json_cursor cursor = json_cursor_of(bytes);
    enum err_code code = json_validate(bytes, err);

    if (code) {
        return code;
    }
    (void)json_scan_value(&cursor, UINT32_MAX, ret_value);
    return ERR_NONE;
}

struct json_walk json_walk_of(struct slice container)
{
    struct json_walk walk = {.cursor = json_cursor_of(container)};
    uint8_t first = container.size ? json_peek(&walk.cursor) : 0;

    if (first != '{' && first != '[') {
        return (struct json_walk){.cursor = {.at = container.data, .end = container.data}};
    }
    walk.cursor.at++;
    walk.members = first == '{';
    return walk;
}

bool json_walk_next(struct json_walk *walk, struct slice *ret_name, struct slice *ret_value)
{
    *ret_name = slice_of(NULL, 0);
    if (walk->cursor.at == walk->cursor.end || !json_next_item(&walk->cursor)) {
        walk->cursor.end = walk->cursor.at;
        return false;
    }
    if (walk->members) {
        (void)json_scan_string(&walk->cursor, ret_name);
        json_skip_colon(&walk->cursor);
    }
    return json_scan_value(&walk->cursor, UINT32_MAX, ret_value);
}

struct slice json_member(struct slice object, const char *name)
{
    struct json_walk walk = json_walk_of(object);
    struct slice found = {0};
    struct slice at, value;

    while (json_walk_next(&walk, &at, &value)) {
        if (walk.members && slice_is(at, name)) {
            found = value;
        }
    }
    return slice_is(found, "null") ? slice_of(NULL, 0) : found;
}

uint32_t json_walk_count(struct slice container)
{
    struct json_walk walk = json_walk_of(container);
    struct slice name, value;
    uint32_t count = 0;

    while (json_walk_next(&walk, &name, &value)) {
        count++;
    }
    return count;
}

bool json_string_of(struct slice value, struct arena *arena, struct slice *ret_text)
{
    struct json_cursor cursor = json_cursor_of(value);
    struct slice raw;

    if (value.size == 0 || value.data[0] != '"') {
        return false;
    }
    if (json_scan_string(&cursor, &raw)) {
        return json_unescape(raw, arena, ret_text);
    }
    *ret_text = raw;
    return true;
}

bool json_whole_of(struct slice value, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (value.size >= 2 && value.data[0] == '"') {
        value = slice_of(value.data + 1, value.size - 2);
    }
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];

        if (byte < '0' || byte > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(byte - '0'), &number)) {
            return false;
        }
    }
    if (value.size > 0) {
        *ret_number = number;
    }
    return value.size > 0;
}

bool json_true(struct slice value)
{
    return slice_is(value, "true");
}
