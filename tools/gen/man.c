/* Manual pages in man(7), and the example configuration: see man.h. */
#include "tools/gen/man.h"

#include "base/buf.h"
#include "base/version.h"
#include "server/config_file.h"
#include "server/option_value.h"
#include "server/refusal.h"
#include "tools/gen/man_text.h"

#include <string.h>

/* --- Options -----------------------------------------------------------------------------------
 */

static void add_option_facts(struct buf *buf, const struct option *row)
{
    char range[OPTION_RANGE_TEXT_MAX];
    bool has_range = row->words || (row->kind != OPTION_TEXT && row->kind != OPTION_BOOL);

    option_range(row, range);
    man_add_text(buf, row->help);
    if (has_range) {
        (void)buf_add_text(buf, " (");
        man_add_text(buf, range);
        (void)buf_add_byte(buf, ')');
    }
    (void)buf_add_text(buf, ".\n");
    if (*row->fallback) {
        (void)buf_add_text(buf, "Default: ");
        man_add_text(buf, row->fallback);
        (void)buf_add_text(buf, ".\n");
    }
    if (row->flags & OPTION_RELOADS) {
        (void)buf_add_text(buf, "Reloads.\n");
    }
    if (row->flags & (OPTION_UNBUILT | OPTION_IDLE)) {
        man_add_line(buf, row->flags & OPTION_UNBUILT
                              ? "Not built yet: only the default is possible."
                              : "Accepted, without effect in this version.");
    }
}

static void add_options(struct buf *buf, bool as_keys)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        (void)buf_printf(buf, ".SS %s\n", option_group_title(group));
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].group != group || (as_keys && rows[i].flags & OPTION_NO_FILE)) {
                continue;
            }
            (void)buf_printf(buf, ".TP\n.BI \"%s", as_keys ? "" : "\\-\\-");
            man_add_text(buf, rows[i].name);
            (void)buf_printf(buf, "%s\" \"%s\"\n", as_keys ? " = " : " ",
                             option_kind_word(rows[i].kind));
            add_option_facts(buf, &rows[i]);
        }
    }
}

static void add_kinds(struct buf *buf)
{
    static const struct man_item kinds[] = {
        {"TEXT", "any text"},
        {"BOOL", "true or false; as an argument the value may be left out, which means true"},
        {"N", "a number"},
        {"SIZE", "bytes: 262144, 256KiB, 16MiB, 1GiB"},
        {"TIME", "a duration: 500ms, 30s, 1h30m, 7d, 2w"},
    };

    man_add_items(buf, kinds, ARRAY_COUNT(kinds));
}

/* --- The pages ---------------------------------------------------------------------------------
 */

void man_write_server(struct buf *buf)
{
    static const struct man_item signals[] = {
        {"SIGTERM, SIGINT", "Stop: waiting polls are answered, requests in flight are finished. A "
                            "second one, or the end of shutdown-timeout, stops at once."},
        {"SIGHUP", "Read the configuration again, and take over the options that reload."},
    };
    static const struct man_item exits[] = {
        {"0", "It was stopped."},
        {"1", "The start was refused, or failed: one line says what is wrong and what to do."},
        {"2", "Wrong usage: a line for each problem of arguments, environment and file."},
    };
    static const struct man_item variables[] = {
        {"CORVO_NAME", "Each option, in upper case and with _ for -: CORVO_DATA_DIR."},
        {"NOTIFY_SOCKET, WATCHDOG_USEC", "Of a service manager: see sd_notify(3)."},
        {"JOURNAL_STREAM", "Of systemd's journal: log lines leave out what it adds itself."},
    };

    man_add_title(buf, "corvo-server", "1", "run the Corvo job server");
    man_add_section(buf, "SYNOPSIS");
    (void)buf_add_text(buf, ".B corvo server\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] "
                            "[\\fIOPTION\\fR...]\n");
    man_add_section(buf, "DESCRIPTION");
    man_add_line(buf,
                 "Runs a durable job server on one address and one data directory. When it serves, "
                 "it prints `listening on http://...` on standard output; everything else it says "
                 "goes to standard error.");
    (void)buf_add_text(buf, ".PP\n");
    man_add_line(buf,
                 "An option is taken from the arguments, else from the environment, else from the "
                 "file that --config names, else it has its default. corvo config check finds "
                 "mistakes, corvo config dump shows what is in force and why.");
    man_add_section(buf, "OPTIONS");
    add_kinds(buf);
    add_options(buf, false);
    man_add_section(buf, "SIGNALS");
    man_add_items(buf, signals, ARRAY_COUNT(signals));
    man_add_section(buf, "EXIT STATUS");
    man_add_items(buf, exits, ARRAY_COUNT(exits));
    man_add_section(buf, "ENVIRONMENT");
    man_add_items(buf, variables, ARRAY_COUNT(variables));
    man_add_section(buf, "DIAGNOSTICS");
    man_add_line(buf,
                 "A refused start names its reason; with --log-format json the member `refusal` is "
                 "one of these words.");
    for (enum refusal_kind kind = REFUSAL_OTHER + 1; kind < REFUSAL_COUNT; kind++) {
        struct man_item item = {refusal_word(kind), refusal_advice(kind)};

        man_add_items(buf, &item, 1);
    }
    man_add_section(buf, "EXAMPLES");
    man_add_code(buf, "corvo server --bind 127.0.0.1:8080 --data-dir /var/lib/corvo\n"
                      "corvo server --config /etc/corvo/corvo.conf --log-level debug\n"
                      "CORVO_RETENTION=30d corvo server\n");
    man_add_section(buf, "SEE ALSO");
    (void)buf_add_text(buf, ".BR corvo (1),\n.BR corvo.conf (5)\n");
}

