/* Help for people and the reference page, from the rows: see command.h. */
#include "cli/command.h"
#include "cli/exit.h"
#include "cli/plain.h"
#include "cli/screen.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define FLAG_COLUMN 28 /* Where the help of a flag begins. */
#define NAME_COLUMN 14 /* Where the summary of a command begins. */
#define LABEL_MAX 256

static const enum exit_code exits[] = {
    EXIT_DONE,  EXIT_REFUSED,   EXIT_USAGE,   EXIT_NOT_FOUND, EXIT_DENIED,      EXIT_STATE,
    EXIT_LATER, EXIT_NO_SERVER, EXIT_CORRUPT, EXIT_PARTLY,    EXIT_INTERRUPTED,
};

static void add_spaces(struct buf *out, size_t count)
{
    (void)buf_printf(out, "%*s", (int)count, "");
}

/* Words up to `columns`, lines that follow indented. The line stands at `at` already. */
static void add_wrapped(struct buf *out, const char *text, size_t at, size_t indent,
                        uint32_t columns)
{
    bool first = true;

    while (*text) {
        size_t size = strcspn(text, " ");
        size_t width = plain_width(slice_of(text, size));

        if (!first && at + 1 + width > columns) {
            (void)buf_add_byte(out, '\n');
            add_spaces(out, indent);
            at = indent;
        } else if (!first) {
            (void)buf_add_byte(out, ' ');
            at++;
        }
        (void)buf_add(out, text, size);
        at += width;
        text += size;
        text += strspn(text, " ");
        first = false;
    }
    (void)buf_add_byte(out, '\n');
}

static void add_title(struct buf *out, bool colour, const char *title)
{
    (void)buf_add_byte(out, '\n');
    paint_add(out, colour, PAINT_BOLD, slice_text(title));
    (void)buf_add_byte(out, '\n');
}

/* "-o, --output table|json". */
static void write_label(const struct flag *flag, char ret_text[static LABEL_MAX])
{
    char name[FLAG_SPELLING_MAX], alias[FLAG_SPELLING_MAX], value[FLAG_VALUE_MAX];
    char letter[8] = "    ";

    if (flag->letter) {
        (void)snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
    }
    (void)flag_value(flag, value);
    (void)snprintf(ret_text, LABEL_MAX, "%s--%s%s%s%s%s", letter, flag_spelling(flag->name, name),
                   flag->alias ? ", --" : "", flag->alias ? flag_spelling(flag->alias, alias) : "",
                   *value ? " " : "", value);
}

/* The help of a flag with what its row says besides. */
static void write_flag_text(const struct flag *flag, char *ret_text, size_t size)
{
    static const char repeated[] = "; may be repeated";
    bool many = flag->kind == FLAG_PAIRS || flag->kind == FLAG_TEXTS;
    bool list = flag->kind == FLAG_WORDS;
    char words[FLAG_VALUE_MAX];

    (void)snprintf(ret_text, size, "%s%s%s%s%s%s%s%s%s%s", flag->help, list ? ": " : "",
                   list ? flag_words(flag, ", ", words) : "", many ? repeated : "",
                   flag->initial ? " (default " : "", flag->initial ? flag->initial : "",
                   flag->initial ? ")" : "", flag->environment ? " [" : "",
                   flag->environment ? flag->environment : "", flag->environment ? "]" : "");
}

static void add_flag(struct buf *out, const struct flag *flag, uint32_t columns)
{
    char label[LABEL_MAX], text[512];
    size_t at;

    write_label(flag, label);
    write_flag_text(flag, text, sizeof(text));
    (void)buf_printf(out, "  %s", label);
    at = 2 + strlen(label);
    if (at + 2 > FLAG_COLUMN) {
        (void)buf_add_byte(out, '\n');
        at = 0;
    }
    add_spaces(out, FLAG_COLUMN - at);
    add_wrapped(out, text, FLAG_COLUMN, FLAG_COLUMN, columns);
}

/* "-o/--output": the flags that are the same everywhere are named, and explained once. */
static void add_names(struct buf *out, const struct flag_list *list, uint32_t from,
                      uint32_t columns)
{
    char names[1024] = "";
    size_t size = 0;

    for (uint32_t i = from; i < list->count; i++) {
        const struct flag *flag = &list->rows[i];
        char name[FLAG_SPELLING_MAX], letter[8] = "";

        if (flag->letter) {
            (void)snprintf(letter, sizeof(letter), "-%c/", flag->letter);
        }
        size += (size_t)snprintf(names + size, sizeof(names) - size, "%s%s--%s", size ? " " : "",
                                 letter, flag_spelling(flag->name, name));
        assert(size < sizeof(names));
    }
    add_spaces(out, 2);
    add_wrapped(out, names, 2, 2, columns);
}

static void add_flags(struct buf *out, const struct flag_list *list, uint32_t from, uint32_t to,
                      uint32_t columns)
{
    for (uint32_t i = from; i < to; i++) {
        add_flag(out, &list->rows[i], columns);
    }
}

/* Lines of a row's text, indented. */
static void add_lines(struct buf *out, const char *text, const char *indent)
{
    struct slice rest = slice_text(text);
    struct slice line;

    while (plain_next_line(&rest, &line)) {
        (void)buf_add_text(out, line.size ? indent : "");
        (void)buf_add_slice(out, line);
        (void)buf_add_byte(out, '\n');
    }
}

