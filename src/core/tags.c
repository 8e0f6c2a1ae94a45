/* Tag bounds: see tags.h. */
#include "core/tags.h"

#include "base/limits.h"
#include "base/reply.h"
#include "wire/json.h"

struct tag_count {
    uint32_t count;
    bool plain; /* Only strings, numbers and booleans so far. */
    bool key_too_long;
    bool value_too_long;
};

/* A string's quotes do not count; its escapes do, as the raw bytes are what is kept. */
static enum err_code count_tag(void *context, struct slice key, struct slice raw_value,
                               struct err *err)
{
    struct tag_count *tags = context;
    char first = raw_value.size ? (char)raw_value.data[0] : '\0';
    size_t size = raw_value.size - (first == '"' ? 2 : 0);

    (void)err;
    tags->count++;
    tags->plain = tags->plain && first != '{' && first != '[' && first != 'n';
    tags->key_too_long = tags->key_too_long || key.size > TAG_KEY_MAX;
    tags->value_too_long = tags->value_too_long || size > TAG_VALUE_MAX;
    return ERR_NONE;
}

static bool is_object(struct slice json)
{
    size_t at = 0;

    while (at < json.size && json.data[at] <= ' ') {
        at++;
    }
    return at < json.size && json.data[at] == '{';
}

enum err_code tags_check(struct slice tags, struct arena *arena, struct err *err)
{
    struct tag_count count = {.plain = true};

    if (!is_object(tags)) {
        return ERR_NONE;
    }
    if (json_each_member(tags, arena, count_tag, &count, err) != ERR_NONE) {
        return err->code;
    }
    if (!count.plain) {
        return ERR_NONE;
    }
    if (count.count > TAGS_MAX) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "tags has more than %d members", TAGS_MAX);
    }
    if (count.key_too_long) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "a key of tags is longer than %d bytes",
                         TAG_KEY_MAX);
    }
    if (count.value_too_long) {
        return err_reply(err, REPLY_VALIDATION_ERROR, "a value of tags is longer than %d bytes",
                         TAG_VALUE_MAX);
    }
    return ERR_NONE;
}
