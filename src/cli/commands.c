/* The table of commands: see command.h. */
#include "cli/commands.h"

#include "base/suggest.h"

#include <string.h>

#define PREFIX_SIZE_MIN 2

static const struct command *const rows[] = {
    &command_enqueue,  &command_inspect,  &command_why,     &command_attempts,
    &command_search,   &command_held,     &command_retry,   &command_cancel,
    &command_move,     &command_priority, &command_hold,    &command_approve,
    &command_reject,   &command_delete,   &command_queues,  &command_pause,
    &command_resume,   &command_drain,    &command_clear,   &command_destroy,
    &command_status,   &command_workers,  &command_errors,  &command_server,
    &command_config,   &command_bench,    &command_version, &command_completion_row,
    &command_help_row,
};

const struct command *const *command_rows(uint32_t *ret_count)
{
    *ret_count = ARRAY_COUNT(rows);
    return rows;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strcmp(rows[i]->name, name) == 0) {
            return rows[i];
        }
    }
    return NULL;
}

/* True if the row says that others know it by that word. */
static bool is_also(const struct command *row, const char *name)
{
    const char *at = row->also ? row->also : "";

    while (*at) {
        size_t size = strcspn(at, " ");

        if (strlen(name) == size && strncmp(at, name, size) == 0) {
            return true;
        }
        at += size + (at[size] == ' ');
    }
    return false;
}

/* A beginning says more than a distance: "prio" is "priority", not "wait". */
const char *command_guess(const char *name, const char *const *names, uint32_t count)
{
    size_t size = strlen(name);

    for (uint32_t i = 0; i < count && size >= PREFIX_SIZE_MIN; i++) {
        if (strncmp(names[i], name, size) == 0) {
            return names[i];
        }
    }
    return suggest_name(name, names, count);
}

const char *command_nearest(const char *name)
{
    const char *names[ARRAY_COUNT(rows)];

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        names[i] = rows[i]->name;
        if (is_also(rows[i], name)) {
            return rows[i]->name;
        }
    }
    return command_guess(name, names, ARRAY_COUNT(rows));
}
