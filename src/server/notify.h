/* What the service manager is told: systemd's notification protocol, sd_notify(3), without its
 * library.
 *
 * Datagrams of KEY=value lines to the socket that NOTIFY_SOCKET names. Without that variable
 * everything here does nothing. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "base/common.h"

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int socket; /* -1: nobody listens. */
    struct sockaddr_un address;
    socklen_t address_size;
    uint64_t watchdog_ms; /* The process is killed when it is silent for longer; 0 = never. */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment, so
 * that no child of ours speaks in our name. A socket that does not exist is a warning in the log.
 * Main thread, like all here. */
void notify_open(struct notify *notify);

/* Sends one message, such as "READY=1\nSTATUS=serving". Never blocks; what can not be sent is lost.
 */
void notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* That the configuration is being read again: to be followed by READY=1. */
void notify_reloading(const struct notify *notify);

/* Takes one whose socket is -1. */
void notify_close(struct notify *notify);

#endif
