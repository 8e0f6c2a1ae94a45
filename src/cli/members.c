/* What flags say as members of a JSON object or of a query: see args.h. */
#include "cli/args.h"
#include "wire/json.h"

#include <string.h>

struct writer {
    const struct args *args;
    struct buf *out;
    uint64_t now_ns;
};

static const char *member_of(const struct flag *flag)
{
    return flag->member ? flag->member : flag->name;
}

/* The last value given to the flag; NULL when there is none, or one that means none. */
static const char *last_value(const struct args *args, const struct flag *flag)
{
    const char *value = NULL;

    for (uint32_t i = 0; i < args->given_count; i++) {
        if (args->given[i].flag == flag) {
            value = args->given[i].value;
        }
    }
    return value && flag->unset && strcmp(value, flag->unset) == 0 ? NULL : value;
}

static void write_comma(struct buf *out, bool *comma)
{
    (void)buf_add_text(out, *comma ? "," : "");
    *comma = true;
}

/* --- Values --------------------------------------------------------------------------------------
 */

static void write_since(struct writer *writer, const char *value)
{
    uint64_t ms, time_ns;

    if (json_parse_time(slice_text(value), &time_ns) ||
        json_parse_duration(slice_text(value), &ms, NULL)) {
        json_write_text(writer->out, slice_text(value));
        return;
    }
    json_write_time(writer->out,
                    ms * NS_PER_MS < writer->now_ns ? writer->now_ns - ms * NS_PER_MS : 0);
}

/* The texts of a list, in all values of the flag. */
static void write_list(struct writer *writer, const struct flag *flag)
{
    bool comma = false;

    (void)buf_add_byte(writer->out, '[');
    for (uint32_t i = 0; i < writer->args->given_count; i++) {
        const char *at = writer->args->given[i].value;

        while (writer->args->given[i].flag == flag && at) {
            size_t size = flag->kind == FLAG_WORDS ? strcspn(at, ",") : strlen(at);

            write_comma(writer->out, &comma);
            json_write_text(writer->out, slice_of(at, size));
            at = at[size] ? at + size + 1 : NULL;
        }
    }
    (void)buf_add_byte(writer->out, ']');
}

static void write_pairs(struct writer *writer, const struct flag *flag)
{
    bool comma = false;

    (void)buf_add_byte(writer->out, '{');
    for (uint32_t i = 0; i < writer->args->given_count; i++) {
        const char *value = writer->args->given[i].value;

        if (writer->args->given[i].flag != flag) {
            continue;
        }
        if (*value == '{') {
            struct slice inner = slice_of(value + 1, (size_t)(strrchr(value, '}') - value - 1));

            if (json_type_of(slice_text(value)) == JSON_OBJECT && inner.size > 0 &&
                strspn((const char *)inner.data, " \t\r\n") < inner.size) {
                write_comma(writer->out, &comma);
                (void)buf_add_slice(writer->out, inner);
            }
            continue;
        }
        write_comma(writer->out, &comma);
        json_write_text(writer->out, slice_of(value, strcspn(value, "=")));
        (void)buf_add_byte(writer->out, ':');
        json_write_text(writer->out, slice_text(strchr(value, '=') + 1));
    }
    (void)buf_add_byte(writer->out, '}');
}

static bool is_number(const char *text)
{
    return json_type_of(slice_text(text)) == JSON_NUMBER;
}

static void write_value(struct writer *writer, const struct flag *flag, const char *value)
{
    switch (flag->kind) {
    case FLAG_SWITCH:
    case FLAG_NUMBER:
        (void)buf_add_text(writer->out, value);
        return;
    case FLAG_JSON:
        json_write_compact(writer->out, slice_text(value));
        return;
    case FLAG_SINCE:
        write_since(writer, value);
        return;
    case FLAG_WORDS:
    case FLAG_TEXTS:
        write_list(writer, flag);
        return;
    case FLAG_PAIRS:
        write_pairs(writer, flag);
        return;
    case FLAG_WORD:
    case FLAG_DURATION:
        if (is_number(value)) {
            (void)buf_add_text(writer->out, value);
            return;
        }
        break;
    default:
        break;
    }
    json_write_text(writer->out, slice_text(value));
}

/* --- Members -------------------------------------------------------------------------------------
 */

static void write_member(struct writer *writer, const struct flag *flag, const char *name,
                         bool *comma)
{
    write_comma(writer->out, comma);
    json_write_text(writer->out, slice_text(name));
    (void)buf_add_byte(writer->out, ':');
    write_value(writer, flag, last_value(writer->args, flag));
    if (flag->implies) {
        (void)buf_printf(writer->out, ",%s", flag->implies);
    }
}

/* A given member of the body whose name starts with `prefix` (its first `size` bytes). */
static bool is_inside(const struct args *args, const struct flag *flag, const char *prefix,
                      size_t size)
{
    return flag->place == FLAG_BODY && last_value(args, flag) &&
           strncmp(member_of(flag), prefix, size) == 0;
}

/* All members of one inner object ("agent."), at the first of them. */
static void write_inner(struct writer *writer, uint32_t first, size_t prefix_size, bool *comma)
{
    const struct flag_list *list = &writer->args->flags;
    const char *prefix = member_of(&list->rows[first]);
    bool inner_comma = false;

    for (uint32_t i = 0; i < first; i++) {
        if (is_inside(writer->args, &list->rows[i], prefix, prefix_size)) {
            return;
        }
    }
    write_comma(writer->out, comma);
    json_write_text(writer->out, slice_of(prefix, prefix_size - 1));
    (void)buf_add_text(writer->out, ":{");
    for (uint32_t i = first; i < list->count; i++) {
        if (is_inside(writer->args, &list->rows[i], prefix, prefix_size)) {
            write_member(writer, &list->rows[i], member_of(&list->rows[i]) + prefix_size,
                         &inner_comma);
        }
    }
    (void)buf_add_byte(writer->out, '}');
}

void args_write_members(const struct args *args, uint64_t now_ns, bool *comma, struct buf *out)
{
    struct writer writer = {.args = args, .out = out, .now_ns = now_ns};

    for (uint32_t i = 0; i < args->flags.count; i++) {
        const struct flag *flag = &args->flags.rows[i];
        const char *dot = strchr(member_of(flag), '.');

        if (flag->place != FLAG_BODY || !last_value(args, flag)) {
            continue;
        }
        if (dot) {
            write_inner(&writer, i, (size_t)(dot - member_of(flag)) + 1, comma);
        } else {
            write_member(&writer, flag, member_of(flag), comma);
        }
    }
}

void args_write_encoded(struct slice text, struct buf *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] && strchr(plain, text.data[i])) {
            (void)buf_add_byte(out, text.data[i]);
        } else {
            (void)buf_printf(out, "%%%02X", text.data[i]);
        }
    }
}

void args_write_query(const struct args *args, struct buf *out)
{
    char before = '?';

    for (uint32_t i = 0; i < args->flags.count; i++) {
        const struct flag *flag = &args->flags.rows[i];
        const char *value = flag->place == FLAG_QUERY ? args_text(args, flag->name) : NULL;

        if (value) {
            (void)buf_printf(out, "%c%s=", before, member_of(flag));
            args_write_encoded(slice_text(value), out);
            before = '&';
        }
    }
}
