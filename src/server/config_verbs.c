/* The config verbs: see config_verbs.h. */
#include "server/config_verbs.h"

#include "base/buf.h"
#include "base/suggest.h"
#include "base/version.h"
#include "server/config_file.h"
#include "server/option_value.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define DUMP_MAX (4 * MIB)

static const char *const origin_words[] = {
    [ORIGIN_DEFAULT] = "default",
    [ORIGIN_FILE] = "file",
    [ORIGIN_ENVIRONMENT] = "environment",
    [ORIGIN_ARGUMENT] = "argument",
};

/* --- dump --------------------------------------------------------------------------------------
 */

static bool is_secret(const struct option *row, const struct setting *setting)
{
    return row->flags & OPTION_SECRET && *setting->text;
}

/* A number or a truth, which wants no quotes. */
static bool is_plain(const struct option *row)
{
    return row->kind == OPTION_COUNT || row->kind == OPTION_BOOL;
}

static void dump_row(const struct config *config, const struct option *row, uint32_t at,
                     struct buf *buf)
{
    const struct setting *setting = &config->settings[at];
    char origin[CONFIG_ORIGIN_TEXT_MAX];
    size_t before = buf->size;

    config_origin(config, at, origin);
    if (is_secret(row, setting) || row->flags & OPTION_NO_FILE) {
        (void)buf_printf(buf, "# %s %s", row->name, is_secret(row, setting) ? "is set" : "= ");
    } else {
        (void)buf_printf(buf, "%s = ", row->name);
    }
    if (!is_secret(row, setting) && is_plain(row)) {
        (void)buf_add_text(buf, setting->text);
    } else if (!is_secret(row, setting)) {
        config_write_value(buf, setting->text);
    }
    (void)buf_printf(buf, "%*s # %s\n",
                     (int)(before + 40 > buf->size ? before + 40 - buf->size : 0), "", origin);
}

void config_dump(const struct config *config, struct buf *buf)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)buf_printf(buf,
                     "# The effective configuration of corvo %s, and where each value is from.\n",
                     VERSION_TEXT);
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        (void)buf_printf(buf, "\n# --- %s\n", option_group_title(group));
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].group == group) {
                dump_row(config, &rows[i], i, buf);
            }
        }
    }
}

/* Booleans and counts are JSON's own; sizes and durations are texts, as typed. */
static void dump_json_value(const struct option *row, const struct setting *setting,
                            struct buf *buf)
{
    if (is_secret(row, setting)) {
        (void)buf_add_text(buf, "null,\"secret\":true");
    } else if (row->kind == OPTION_BOOL) {
        (void)buf_add_text(buf, option_same(row, setting->text, "true") ? "true" : "false");
    } else if (is_plain(row)) {
        (void)buf_printf(buf, "%llu", strtoull(setting->text, NULL, 10));
    } else {
        json_write_text(buf, slice_text(setting->text));
    }
}

static void dump_json_row(const struct config *config, const struct option *row, uint32_t at,
                          struct buf *buf)
{
    const struct setting *setting = &config->settings[at];

    (void)buf_printf(buf, "{\"name\":\"%s\",\"value\":", row->name);
    dump_json_value(row, setting, buf);
    (void)buf_printf(buf, ",\"origin\":\"%s\"", origin_words[setting->origin]);
    if (setting->origin == ORIGIN_FILE) {
        (void)buf_printf(buf, ",\"line\":%u", setting->line);
    }
    (void)buf_printf(buf, ",\"reloads\":%s}", row->flags & OPTION_RELOADS ? "true" : "false");
}

void config_dump_json(const struct config *config, struct buf *buf)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)buf_printf(buf, "{\"version\":\"%s\",\"file\":", VERSION_TEXT);
    json_write_text(buf, slice_text(config->path));
    (void)buf_add_text(buf, ",\"options\":[");
    for (uint32_t i = 0; i < count; i++) {
        (void)buf_add_text(buf, i ? ",\n" : "\n");
        dump_json_row(config, &rows[i], i, buf);
    }
    (void)buf_add_text(buf, "\n]}\n");
}

static void dump_json_problems(const struct config *config, struct buf *buf)
{
    (void)buf_add_text(buf, "{\"ok\":false,\"problems\":[");
    for (uint32_t i = 0; i < config->problem_count; i++) {
        (void)buf_add_text(buf, i ? "," : "");
        json_write_text(buf, slice_text(config->problems[i]));
    }
    (void)buf_add_text(buf, "]}\n");
}

