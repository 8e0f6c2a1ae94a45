/* Layers of configuration: see config.h. */
#include "server/config.h"

#include "server/config_file.h"
#include "server/option_value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Problems and values -----------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void add_problem(struct config *config,
                                                              const char *format, ...)
{
    char text[CONFIG_PROBLEM_TEXT_MAX];
    const char *copy;
    va_list args;

    if (config->problem_count == CONFIG_PROBLEMS_MAX) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy = arena_printf(&config->arena, "%s", text);
    config->problems[config->problem_count++] = copy ? copy : "no memory for a problem's text";
}

/* Sets one value of one layer; `where` names it in a problem. */
static void put(struct config *config, int row_at, struct setting setting, const char *where)
{
    uint32_t count;
    const struct option *row = &server_option_rows(&count)[row_at];
    struct err err;

    if (option_set(row, setting.text, &config->options, &err)) {
        add_problem(config, "%s: %s", where, err.text);
        return;
    }
    config->settings[row_at] = setting;
}

static void put_defaults(struct config *config)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        put(config, (int)i, (struct setting){.text = rows[i].fallback}, rows[i].name);
    }
}

/* --- The file ----------------------------------------------------------------------------------
 */

/* An argument beats the environment here as well. */
static const char *find_path(int argc, char **argv)
{
    const char *path = getenv("CORVO_CONFIG");

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) {
            path = argv[i] + 9;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            path = argv[i + 1];
        }
    }
    return path ? path : "";
}

static int open_file(const char *path)
{
    return strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
}

/* Reads all of it; what is not a file (a pipe) too. NULL: the problem is told. */
static char *read_file(struct config *config, size_t *ret_size)
{
    int fd = open_file(config->path);
    char *bytes = arena_bytes(&config->arena, CONFIG_FILE_MAX + 1);
    ssize_t got = fd < 0 || !bytes ? -1 : 1;
    size_t size = 0;

    while (got > 0 && size <= CONFIG_FILE_MAX) {
        got = read(fd, bytes + size, CONFIG_FILE_MAX + 1 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        add_problem(config, "%s: can not be read: %s", config->path,
                    bytes ? strerrordesc_np(errno) : "no memory");
    } else if (size > CONFIG_FILE_MAX) {
        add_problem(config, "%s: larger than %zu KiB", config->path, CONFIG_FILE_MAX / KIB);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    *ret_size = size;
    return got < 0 || size > CONFIG_FILE_MAX ? NULL : bytes;
}

static void unknown_key(struct config *config, const struct config_item *item, const char *where)
{
    const char *near = server_option_suggest(item->key);

    if (near) {
        add_problem(config, "%s: unknown option: did you mean %s?", where, near);
    } else {
        add_problem(config, "%s: unknown option: see corvo server --help", where);
    }
}

static void put_item(struct config *config, const struct config_item *item)
{
    int at = server_option_find(item->key, strlen(item->key));
    struct setting setting = {.text = item->value, .origin = ORIGIN_FILE, .line = item->line};
    char where[CONFIG_PROBLEM_TEXT_MAX];
    uint32_t count;

    (void)snprintf(where, sizeof(where), "%.300s:%u: %.60s", config->path, item->line, item->key);
    if (at < 0) {
        unknown_key(config, item, where);
    } else if (server_option_rows(&count)[at].flags & OPTION_NO_FILE) {
        add_problem(config, "%s: not possible in a file", where);
    } else if (config->settings[at].origin == ORIGIN_FILE) {
        add_problem(config, "%s: set before, in line %u", where, config->settings[at].line);
    } else {
        put(config, at, setting, where);
    }
}

static void put_file(struct config *config)
{
    struct config_reader reader;
    struct config_item item;
    size_t size;
    char *bytes = *config->path ? read_file(config, &size) : NULL;

    if (!bytes) {
        return;
    }
    config_reader_init(&reader, slice_of(bytes, size), &config->arena);
    while (config_reader_next(&reader, &item)) {
        if (item.problem) {
            add_problem(config, "%s:%u: %s", config->path, item.line, item.problem);
        } else {
            put_item(config, &item);
        }
    }
}

/* --- Environment and arguments -----------------------------------------------------------------
 */

static void put_environment(struct config *config)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        char name[OPTION_ENVIRONMENT_MAX];
        const char *value;

        option_environment(&rows[i], name);
        value = getenv(name);
        if (value) {
            put(config, (int)i, (struct setting){.text = value, .origin = ORIGIN_ENVIRONMENT},
                name);
        }
    }
}

