/* The .proto text of field rows: see proto_text.h. */
#include "wire/proto_text.h"

#include "wire/kind.h"

#include <inttypes.h>

struct found {
    const struct message *messages[PROTO_MESSAGES_MAX];
    uint32_t count;
    bool timestamps;
};

static void add_message(struct found *found, const struct message *message)
{
    for (uint32_t i = 0; i < found->count; i++) {
        if (strcmp(found->messages[i]->name, message->name) == 0) {
            return;
        }
    }
    assert(found->count < PROTO_MESSAGES_MAX);
    found->messages[found->count++] = message;
}

/* The list grows while it is walked: each message adds those that it names behind the last. */
static void find_all(struct found *found)
{
    for (uint32_t i = 0; i < found->count; i++) {
        const struct message *message = found->messages[i];

        for (uint32_t j = 0; j < message->field_count; j++) {
            const struct field *field = &message->fields[j];

            if (field->tag == 0) {
                continue;
            }
            if (field->sub) {
                add_message(found, field->sub);
            }
            found->timestamps = found->timestamps || field->kind == FIELD_TIMESTAMP;
        }
    }
}

static const char *label(const struct field *field)
{
    if (field->kind == FIELD_MAP) {
        return "";
    }
    if (field->flags & FIELD_LIST) {
        return "repeated ";
    }
    return field->bit && field->kind != FIELD_MESSAGE && field->kind != FIELD_TIMESTAMP
               ? "optional "
               : "";
}

static void write_words(const struct words *words, struct buf *buf)
{
    const char *separator = "  // One of: ";

    for (uint32_t i = 0; i < words->count; i++) {
        if (words->names[i]) {
            (void)buf_printf(buf, "%s%s = %" PRIu32, separator, words->names[i], i);
            separator = ", ";
        }
    }
    (void)buf_add_text(buf, ".\n");
}

static void write_field(const struct field *field, struct buf *buf)
{
    const char *type = kind_row(field->kind)->proto;

    if (field->help) {
        (void)buf_printf(buf, "  // %s\n", field->help);
    }
    if (field->words) {
        write_words(field->words, buf);
    }
    (void)buf_printf(buf, "  %s", label(field));
    if (field->kind == FIELD_MAP) {
        (void)buf_printf(buf, "map<string, %s>", field->sub->name);
    } else {
        (void)buf_add_text(buf, type ? type : field->sub->name);
    }
    (void)buf_printf(buf, " %s = %u%s;\n", field->name, (unsigned)field->tag,
                     field->flags & FIELD_UNPACKED ? " [packed = false]" : "");
}

static void write_message(const struct message *message, struct buf *buf)
{
    (void)buf_printf(buf, "\nmessage %s {\n", message->name);
    for (uint32_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].tag != 0) {
            write_field(&message->fields[i], buf);
        }
    }
    (void)buf_add_text(buf, "}\n");
}

void proto_write(const char *package, const struct message *const *messages, uint32_t count,
                 struct buf *buf)
{
    struct found found = {.count = 0};

    for (uint32_t i = 0; i < count; i++) {
        add_message(&found, messages[i]);
    }
    find_all(&found);
    (void)buf_printf(buf, "syntax = \"proto3\";\n\npackage %s;\n", package);
    if (found.timestamps) {
        (void)buf_add_text(buf, "\nimport \"google/protobuf/timestamp.proto\";\n");
    }
    for (uint32_t i = 0; i < found.count; i++) {
        write_message(found.messages[i], buf);
    }
}
