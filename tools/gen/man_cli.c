/* corvo(1) and a page for each command, from the command rows: see man.h. */
#include "base/buf.h"
#include "cli/command.h"
#include "cli/exit.h"
#include "tools/gen/man.h"
#include "tools/gen/man_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE_MAX 512

static void add_flag(struct buf *buf, const struct flag *flag)
{
    char name[FLAG_SPELLING_MAX], alias[FLAG_SPELLING_MAX], value[FLAG_VALUE_MAX];

    (void)buf_add_text(buf, ".TP\n.BI \"");
    if (flag->letter) {
        (void)buf_printf(buf, "\\-%c, ", flag->letter);
    }
    (void)buf_add_text(buf, "\\-\\-");
    man_add_text(buf, flag_spelling(flag->name, name));
    if (flag->alias) {
        (void)buf_add_text(buf, ", \\-\\-");
        man_add_text(buf, flag_spelling(flag->alias, alias));
    }
    (void)buf_printf(buf, "%s\" \"", *flag_value(flag, value) ? " " : "");
    man_add_text(buf, value);
    (void)buf_add_text(buf, "\"\n");
    man_add_text(buf, flag->help);
    if (flag->kind == FLAG_WORDS) {
        (void)buf_printf(buf, ": %s", flag_words(flag, ", ", value));
    }
    (void)buf_add_text(buf, ".\n");
    if (flag->initial) {
        (void)buf_add_text(buf, "Default: ");
        man_add_text(buf, flag->initial);
        (void)buf_add_text(buf, ".\n");
    }
    if (flag->environment) {
        (void)buf_printf(buf, "Also from %s in the environment.\n", flag->environment);
    }
}

/* A sentence of a row's summary. */
static void add_summary(struct buf *buf, const struct command *row)
{
    char line[LINE_SIZE_MAX];

    (void)snprintf(line, sizeof(line), "%c%s.", toupper((unsigned char)*row->summary),
                   row->summary + 1);
    man_add_line(buf, line);
}

/* Paragraphs with empty lines between. */
static void add_paragraphs(struct buf *buf, const char *text)
{
    if (*text) {
        (void)buf_add_text(buf, ".PP\n");
    }
    while (*text) {
        size_t size = strcspn(text, "\n");
        char line[LINE_SIZE_MAX];

        (void)snprintf(line, sizeof(line), "%.*s", (int)size, text);
        if (size > 0) {
            man_add_line(buf, line);
        } else {
            (void)buf_add_text(buf, ".PP\n");
        }
        text += size + (text[size] == '\n');
    }
}

static void add_exits(struct buf *buf)
{
    man_add_section(buf, "EXIT STATUS");
    for (int code = EXIT_DONE; code <= EXIT_INTERRUPTED; code++) {
        const char *meaning = exit_meaning((enum exit_code)code);
        char term[16];

        (void)snprintf(term, sizeof(term), "%d", code);
        if (meaning) {
            const struct man_item item = {term, meaning};

            man_add_items(buf, &item, 1);
        }
    }
}

static void add_flags(struct buf *buf, const struct flag_list *list, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        add_flag(buf, &list->rows[i]);
    }
}

void man_write_command(const struct command *row, struct buf *buf)
{
    struct flag_list list;
    char name[64];

    command_flags(row, &list);
    (void)snprintf(name, sizeof(name), "corvo-%s", row->name);
    man_add_title(buf, name, "1", row->summary);
    man_add_section(buf, "SYNOPSIS");
    (void)buf_printf(buf, ".B corvo %s\n", row->name);
    man_add_text(buf, row->arguments);
    (void)buf_add_text(buf, *row->arguments ? " [\\fIflags\\fR]\n" : "[\\fIflags\\fR]\n");
    man_add_section(buf, "DESCRIPTION");
    add_summary(buf, row);
    add_paragraphs(buf, row->help);
    if (row->run) {
        man_add_section(buf, "FLAGS");
        add_flags(buf, &list, 0, list.shared);
        (void)buf_add_text(buf, ".SS Of every command\n");
        add_flags(buf, &list, list.shared, list.count);
    } else {
        (void)snprintf(name, sizeof(name), "`corvo %s --help` lists its flags.", row->name);
        (void)buf_add_text(buf, ".PP\n");
        man_add_line(buf, name);
    }
    man_add_section(buf, "EXAMPLES");
    man_add_code(buf, row->examples);
    if (row->run) {
        add_exits(buf);
    }
    man_add_section(buf, "SEE ALSO");
    (void)buf_add_text(buf, ".BR corvo (1)\n");
}

/* What there is, under its headings; each has a page of its own. */
static void add_commands(struct buf *buf)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    man_add_section(buf, "COMMANDS");
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(rows[i]->group, rows[i - 1]->group) != 0) {
            (void)buf_printf(buf, ".SS %s\n", rows[i]->group);
        }
        (void)buf_add_text(buf, ".TP\n.BR corvo\\-");
        man_add_text(buf, rows[i]->name);
        (void)buf_add_text(buf, " (1)\n");
        add_summary(buf, rows[i]);
    }
}

void man_write_cli(struct buf *buf)
{
    static const struct man_item variables[] = {
        {"CORVO_SERVER, CORVO_API_KEY", "What --server and --api-key say when they are not given."},
        {"NO_COLOR", "No colours when it is set and not empty."},
        {"COLUMNS", "The width of the terminal, instead of what the terminal says."},
    };
    struct flag_list list;

    man_add_title(buf, "corvo", "1", "a durable job server and its command line");
    man_add_section(buf, "SYNOPSIS");
    (void)buf_add_text(buf, ".B corvo\n\\fICOMMAND\\fR [\\fIarguments\\fR] [\\fIflags\\fR]\n");
    man_add_section(buf, "DESCRIPTION");
    man_add_line(buf, "Runs a job server (corvo server), and talks to one: puts jobs into queues, "
                      "shows and changes them, watches queues. What it prints is for people on a "
                      "terminal, and for programs with --output json.");
    add_commands(buf);
    man_add_section(buf, "FLAGS OF EVERY COMMAND THAT ASKS A SERVER");
    command_flags(NULL, &list);
    add_flags(buf, &list, 0, list.count);
    add_exits(buf);
    man_add_section(buf, "ENVIRONMENT");
    man_add_items(buf, variables, ARRAY_COUNT(variables));
    man_add_section(buf, "SEE ALSO");
    (void)buf_add_text(buf, ".BR corvo\\-server (1),\n.BR corvo.conf (5)\n");
}
