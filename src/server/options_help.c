/* `corvo server --help`: the option rows for people at a terminal. */
#include "server/option_value.h"

#include <string.h>

#define HELP_COLUMN 30
#define HELP_COLUMNS 100

/* Writes words from HELP_COLUMN on, breaking lines between them. */
static void write_wrapped(FILE *file, const char *text)
{
    size_t column = HELP_COLUMN;

    while (*text) {
        size_t size = strcspn(text, " ");

        if (column > HELP_COLUMN && column + 1 + size > HELP_COLUMNS) {
            (void)fprintf(file, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            (void)fputc(' ', file);
            column++;
        }
        (void)fprintf(file, "%.*s", (int)size, text);
        column += size;
        text += size;
        text += strspn(text, " ");
    }
    (void)fputc('\n', file);
}

static void write_row(FILE *file, const struct option *row)
{
    char range[OPTION_RANGE_TEXT_MAX];
    char text[512];
    int used = fprintf(file, "  --%s %s", row->name, option_kind_word(row->kind));

    (void)fprintf(file, "%*s", used < HELP_COLUMN ? HELP_COLUMN - used : 0, "");
    if (used >= HELP_COLUMN) {
        (void)fprintf(file, "\n%*s", HELP_COLUMN, "");
    }
    option_range(row, range);
    (void)snprintf(text, sizeof(text), "%s%s%s%s%s%s", row->help, row->words ? ": " : "",
                   row->words ? range : "", *row->fallback ? " [" : "", row->fallback,
                   *row->fallback ? "]" : "");
    write_wrapped(file, text);
}

/* What does nothing in this version would hide what does. */
static bool is_shown(const struct option *row)
{
    return !(row->flags & (OPTION_UNBUILT | OPTION_IDLE));
}

/* Returns how many rows of the group were left out. */
static uint32_t write_group(FILE *file, enum option_group group)
{
    uint32_t count, shown = 0, hidden = 0;
    const struct option *rows = server_option_rows(&count);

    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].group != group) {
            continue;
        }
        if (!is_shown(&rows[i])) {
            hidden++;
            continue;
        }
        if (shown++ == 0) {
            (void)fprintf(file, "\n%s\n", option_group_title(group));
        }
        write_row(file, &rows[i]);
    }
    return hidden;
}

void server_options_help(FILE *file)
{
    uint32_t hidden = 0;

    (void)fprintf(file,
                  "Usage: corvo server [options]\n\n"
                  "Runs the job server. An option is taken from the command line, else from the "
                  "environment\n(--data-dir is CORVO_DATA_DIR), else from the file that --config "
                  "names, else it has its default.\n`corvo config check` finds mistakes, `corvo "
                  "config dump` shows what is in force and why.\n");
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        hidden += write_group(file, group);
    }
    (void)fprintf(file,
                  "\n%u more are known and do nothing in this version; those that somebody may "
                  "rely on are refused.\ncorvo-server(1) and `corvo config dump` list them.\n",
                  hidden);
}
