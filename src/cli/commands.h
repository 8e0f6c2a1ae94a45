/* The commands' rows, one file below commands/ for each or for a few that are alike. Only
 * commands.c needs all of them. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_enqueue;
extern const struct command command_inspect;
extern const struct command command_why;
extern const struct command command_attempts;
extern const struct command command_search;
extern const struct command command_held;
extern const struct command command_retry;
extern const struct command command_cancel;
extern const struct command command_delete;
extern const struct command command_move;
extern const struct command command_priority;
extern const struct command command_hold;
extern const struct command command_approve;
extern const struct command command_reject;
extern const struct command command_queues;
extern const struct command command_pause;
extern const struct command command_resume;
extern const struct command command_drain;
extern const struct command command_clear;
extern const struct command command_destroy;
extern const struct command command_workers;
extern const struct command command_errors;
extern const struct command command_status;
extern const struct command command_server;
extern const struct command command_config;
extern const struct command command_bench;
extern const struct command command_version;
extern const struct command command_completion_row;
extern const struct command command_help_row;

#endif
