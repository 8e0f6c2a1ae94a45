/* Lines of the configuration file: see config_file.h. */
#include "server/config_file.h"

#include "base/buf.h"

#include <ctype.h>

static const char escaped[] = "\"\\nt"; /* What follows a back-slash ... */
static const char plain[] = "\"\\\n\t"; /* ... and what it means. */

void config_reader_init(struct config_reader *reader, struct slice text, struct arena *arena)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

    if (text.size >= 3 && memcmp(text.data, byte_order_mark, 3) == 0) {
        text = slice_from(text, 3);
    }
    *reader = (struct config_reader){.rest = text, .arena = arena};
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct slice trim(struct slice text)
{
    while (text.size && is_blank(text.data[0])) {
        text = slice_from(text, 1);
    }
    while (text.size && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

static struct slice take_line(struct config_reader *reader)
{
    struct slice rest = reader->rest;
    const uint8_t *end = memchr(rest.data, '\n', rest.size);
    size_t size = end ? (size_t)(end - rest.data) : rest.size;

    reader->rest = slice_from(rest, end ? size + 1 : size);
    reader->line++;
    return slice_of(rest.data, size);
}

static char *copy_text(struct arena *arena, struct slice text)
{
    return arena_printf(arena, "%.*s", (int)text.size, (const char *)text.data);
}

/* --- Values ------------------------------------------------------------------------------------
 */

static bool is_end(struct slice rest)
{
    rest = trim(rest);
    return rest.size == 0 || rest.data[0] == '#';
}

static char unescape(uint8_t byte)
{
    const char *at = byte ? strchr(escaped, byte) : NULL;

    return (char)(at ? plain[at - escaped] : 0);
}

/* `text` starts behind the opening quote. */
static const char *read_quoted(struct slice text, char quote, char *value)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        char byte = (char)text.data[i];

        if (byte == quote) {
            value[size] = '\0';
            return is_end(slice_from(text, i + 1)) ? NULL : "something follows the closing quote";
        }
        if (byte == '\\' && quote == '"') {
            i++;
            byte = i < text.size ? unescape(text.data[i]) : 0;
            if (!byte) {
                return "an escape that is none of \\\" \\\\ \\n \\t: use '...' for plain text";
            }
        }
        value[size++] = byte;
    }
    return "the closing quote is missing";
}

static const char *read_bare(struct slice text, char *value)
{
    size_t size = 0;

    while (size < text.size &&
           !(text.data[size] == '#' && (size == 0 || is_blank(text.data[size - 1])))) {
        size++;
    }
    text = trim(slice_of(text.data, size));
    if (text.size == 0) {
        return "the value is missing: write \"\" for an empty one";
    }
    memcpy(value, text.data, text.size);
    value[text.size] = '\0';
    return strpbrk(value, "\"'") ? "a quote in the middle of a value: put all of it in quotes"
                                 : NULL;
}

static const char *read_value(struct slice text, char *value)
{
    text = trim(text);
    if (text.size && (text.data[0] == '"' || text.data[0] == '\'')) {
        return read_quoted(slice_from(text, 1), (char)text.data[0], value);
    }
    return read_bare(text, value);
}

/* --- Lines -------------------------------------------------------------------------------------
 */

static bool is_key(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!isalnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '_') {
            return false;
        }
    }
    return text.size > 0;
}

static const char *read_line(struct config_reader *reader, struct slice line,
                             struct config_item *item)
{
    const uint8_t *equals = memchr(line.data, '=', line.size);
    struct slice key = trim(slice_of(line.data, equals ? (size_t)(equals - line.data) : 0));
    char *name;
    char *value;

    if (memchr(line.data, '\0', line.size)) {
        return "a NUL byte: this is not a text file";
    }
    if (line.data[0] == '[') {
        return "there are no sections: write only 'key = value'";
    }
    if (!equals) {
        return "not 'key = value'";
    }
    if (!is_key(key)) {
        return "the key is not letters, digits and '-'";
    }
    name = copy_text(reader->arena, key);
    value = arena_bytes(reader->arena, line.size + 1);
    if (!name || !value) {
        return "no memory for the line";
    }
    for (char *at = name; *at; at++) {
        *at = *at == '_' ? '-' : *at;
    }
    item->key = name;
    item->value = value;
    return read_value(slice_from(line, (size_t)(equals - line.data) + 1), value);
}

bool config_reader_next(struct config_reader *reader, struct config_item *ret_item)
{
    while (reader->rest.size > 0) {
        struct slice line = trim(take_line(reader));

        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        *ret_item = (struct config_item){.line = reader->line};
        ret_item->problem = read_line(reader, line, ret_item);
        return true;
    }
    return false;
}

void config_write_value(struct buf *buf, const char *value)
{
    (void)buf_add_byte(buf, '"');
    for (; *value; value++) {
        const char *at = strchr(plain, *value);

        if (at) {
            (void)buf_add_byte(buf, '\\');
        }
        (void)buf_add_byte(buf, (uint8_t)(at ? escaped[at - plain] : *value));
    }
    (void)buf_add_byte(buf, '"');
}