static void add_usage(struct buf *out, const struct command *command)
{
    (void)buf_printf(out, "corvo %s%s%s [flags]", command->name, *command->arguments ? " " : "",
                     command->arguments);
}

static void help_command(const struct command *command, uint32_t columns, bool colour,
                         struct buf *out)
{
    struct flag_list list;
    char sentence[256];

    command_flags(command, &list);
    (void)buf_add_text(out, "Usage: ");
    add_usage(out, command);
    (void)buf_add_text(out, "\n\n");
    (void)snprintf(sentence, sizeof(sentence), "%c%s.", toupper((unsigned char)*command->summary),
                   command->summary + 1);
    add_wrapped(out, sentence, 0, 0, columns);
    if (*command->help) {
        (void)buf_add_byte(out, '\n');
        add_lines(out, command->help, "");
    }
    add_title(out, colour, "Examples");
    add_lines(out, command->examples, "  ");
    if (!command->run) {
        (void)buf_printf(out, "\n'corvo %s --help' lists its flags.\n", command->name);
        return;
    }
    if (list.shared > 0) {
        add_title(out, colour, "Flags");
        add_flags(out, &list, 0, list.shared, columns);
    }
    add_title(out, colour, "Flags of every command ('corvo help' explains them)");
    add_names(out, &list, list.shared, columns);
}

static void help_group(const char *group, uint32_t columns, bool colour, struct buf *out)
{
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    add_title(out, colour, group);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(rows[i]->group, group) == 0) {
            (void)buf_printf(out, "  %-*s", NAME_COLUMN - 2, rows[i]->name);
            add_wrapped(out, rows[i]->summary, NAME_COLUMN, NAME_COLUMN, columns);
        }
    }
}

static void help_all(uint32_t columns, bool colour, struct buf *out)
{
    struct flag_list list;
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)buf_add_text(out, "Usage: corvo COMMAND [arguments] [flags]\n\n");
    add_wrapped(out, "A durable job server and its command line.", 0, 0, columns);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(rows[i]->group, rows[i - 1]->group) != 0) {
            help_group(rows[i]->group, columns, colour, out);
        }
    }
    command_flags(NULL, &list);
    add_title(out, colour, "Flags of every command that asks a server");
    add_flags(out, &list, 0, list.count, columns);
    (void)buf_add_text(out, "\n'corvo COMMAND --help' says more, with examples.\n");
}

void command_help(const struct command *command, uint32_t columns, bool colour, struct buf *out)
{
    if (command) {
        help_command(command, columns, colour, out);
    } else {
        help_all(columns, colour, out);
    }
}

/* --- The reference page --------------------------------------------------------------------------
 */

/* A cell of a Markdown table: a bar would end it. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        (void)buf_add_text(out, *text == '|' ? "\\" : "");
        (void)buf_add_byte(out, (uint8_t)*text);
    }
}

static void reference_flags(struct buf *out, const struct flag_list *list, uint32_t from,
                            uint32_t to)
{
    char label[LABEL_MAX], text[512];

    (void)buf_add_text(out, "| flag | |\n| --- | --- |\n");
    for (uint32_t i = from; i < to; i++) {
        write_label(&list->rows[i], label);
        write_flag_text(&list->rows[i], text, sizeof(text));
        (void)buf_add_text(out, "| `");
        add_cell(out, label + strspn(label, " "));
        (void)buf_add_text(out, "` | ");
        add_cell(out, text);
        (void)buf_add_text(out, " |\n");
    }
    (void)buf_add_byte(out, '\n');
}

static void reference_command(struct buf *out, const struct command *command)
{
    struct flag_list list;

    command_flags(command, &list);
    (void)buf_printf(out, "## corvo %s\n\n%c%s.\n\n```text\n", command->name,
                     toupper((unsigned char)*command->summary), command->summary + 1);
    add_usage(out, command);
    (void)buf_add_text(out, "\n```\n\n");
    if (*command->help) {
        (void)buf_printf(out, "%s\n", command->help);
    }
    (void)buf_printf(out, "```text\n%s```\n\n", command->examples);
    for (uint32_t i = 0; i < COMMAND_ROUTES_MAX && command->routes[i]; i++) {
        (void)buf_printf(out, "%s`%s`", i ? ", " : "Calls ", command->routes[i]);
    }
    (void)buf_add_text(out, command->routes[0] ? ".\n\n" : "");
    if (list.shared > 0) {
        reference_flags(out, &list, 0, list.shared);
    }
}

void command_reference(struct buf *out)
{
    struct flag_list list;
    uint32_t count;
    const struct command *const *rows = command_rows(&count);

    (void)buf_add_text(out, "# The command line\n\nDerived from the command rows by `make gen`. "
                            "[Using it](../user/cli.md) shows it at work.\n\n"
                            "## Flags of every command that asks a server\n\n");
    command_flags(NULL, &list);
    reference_flags(out, &list, 0, list.count);
    (void)buf_add_text(out, "## Exit status\n\n| status | |\n| --- | --- |\n");
    for (size_t i = 0; i < ARRAY_COUNT(exits); i++) {
        (void)buf_printf(out, "| %d | %s |\n", (int)exits[i], exit_meaning(exits[i]));
    }
    (void)buf_add_byte(out, '\n');
    for (uint32_t i = 0; i < count; i++) {
        reference_command(out, rows[i]);
    }
}