void man_write_conf(struct buf *buf)
{
    man_add_title(buf, "corvo.conf", "5", "configuration file of the Corvo job server");
    man_add_section(buf, "DESCRIPTION");
    man_add_line(buf,
                 "Settings of corvo-server(1), read from the file that --config or CORVO_CONFIG "
                 "names. One setting a line, `key = value`, each key once. Blank lines and lines "
                 "that start with # are nothing.");
    (void)buf_add_text(buf, ".PP\n");
    man_add_line(
        buf, "A value in double quotes knows the escapes \\\" \\\\ \\n \\t; one in single quotes "
             "knows none; one without quotes goes up to the end of the line or ` #`. In a key, "
             "_ means -. With every text in quotes the file is also TOML. There are no "
             "sections, includes or variables.");
    (void)buf_add_text(buf, ".PP\n");
    man_add_line(
        buf, "A mistake is never skipped: an unknown key, a key that is there twice, or a value "
             "that is not possible stops the start, or keeps a reload from being taken, and is "
             "told with file and line.");
    man_add_section(buf, "KEYS");
    add_kinds(buf);
    add_options(buf, true);
    man_add_section(buf, "RELOADING");
    man_add_line(
        buf, "SIGHUP (systemctl reload corvo) reads the file again. Keys that say so take their "
             "new value over at once; a change of any other is logged and waits for a restart.");
    man_add_section(buf, "EXAMPLE");
    man_add_code(buf, "data-dir  = \"/var/lib/corvo\"\n"
                      "bind      = \"127.0.0.1:8080\"   # only this machine\n"
                      "retention = 30d\n");
    man_add_section(buf, "FILES");
    (void)buf_add_text(buf, ".I /etc/corvo/corvo.conf\n");
    man_add_section(buf, "SEE ALSO");
    (void)buf_add_text(buf, ".BR corvo\\-server (1)\n");
}

/* --- The example -------------------------------------------------------------------------------
 */

/* What an installed server is given; everything else stands there as a comment. */
static const struct man_item settings[] = {
    {"data-dir", "/var/lib/corvo"},
    {"bind", "127.0.0.1:8080"},
};

static const char *setting_of(const struct option *row)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (strcmp(settings[i].term, row->name) == 0) {
            return settings[i].text;
        }
    }
    return NULL;
}

static void add_example_row(struct buf *buf, const struct option *row)
{
    const char *setting = setting_of(row);

    (void)buf_printf(buf, "\n# %s%s\n", row->help, row->flags & OPTION_RELOADS ? " (reloads)" : "");
    (void)buf_printf(buf, "%s%s = ", setting ? "" : "#", row->name);
    if (row->kind == OPTION_TEXT) {
        config_write_value(buf, setting ? setting : row->fallback);
    } else {
        (void)buf_add_text(buf, setting ? setting : row->fallback);
    }
    (void)buf_add_byte(buf, '\n');
}

static bool is_shown(const struct option *row)
{
    return !(row->flags & (OPTION_NO_FILE | OPTION_UNBUILT | OPTION_IDLE));
}

void man_write_example(struct buf *buf)
{
    uint32_t count;
    const struct option *rows = server_option_rows(&count);

    (void)buf_add_text(buf,
                       "# Configuration of the Corvo job server: see corvo.conf(5).\n"
                       "# Lines that are comments show the defaults. Check: corvo config check "
                       "--config THIS; then: systemctl reload corvo\n");
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        bool has_title = false;

        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].group == group && is_shown(&rows[i])) {
                if (!has_title) {
                    (void)buf_printf(buf, "\n# --- %s\n", option_group_title(group));
                    has_title = true;
                }
                add_example_row(buf, &rows[i]);
            }
        }
    }
}
