/* JSON merge patch (RFC 7396) over byte ranges: what the patch does not name keeps its bytes.
 *
 * Both texts are walked level by level, with a level for each object of the patch that is being
 * merged. Of names that an object has twice the last one counts, as everywhere. */
#include "base/common.h"
#include "base/limits.h"
#include "base/reply.h"
#include "wire/json.h"
#include "wire/json_scan.h"

#include <stdlib.h>

/* A member of an object of the patch. */
struct member {
    struct slice name;     /* Decoded. */
    struct slice raw_name; /* With its quotes. */
    struct slice value;
    const uint8_t *last; /* Where the target has the last member of that name; NULL = nowhere. */
    bool superseded;     /* The patch has the name again further on. */
};

/* An object of the patch, and the object of the target that it changes. */
struct level {
    struct json_cursor target; /* Behind its bracket. */
    bool in_target;            /* Its members are being written; else those that are new. */
    bool comma;                /* A member was written. */
    struct member *members;    /* In the order of the patch. */
    struct member **by_name;
    uint32_t count;
    uint32_t next; /* Of the members that may be new. */
};

struct merge {
    struct arena *arena;
    struct buf *buf;
    struct err *err;
    struct level levels[JSON_DEPTH_MAX];
    uint32_t depth;
};

static enum err_code no_memory(struct merge *merge)
{
    return err_set(merge->err, ERR_NOMEM, "no memory to merge JSON");
}

static bool is_object(struct slice json)
{
    struct json_cursor cursor = json_cursor_of(json);

    return json_peek(&cursor) == '{';
}

static bool is_null(struct slice json)
{
    struct json_cursor cursor = json_cursor_of(json);

    return json_peek(&cursor) == 'n';
}

/* Reads the member at the cursor and moves behind it. False: the arena is full. */
static bool read_member(struct json_cursor *cursor, struct arena *arena, struct member *ret_member)
{
    const uint8_t *start = cursor->at;
    struct slice name;
    bool escaped = json_scan_string(cursor, &name);

    *ret_member = (struct member){.raw_name = slice_of(start, (size_t)(cursor->at - start))};
    json_skip_colon(cursor);
    /* Both texts were read with a bound on their depth: no value can be too deep. */
    (void)json_scan_value(cursor, JSON_DEPTH_MAX, &ret_member->value);
    ret_member->name = name;
    return !escaped || json_unescape(name, arena, &ret_member->name);
}

static struct json_cursor inside(struct slice object)
{
    struct json_cursor cursor = json_cursor_of(object);

    (void)json_peek(&cursor);
    cursor.at++;
    return cursor;
}

static uint32_t count_members(struct slice object)
{
    struct json_cursor cursor = inside(object);
    uint32_t count = 0;
    struct slice raw;

    while (json_next_item(&cursor)) {
        (void)json_scan_string(&cursor, &raw);
        json_skip_colon(&cursor);
        (void)json_scan_value(&cursor, JSON_DEPTH_MAX, &raw);
        count++;
    }
    return count;
}

/* By name, and equal names in the order of the patch. */
static int compare_members(const void *a, const void *b)
{
    const struct member *const *left = a;
    const struct member *const *right = b;
    int order = slice_compare((*left)->name, (*right)->name);

    return order ? order : (*left > *right) - (*left < *right);
}

/* The members of the patch's object, sorted, and which of them count. */
static bool read_members(struct merge *merge, struct slice patch, struct level *level)
{
    struct json_cursor cursor = inside(patch);
    uint32_t count = count_members(patch);

    level->members = arena_array(merge->arena, count, sizeof(*level->members));
    level->by_name = arena_array(merge->arena, count, sizeof(struct member *));
    if (!level->members || !level->by_name) {
        return false;
    }
    while (json_next_item(&cursor)) {
        struct member *member = &level->members[level->count];

        if (!read_member(&cursor, merge->arena, member)) {
            return false;
        }
        level->by_name[level->count++] = member;
    }
    if (count > 1) {
        qsort(level->by_name, count, sizeof(struct member *), compare_members);
    }
    for (uint32_t i = 0; i + 1 < count; i++) {
        level->by_name[i]->superseded =
            slice_equal(level->by_name[i]->name, level->by_name[i + 1]->name);
    }
    return true;
}

