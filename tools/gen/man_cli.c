/* corvo(1), from the command rows: see man.h. */
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

static void add_command(struct buf *buf, const struct command *row)
{
    struct flag_list list;

    (void)buf_printf(buf, ".SS corvo %s ", row->name);
    man_add_line(buf, row->arguments);
    add_summary(buf, row);
    add_paragraphs(buf, row->help);
    command_flags(row, &list);
    for (uint32_t i = 0; row->run && i < list.shared; i++) {
        add_flag(buf, &list.rows[i]);
    }
    man_add_code(buf, row->examples);
}

static void add_commands(struct buf *buf)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(rows[i]->group, rows[i - 1]->group) != 0) {
            char title[64];

            (void)snprintf(title, sizeof(title), "COMMANDS: %s", rows[i]->group);
            for (char *at = title; *at; at++) {
                *at = (char)toupper((unsigned char)*at);
            }
            man_add_section(buf, title);
        }
        add_command(buf, rows[i]);
    }
}

static void add_exits(struct buf *buf)
{
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
    man_add_section(buf, "FLAGS OF EVERY COMMAND THAT ASKS A SERVER");
    command_flags(NULL, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        add_flag(buf, &list.rows[i]);
    }
    add_commands(buf);
    man_add_section(buf, "EXIT STATUS");
    add_exits(buf);
    man_add_section(buf, "ENVIRONMENT");
    man_add_items(buf, variables, ARRAY_COUNT(variables));
    man_add_section(buf, "SEE ALSO");
    (void)buf_add_text(buf, ".BR corvo\\-server (1),\n.BR corvo.conf (5)\n");
}