/* --- The verbs ---------------------------------------------------------------------------------
 */

static int run_check(const struct config *config, bool json)
{
    uint32_t count;
    uint32_t set = 0;

    (void)server_option_rows(&count);
    for (uint32_t i = 0; i < count; i++) {
        set += config->settings[i].origin != ORIGIN_DEFAULT;
    }
    if (json) {
        (void)printf("{\"ok\":true,\"set\":%u,\"options\":%u}\n", set, count);
    } else {
        (void)printf("ok: %u of %u options are set%s%s\n", set, count,
                     *config->path ? ", file " : "", config->path);
    }
    return 0;
}

/* Writes what `write` makes of the configuration; returns the exit code. */
static int print(const struct config *config, FILE *file,
                 void (*write)(const struct config *config, struct buf *buf))
{
    struct buf buf;
    bool well;

    buf_init(&buf, DUMP_MAX);
    write(config, &buf);
    well = !buf.failed && fwrite(buf.data, 1, buf.size, file) == buf.size && fflush(file) == 0;
    buf_done(&buf);
    return well ? 0 : 1;
}

static int run_dump(const struct config *config, bool json)
{
    return print(config, stdout, json ? config_dump_json : config_dump);
}

static int tell_problems(const struct config *config, bool json)
{
    if (json) {
        (void)print(config, stderr, dump_json_problems);
    } else {
        config_print_problems(config, "", stderr);
    }
    return 2;
}

static const struct verb {
    const char *name;
    int (*run)(const struct config *config, bool json);
    const char *help;
} verbs[] = {
    {"check", run_check, "says what is wrong with the configuration, each problem on a line"},
    {"dump", run_dump, "prints the configuration in force and where each value is from"},
};

static const struct verb *find_verb(const char *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static void help(FILE *file)
{
    (void)fprintf(file,
                  "Usage: corvo config VERB [--output text|json] [options of corvo server]\n\n");
    for (uint32_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        (void)fprintf(file, "  %-8s %s\n", verbs[i].name, verbs[i].help);
    }
    (void)fprintf(file, "\nBoth read what `corvo server` would read: the options given here, the "
                        "environment, and the\nfile that --config names ('-' is standard input). "
                        "They exit with 2 when something is wrong.\n");
}

static int no_verb(const char *name)
{
    const char *names[ARRAY_COUNT(verbs)];
    const char *near;

    for (uint32_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        names[i] = verbs[i].name;
    }
    near = name ? suggest_name(name, names, ARRAY_COUNT(names)) : NULL;
    if (!name) {
        (void)fprintf(stderr, "corvo config: a verb is missing: check or dump\n");
    } else {
        (void)fprintf(stderr, "corvo config: '%.60s' is not a verb%s%s%s\n", name,
                      near ? ". Did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    (void)fprintf(stderr, "See 'corvo config --help'.\n");
    return 2;
}

/* Takes --output out of the arguments, which are otherwise the server's. False: it is wrong. */
static bool take_output(int *argc, char **argv, bool *ret_json)
{
    int kept = 0;
    bool well = true;

    for (int i = 0; i < *argc; i++) {
        const char *value = NULL;

        if (strncmp(argv[i], "--output=", 9) == 0) {
            value = argv[i] + 9;
        } else if (strcmp(argv[i], "--output") == 0) {
            value = i + 1 < *argc ? argv[++i] : "";
        } else {
            argv[kept++] = argv[i];
            continue;
        }
        *ret_json = strcmp(value, "json") == 0;
        well = *ret_json || strcmp(value, "text") == 0;
    }
    *argc = kept;
    return well;
}

int config_main(int argc, char **argv)
{
    const struct verb *verb = argc > 0 ? find_verb(argv[0]) : NULL;
    static struct config config;
    bool json = false;
    int code = 2;

    if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        help(stdout);
        return 0;
    }
    if (!verb) {
        return no_verb(argc > 0 ? argv[0] : NULL);
    }
    argc--;
    argv++;
    if (!take_output(&argc, argv, &json)) {
        (void)fprintf(stderr, "corvo config: --output is text or json\n");
        return 2;
    }
    if (!config_read(&config, argc, argv)) {
        code = tell_problems(&config, json);
    } else if (config.help) {
        help(stdout);
        code = 0;
    } else {
        code = verb->run(&config, json);
    }
    config_done(&config);
    return code;
}
