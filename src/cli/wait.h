/* Waiting for something on the server: looking again and again, ever less often. */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/session.h"

struct wait {
    uint64_t patience_ms; /* 0: for ever. */
    uint64_t began_ns;
    uint64_t pause_ms;
};

/* A wait of at most --wait-timeout, which the command must have. */
struct wait wait_begin(const struct session *session);

/* Shows what is waited for ("mail has 3 active jobs") and sleeps. EXIT_DONE: look again.
 * EXIT_NO_SERVER after the time-out and EXIT_INTERRUPTED after SIGINT, both with a message. */
int wait_pause(struct session *session, struct wait *wait, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
