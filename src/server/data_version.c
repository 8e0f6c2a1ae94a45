/* The file VERSION: text to struct and back, by rows. */
#include "base/buf.h"
#include "base/limits.h"
#include "server/config_file.h"
#include "server/data_dir.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct version_field {
    const char *key;
    uint32_t offset;
    uint32_t size; /* Of a text; 0: a number, in hexadecimal when `hex`. */
    bool hex;
    const char *help;
} fields[] = {
#define NUMBER(key, field, is_hex, help)                                                           \
    {key, offsetof(struct data_version, field), 0, is_hex, help}
#define TEXT(key, field, help)                                                                     \
    {key, offsetof(struct data_version, field), sizeof(((struct data_version *)0)->field), false,  \
     help}
    NUMBER("format", format, false, "of the directory as a whole"),
    NUMBER("tables", tables, false, "tables that its last writer knew"),
    NUMBER("operations", operations, false, "highest operation code that its last writer knew"),
    TEXT("node-id", node_id, "the node that it belongs to"),
    NUMBER("cluster-id", cluster_id, true, "the cluster of its log; 0 = not known yet"),
    TEXT("created-by", created_by, "the version that made it"),
    TEXT("written-by", written_by, "the last version that wrote to it"),
#undef NUMBER
#undef TEXT
};

void data_version_write(const struct data_version *version, struct buf *buf)
{
    (void)buf_add_text(buf, "# What this directory holds. The server keeps this file: do not edit "
                            "it.\n");
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        const uint8_t *at = (const uint8_t *)version + fields[i].offset;
        uint64_t number = 0;

        (void)buf_printf(buf, "%s = ", fields[i].key);
        if (fields[i].size) {
            config_write_value(buf, (const char *)at);
        } else {
            memcpy(&number, at, sizeof(number));
            (void)buf_printf(buf, fields[i].hex ? "\"%016" PRIx64 "\"" : "%" PRIu64, number);
        }
        (void)buf_printf(buf, " # %s\n", fields[i].help);
    }
}

static bool set_field(const struct version_field *field, const char *value,
                      struct data_version *version)
{
    uint8_t *at = (uint8_t *)version + field->offset;
    uint64_t number;
    char *end;

    if (field->size) {
        if (strlen(value) >= field->size) {
            return false;
        }
        memcpy(at, value, strlen(value) + 1);
        return true;
    }
    number = strtoull(value, &end, field->hex ? 16 : 10);
    memcpy(at, &number, sizeof(number));
    return *value >= '0' && *end == '\0';
}

/* A later version may have more keys: format says whether they matter. */
static bool take_item(const struct config_item *item, struct data_version *version, uint32_t *seen)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(fields); i++) {
        if (strcmp(fields[i].key, item->key) == 0) {
            *seen |= 1u << i;
            return set_field(&fields[i], item->value, version);
        }
    }
    return true;
}

bool data_version_read(struct slice text, struct data_version *ret_version, uint32_t *ret_line)
{
    struct data_version version = {0};
    struct config_reader reader;
    struct config_item item;
    struct arena arena;
    uint32_t seen = 0;
    bool well = true;

    arena_init(&arena, MIB);
    config_reader_init(&reader, text, &arena);
    while (well && config_reader_next(&reader, &item)) {
        well = !item.problem && take_item(&item, &version, &seen);
        *ret_line = item.line;
    }
    arena_done(&arena);
    if (well && seen == (1u << ARRAY_COUNT(fields)) - 1) {
        *ret_version = version;
        return true;
    }
    return false;
}
