/* The table of queues, which `queues` and `status` show. */
#ifndef CLI_COMMANDS_QUEUE_TABLE_H
#define CLI_COMMANDS_QUEUE_TABLE_H

#include "cli/session.h"

/* Adds the table of the queues in that array to session->out; nothing when there are none. Returns
 * how many there are. */
uint32_t queue_table_print(struct session *session, struct slice queues);

/* "paused", "draining", "drained", or the empty text. Static memory. */
const char *queue_state(struct slice queue);

#endif
