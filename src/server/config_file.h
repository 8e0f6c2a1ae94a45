/* The configuration file as text: lines to keys and values. It knows no option.
 *
 *     # A comment. Blank lines are nothing.
 *     data-dir  = "/var/lib/corvo"   # text in quotes; \" \\ \n \t are escapes
 *     node-id   = 'node-1'           # text in single quotes: no escapes
 *     retention = 7d                 # without quotes: up to the end of the line or " #"
 *
 * One setting a line. A key is letters, digits, '-' and '_' (which means '-'). With every text in
 * quotes it is also TOML. There are no sections, lists, includes or variables. */
#ifndef SERVER_CONFIG_FILE_H
#define SERVER_CONFIG_FILE_H

#include "base/arena.h"
#include "base/common.h"

struct config_reader {
    struct slice rest;   /* What is not read yet. */
    uint32_t line;       /* Lines read. */
    struct arena *arena; /* Of keys and values. */
};

struct config_item {
    uint32_t line;       /* From 1. */
    const char *problem; /* What is wrong with the line; NULL: it is a setting. */
    const char *key;
    const char *value;
};

/* Begins to read `text`, which stays the caller's until the end. Any thread. */
void config_reader_init(struct config_reader *reader, struct slice text, struct arena *arena);

/* The next setting or problem; false at the end. Keys, values and problems live in the arena or are
 * static; out of arena is a problem of the line. Any thread. */
bool config_reader_next(struct config_reader *reader, struct config_item *ret_item);

/* Appends a value in the form that is read back as the same text. Any thread. */
struct buf;
void config_write_value(struct buf *buf, const char *value);

#endif
