/* What the files of `corvo enqueue` share. */
#ifndef CLI_COMMANDS_ENQUEUE_H
#define CLI_COMMANDS_ENQUEUE_H

#include "cli/session.h"

/* Enqueues one job a line of `file`, or --count times the same payload (`file` NULL), in batches;
 * prints the ids. Returns the exit status. */
int enqueue_many(struct session *session, const char *queue, FILE *file, struct slice payload);

/* Waits until the job has ended, showing its state on a terminal. Returns EXIT_DONE when it
 * completed, EXIT_PARTLY when it ended otherwise, EXIT_NO_SERVER after --wait-timeout. */
int enqueue_wait(struct session *session, const char *job_id);

#endif
