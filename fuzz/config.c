/* Fuzz target: the configuration file. Each setting, written and read again, is the same; each
 * value that its option takes is the same as itself; and a file without problems, dumped with all
 * defaults and read again, is the same configuration. */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "server/config_file.h"
#include "server/config_verbs.h"
#include "server/option_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <yyjson.h>

#define BYTES_MAX ((size_t)1 << 20)
#define PATH_SIZE_MAX 40

/* The setting in the form that the product writes reads as the same setting. */
static void check_round(const struct config_item *item)
{
    struct config_reader reader;
    struct config_item again;
    struct arena arena;
    struct buf buf;

    arena_init(&arena, BYTES_MAX);
    buf_init(&buf, BYTES_MAX);
    (void)buf_printf(&buf, "%s = ", item->key);
    config_write_value(&buf, item->value);
    config_reader_init(&reader, buf_slice(&buf), &arena);
    fuzz_expect(config_reader_next(&reader, &again), "a setting that was written is not there");
    fuzz_expect(!again.problem, "a setting that was written is refused: %s",
                again.problem ? again.problem : "");
    fuzz_expect(strcmp(again.key, item->key) == 0 && strcmp(again.value, item->value) == 0,
                "%s = '%s' became %s = '%s'", item->key, item->value, again.key, again.value);
    fuzz_expect(!config_reader_next(&reader, &again), "a setting became two");
    buf_done(&buf);
    arena_done(&arena);
}

static void check_option(const struct config_item *item)
{
    struct server_options options = {0};
    int at = server_option_find(item->key, strlen(item->key));
    const struct option *row;
    struct err err = {.code = ERR_NONE};
    uint32_t count;

    if (at < 0) {
        const char *near = server_option_suggest(item->key);

        fuzz_expect(!near || server_option_find(near, strlen(near)) >= 0,
                    "'%s' is suggested, and is no option", near ? near : "");
        return;
    }
    row = &server_option_rows(&count)[at];
    if (option_set(row, item->value, &options, &err)) {
        fuzz_expect(err.text[0] != '\0', "%s refuses '%s' without a reason", row->name,
                    item->value);
        return;
    }
    fuzz_expect(option_same(row, item->value, item->value), "%s: '%s' is not the same as itself",
                row->name, item->value);
}

static void try_lines(struct slice input)
{
    struct config_reader reader;
    struct config_item item;
    struct arena arena;
    uint32_t line = 0;

    arena_init(&arena, BYTES_MAX);
    config_reader_init(&reader, input, &arena);
    while (config_reader_next(&reader, &item)) {
        fuzz_expect(item.line > line, "line %u comes behind line %u", item.line, line);
        line = item.line;
        if (!item.problem) {
            check_round(&item);
            check_option(&item);
        }
    }
    arena_done(&arena);
}

/* A configuration and the file that it is from, which has a path and no name. */
struct read_config {
    struct config config;
    char option[PATH_SIZE_MAX]; /* "--config=..." */
};

/* Reads the bytes as the server reads its file. */
static bool read_config(struct slice bytes, struct read_config *read)
{
    struct config *config = &read->config;
    char *arguments[] = {read->option, NULL};
    int file = memfd_create("config", MFD_CLOEXEC);
    bool good;

    fuzz_expect(file >= 0 && write(file, bytes.data, bytes.size) == (ssize_t)bytes.size,
                "no file in memory");
    (void)snprintf(read->option, sizeof(read->option), "--config=/proc/self/fd/%d", file);
    (void)lseek(file, 0, SEEK_SET);
    good = config_read(config, 1, arguments);
    (void)close(file);
    fuzz_expect(good == (config->problem_count == 0), "%u problems, and it is %s",
                config->problem_count, good ? "well" : "not");
    for (uint32_t i = 0; i < config->problem_count && i < CONFIG_PROBLEMS_MAX; i++) {
        fuzz_expect(config->problems[i] && config->problems[i][0], "a problem without words");
    }
    return good;
}

/* The JSON form of a configuration is JSON. */
static void check_json(const struct config *config)
{
    yyjson_doc *doc;
    struct buf buf;

    buf_init(&buf, BYTES_MAX);
    config_dump_json(config, &buf);
    doc = yyjson_read((const char *)buf.data, buf.size, 0);
    fuzz_expect(doc != NULL, "the dump in JSON is not JSON:\n%.*s", (int)buf.size, buf.data);
    yyjson_doc_free(doc);
    buf_done(&buf);
}

/* What is dumped and read again is the same, but for secrets, which are not in the dump. */
static void check_dump(const struct config *config)
{
    static struct read_config again;
    const struct option *rows;
    uint32_t count;
    struct buf buf;

    buf_init(&buf, BYTES_MAX);
    config_dump(config, &buf);
    fuzz_expect(read_config(buf_slice(&buf), &again), "the dump is refused: %s",
                again.config.problem_count ? again.config.problems[0] : "");
    rows = server_option_rows(&count);
    for (uint32_t i = 0; i < count; i++) {
        if (!(rows[i].flags & (OPTION_SECRET | OPTION_NO_FILE))) {
            fuzz_expect(
                option_same(&rows[i], config->settings[i].text, again.config.settings[i].text),
                "%s was '%s' and is '%s'", rows[i].name, config->settings[i].text,
                again.config.settings[i].text);
        }
    }
    config_done(&again.config);
    buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct read_config read;

    try_lines(slice_of(data, size));
    if (read_config(slice_of(data, size), &read)) {
        check_dump(&read.config);
        check_json(&read.config);
    }
    config_done(&read.config);
    return 0;
}
