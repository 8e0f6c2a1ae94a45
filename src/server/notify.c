/* Datagrams to the service manager: see notify.h. */
#include "server/notify.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX 512

/* "/path" is a file, "@name" is abstract: its first byte is NUL and its length counts. */
static bool set_address(struct notify *notify, const char *name)
{
    size_t size = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || size < 2 ||
        size >= sizeof(notify->address.sun_path)) {
        return false;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, size + 1);
    if (name[0] == '@') {
        notify->address.sun_path[0] = '\0';
    }
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return true;
}

/* The watchdog is ours when it names no process, or this one. */
static uint64_t read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    bool mine = !pid || strtoull(pid, NULL, 10) == (unsigned long long)getpid();

    return usec && mine ? strtoull(usec, NULL, 10) / 1000 : 0;
}

void notify_open(struct notify *notify)
{
    const char *name = getenv("NOTIFY_SOCKET");

    *notify = (struct notify){.socket = -1};
    if (name && !set_address(notify, name)) {
        log_write(LOG_WARN, "NOTIFY_SOCKET is no path and no abstract name: nobody is notified");
    } else if (name) {
        notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        notify->watchdog_ms = notify->socket < 0 ? 0 : read_watchdog();
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;

    if (notify->socket < 0) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (sendto(notify->socket, text, strlen(text), MSG_NOSIGNAL,
               (const struct sockaddr *)&notify->address, notify->address_size) < 0) {
        log_write(LOG_WARN, "the service manager could not be notified: %s",
                  strerrordesc_np(errno));
    }
}

void notify_reloading(const struct notify *notify)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void notify_close(struct notify *notify)
{
    if (notify->socket >= 0) {
        (void)close(notify->socket);
        notify->socket = -1;
    }
}
