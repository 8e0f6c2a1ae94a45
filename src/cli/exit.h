/* What the command's exit status says. Scripts rely on the numbers: they never change. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/slice.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,   /* By the server. */
    EXIT_USAGE = 2,     /* Wrong arguments: nothing was sent. */
    EXIT_NOT_FOUND = 3, /* No such job, queue … */
    EXIT_DENIED = 4,    /* Not authenticated, or not allowed. */
    EXIT_STATE = 5,     /* Wrong state, conflict, lease lost. */
    EXIT_LATER = 6,     /* Overloaded, limited, over a budget: try later. */
    EXIT_NO_SERVER = 7, /* No server, no leader, time-out. */
    EXIT_CORRUPT = 8,   /* verify, restore. */
    EXIT_PARTLY = 9,    /* Some of many; --wait ended other than completed. */
    EXIT_INTERRUPTED = 130,
};

/* The status for a reply of that HTTP status and error code (which may be empty). Any thread. */
enum exit_code exit_for_reply(uint32_t status, struct slice code);

/* One line that says what the status means, for help and documents; NULL when it is none. Any
 * thread. */
const char *exit_meaning(enum exit_code code);

#endif