static void unknown_argument(struct config *config, const char *name)
{
    const char *near = server_option_suggest(name);

    if (near) {
        add_problem(config, "unknown option --%.60s: did you mean --%s?", name, near);
    } else {
        add_problem(config, "unknown option --%.60s: see corvo server --help", name);
    }
}

/* Takes one option; returns how many arguments behind it were its value. */
static int put_argument(struct config *config, int argc, char **argv, int at)
{
    const char *name = argv[at] + 2;
    size_t size = strcspn(name, "=");
    int found = server_option_find(name, size);
    struct setting setting = {.origin = ORIGIN_ARGUMENT};
    char where[OPTION_ENVIRONMENT_MAX];
    const struct option *row;
    uint32_t count;
    int taken = 0;

    if (found < 0) {
        const char *copy = arena_printf(&config->arena, "%.*s", (int)size, name);

        unknown_argument(config, copy ? copy : "");
        return 0;
    }
    row = &server_option_rows(&count)[found];
    (void)snprintf(where, sizeof(where), "--%s", row->name);
    if (name[size] == '=') {
        setting.text = name + size + 1;
    } else if (row->kind == OPTION_BOOL) {
        setting.text = "true";
    } else if (at + 1 < argc) {
        setting.text = argv[at + 1];
        taken = 1;
    } else {
        add_problem(config, "%s needs a value: %s", where, row->help);
        return 0;
    }
    put(config, found, setting, where);
    return taken;
}

static void put_arguments(struct config *config, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            config->help = true;
        } else if (strncmp(argv[i], "--", 2) != 0) {
            add_problem(config, "unexpected argument '%.60s'", argv[i]);
        } else {
            i += put_argument(config, argc, argv, i);
        }
    }
}

/* --- All of it ---------------------------------------------------------------------------------
 */

bool config_read(struct config *config, int argc, char **argv)
{
    *config = (struct config){.path = find_path(argc, argv)};
    arena_init(&config->arena, CONFIG_ARENA_MAX);
    put_defaults(config);
    put_file(config);
    put_environment(config);
    put_arguments(config, argc, argv);
    return config->problem_count == 0;
}

void config_done(struct config *config)
{
    arena_done(&config->arena);
    *config = (struct config){0};
}

void config_print_problems(const struct config *config, const char *prefix, FILE *file)
{
    for (uint32_t i = 0; i < config->problem_count; i++) {
        (void)fprintf(file, "%s%s\n", prefix, config->problems[i]);
    }
}

void config_origin(const struct config *config, uint32_t row_at,
                   char ret_text[static CONFIG_ORIGIN_TEXT_MAX])
{
    const struct setting *setting = &config->settings[row_at];
    char name[OPTION_ENVIRONMENT_MAX];
    uint32_t count;
    const struct option *row = &server_option_rows(&count)[row_at];

    option_environment(row, name);
    switch (setting->origin) {
    case ORIGIN_DEFAULT:
        (void)snprintf(ret_text, CONFIG_ORIGIN_TEXT_MAX, "default");
        break;
    case ORIGIN_FILE:
        (void)snprintf(ret_text, CONFIG_ORIGIN_TEXT_MAX, "%.200s:%u", config->path, setting->line);
        break;
    case ORIGIN_ENVIRONMENT:
        (void)snprintf(ret_text, CONFIG_ORIGIN_TEXT_MAX, "%s", name);
        break;
    case ORIGIN_ARGUMENT:
        (void)snprintf(ret_text, CONFIG_ORIGIN_TEXT_MAX, "--%s", row->name);
        break;
    }
}