/* The last member of the patch with that name; NULL when there is none. */
static struct member *find_member(const struct level *level, struct slice name)
{
    uint32_t low = 0;
    uint32_t high = level->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (slice_compare(level->by_name[middle]->name, name) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || !slice_equal(level->by_name[low - 1]->name, name)) {
        return NULL;
    }
    return level->by_name[low - 1];
}

/* Notes where the target has what the patch changes: of equal names the last counts. */
static bool find_last(struct merge *merge, struct level *level)
{
    struct json_cursor cursor = level->target;

    while (json_next_item(&cursor)) {
        const uint8_t *start = cursor.at;
        struct member *changed;
        struct member member;

        if (!read_member(&cursor, merge->arena, &member)) {
            return false;
        }
        changed = find_member(level, member.name);
        if (changed) {
            changed->last = start;
        }
    }
    return true;
}

/* Begins an object of the patch over what the target has in its place. */
static enum err_code enter(struct merge *merge, struct slice target, struct slice patch)
{
    struct level *level = &merge->levels[merge->depth];

    if (merge->depth == JSON_DEPTH_MAX) {
        return err_reply(merge->err, REPLY_PARSE_ERROR, "JSON nests deeper than %d",
                         JSON_DEPTH_MAX);
    }
    merge->depth++;
    *level = (struct level){.in_target = is_object(target)};
    if (level->in_target) {
        level->target = inside(target);
    }
    if (!read_members(merge, patch, level) || (level->in_target && !find_last(merge, level))) {
        return no_memory(merge);
    }
    (void)buf_add_byte(merge->buf, '{');
    return ERR_NONE;
}

static void put_comma(struct merge *merge, struct level *level)
{
    if (level->comma) {
        (void)buf_add_byte(merge->buf, ',');
    }
    level->comma = true;
}

/* Writes a member as the patch wants it; an object's members follow with the next steps. */
static enum err_code put_member(struct merge *merge, struct level *level,
                                const struct member *member, struct slice target)
{
    if (is_null(member->value)) {
        return ERR_NONE;
    }
    put_comma(merge, level);
    (void)buf_add_slice(merge->buf, member->raw_name);
    (void)buf_add_byte(merge->buf, ':');
    if (is_object(member->value)) {
        return enter(merge, target, member->value);
    }
    (void)buf_add_slice(merge->buf, member->value);
    return ERR_NONE;
}

static enum err_code step_target(struct merge *merge, struct level *level)
{
    const uint8_t *start;
    struct member member;
    struct member *changed;

    if (!json_next_item(&level->target)) {
        level->in_target = false;
        return ERR_NONE;
    }
    start = level->target.at;
    if (!read_member(&level->target, merge->arena, &member)) {
        return no_memory(merge);
    }
    changed = find_member(level, member.name);
    if (!changed) {
        put_comma(merge, level);
        (void)buf_add(merge->buf, start, (size_t)(level->target.at - start));
        return ERR_NONE;
    }
    return changed->last == start ? put_member(merge, level, changed, member.value) : ERR_NONE;
}

static enum err_code step_new(struct merge *merge, struct level *level)
{
    const struct member *member;

    if (level->next == level->count) {
        (void)buf_add_byte(merge->buf, '}');
        merge->depth--;
        return ERR_NONE;
    }
    member = &level->members[level->next++];
    if (member->last || member->superseded) {
        return ERR_NONE;
    }
    return put_member(merge, level, member, slice_of(NULL, 0));
}

enum err_code json_merge_patch(struct slice target, struct slice patch, struct arena *arena,
                               struct buf *buf, struct err *err)
{
    struct merge merge = {.arena = arena, .buf = buf, .err = err};
    enum err_code code;

    if (!is_object(patch)) {
        (void)buf_add_slice(buf, patch);
        return ERR_NONE;
    }
    code = enter(&merge, target, patch);
    while (!code && merge.depth > 0 && !buf->failed) {
        struct level *level = &merge.levels[merge.depth - 1];

        code = level->in_target ? step_target(&merge, level) : step_new(&merge, level);
    }
    return code;
}
